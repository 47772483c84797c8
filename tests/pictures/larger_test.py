#!/usr/bin/env python3
"""Which pictures without an answer are looked at larger.

    larger_test.py PROGRAM RENDER.py

Where all text is high, pixels are not enlarged: that shows no more. Where some is low, they are, and
so is what a picture holds itself. Skipped (exit status 77) without the models, Pillow, NumPy and the
fonts of tools/render/README.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import program
from rendered_test import need_renderer

WORDS = ("Do not cover", "Ethernet 1", "Made in Taiwan", "Keep dry and cool")
# Name, width and height of the picture, height of its last line's font, whether it is looked at larger.
CASES = (("high.png", 640, 480, 36, False), ("low.png", 640, 480, 6, True),
         ("wide.png", 1600, 1200, 80, True))


def picture(width: int, height: int, last: int) -> object:
    sizes = [height * 36 // 480] * (len(WORDS) - 1) + [last]
    return program.with_noise(program.panel(width, height, [
        (width // 10, height * (i + 1) // 5, size, text)
        for i, (size, text) in enumerate(zip(sizes, WORDS))]))


def main() -> int:
    binary = Path(sys.argv[1]).resolve()
    program.need_models(binary)
    need_renderer(Path(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        for name, width, height, last, _ in CASES:
            picture(width, height, last).save(Path(folder) / name)
        results = program.read(binary, [], Path(folder), Path(folder) / "out.jsonl")
    looks = {Path(result["file"]).name: result["looks"] for result in results}
    wrong = [name for name, *_, larger in CASES
             if ("middle" in looks[name] or "full" in looks[name]) != larger]
    for name in wrong:
        print(f"{name}: looks {', '.join(looks[name])}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
