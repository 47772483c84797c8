#!/usr/bin/env python3
"""Renders a panel of clear text with a sticker on its head, which alone has the serial number.

    upside_down_test.py PROGRAM RENDER.py

The serial number must be found though all other text says that the picture is the right way up, and
with the whole picture on its head as well. Skipped (exit status 77) without the models, Pillow,
NumPy and the fonts of tools/render/README.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import program
from rendered_test import need_renderer

SERIAL = "TW8K3F57M2X"
PANEL = ("POWER", "RESET", "Ethernet 1", "Ethernet 2", "Do not cover the vents",
         "Made in Taiwan", "12V DC 2A")


def picture() -> object:
    from PIL import Image, ImageDraw
    import fonts
    image = program.panel(900, 700, [(60, 70 + 58 * i, 28, text) for i, text in enumerate(PANEL)])
    sticker = Image.new("RGB", (520, 120), (250, 250, 250))
    ImageDraw.Draw(sticker).text((20, 75), "S/N: " + SERIAL, font=fonts.font("dejavu", 30),
                                 fill=(20, 20, 20), anchor="ls")
    image.paste(sticker.rotate(180), (330, 540))
    return program.with_noise(image)


def main() -> int:
    binary = Path(sys.argv[1]).resolve()
    program.need_models(binary)
    need_renderer(Path(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("panel.png", "turned.png")]
        upright = picture()
        upright.save(files[0])
        upright.rotate(180).save(files[1])
        run = [binary, "read", "--json", "--time-limit", "0", *files]
        out = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    wrong = 0
    for line in out.splitlines():
        result = json.loads(line)
        best = result["readings"][0] if result["readings"] else {"text": None, "status": None}
        # How sure it is of the turned picture is not asked: two of its characters stand so far apart
        # that one may be missing between them.
        sure = best["status"] == "sure" or "turned" in result["file"]
        if best["text"] != SERIAL or not sure:
            print(f"{result['file']}: {best['text']} ({best['status']}), not {SERIAL}")
            wrong += 1
    return 1 if wrong or len(out.splitlines()) != 2 else 0


if __name__ == "__main__":
    sys.exit(main())
