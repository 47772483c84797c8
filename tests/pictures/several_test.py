#!/usr/bin/env python3
"""Renders pictures of several devices and reads them.

    several_test.py PROGRAM RENDER.py

Each label must have a reading of its own, a serial number announced by "S/N", at its place, whose
score is that of its own characters and not of one device among several.
Skipped (exit status 77) without the models, Pillow, NumPy and the fonts of tools/render/README.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import program
from rendered_test import need_renderer
from same_device_test import Label

SERIALS = ("TW8K3F57M2X", "TW8K3F81M9C", "5CG3274HKW", "FOC2144W0AB", "8KD2P13", "C02Y95LGJG5H")
# The five that are read without doubt score 0.99 and more, 8KD2P13 is short.
LEAST = 0.9
# Size of the picture; of each label its left, top and scale; what it is read with. Text that is under
# 5 pixels high in a first look of 640 may not be found there, and nothing looks for more once another
# label has answered.
PICTURES = {
    "two side by side": ((1980, 540), ((60, 60, 1.0), (1020, 60, 1.0)), "detect_side=640"),
    "four of different sizes": ((1900, 1100), ((40, 40, 1.0), (1000, 60, 0.6), (1000, 500, 0.45),
                                               (60, 560, 0.4)), "detect_side=1280"),
    "six, small": ((1470, 510), tuple((30 + 480 * (i % 3), 30 + 240 * (i // 3), 0.5)
                                      for i in range(6)), "detect_side=640"),
}


def main() -> None:
    binary, render = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    program.need_models(binary)
    need_renderer(render)
    from PIL import Image
    faults = []
    with tempfile.TemporaryDirectory() as name:
        for what, (size, places, setting) in PICTURES.items():
            image = Image.new("RGB", size, (90, 95, 100))
            for number, (left, top, scale) in enumerate(places):
                label = Label(SERIALS[number], number).image
                image.paste(label.resize((round(900 * scale), round(420 * scale)),
                                         Image.Resampling.LANCZOS), (left, top))
            path = Path(name) / "several.jpg"
            image.save(path, quality=90)
            done = subprocess.run([binary, "read", "--json", "--time-limit", "0", "--set", setting,
                                   path],
                                  capture_output=True, text=True, check=True)
            readings = {one["text"]: one for one in json.loads(done.stdout)["readings"]}
            for number, (left, top, scale) in enumerate(places):
                one = readings.get(SERIALS[number])
                if one is None or one["kind"] != "serial" or one.get("anchor") != "s/n":
                    faults.append(f"{what}: {SERIALS[number]} is read as {one}")
                elif one["score"] < LEAST:
                    faults.append(f"{what}: {SERIALS[number]} is given {one['score']}")
                elif not all(left <= x <= left + 900 * scale and top <= y <= top + 420 * scale
                             for x, y in one["quad"]):
                    faults.append(f"{what}: {SERIALS[number]} stands at {one['quad']}")
            print(what, {text: one["score"] for text, one in readings.items()})
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
