#!/usr/bin/env python3
"""Renders labels of one device with different damage and reads them together.

    same_device_test.py PROGRAM RENDER.py

Each picture alone must not give the right answer for sure, all of a device together must; pictures
of two devices must not give a sure answer. Skipped (exit status 77) without the models, Pillow,
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
OTHER = "TW8K3F51M2X"  # of the same model: one character differs
INK = (30, 30, 30)
TOP, CAP = 200, 28  # of the serial number, pixels


class Label:
    """A product label, and where the characters of its serial number begin."""

    def __init__(self, serial: str, seed: int) -> None:
        import numpy
        from PIL import Image, ImageDraw
        import fonts
        image = Image.new("RGB", (900, 420), (232, 232, 228))
        draw = ImageDraw.Draw(image)
        for y, cap, text in ((60, 32, "ACME Router 400"), (140, 25, "Model: AR-400X"),
                             (320, 20, "Made in Taiwan   12V DC 2A")):
            draw.text((60, y), text, font=fonts.font("dejavu", cap), fill=INK, anchor="ls")
        font = fonts.font("dejavu", CAP)
        x = 60 + draw.textlength("S/N: ", font=font)
        draw.text((60, TOP + CAP), "S/N: " + serial, font=font, fill=INK, anchor="ls")
        self.edges = [x + draw.textlength(serial[:i], font=font) for i in range(len(serial) + 1)]
        noise = numpy.random.default_rng(seed).normal(0, 7, (420, 900, 3))
        self.image = Image.fromarray(numpy.clip(numpy.asarray(image) + noise, 0, 255)
                                     .astype("uint8"))

    def _damage(self, first: int, last: int, strength: int, by: object) -> Label:
        from PIL import Image, ImageDraw, ImageFilter
        mask = Image.new("L", self.image.size, 0)
        ImageDraw.Draw(mask).ellipse((self.edges[first] - 4, TOP - 26, self.edges[last] + 4,
                                      TOP + CAP + 26), fill=strength)
        self.image = Image.composite(by, self.image, mask.filter(ImageFilter.GaussianBlur(4)))
        return self

    def glare(self, first: int, last: int) -> Label:
        """Whitens the characters from `first` up to `last`."""
        from PIL import Image
        return self._damage(first, last, 247, Image.new("RGB", self.image.size, (252, 252, 250)))

    def smear(self, first: int, last: int, radius: float) -> Label:
        """Blurs the characters from `first` up to `last`."""
        from PIL import ImageFilter
        blurred = self.image.filter(ImageFilter.GaussianBlur(radius))
        return self._damage(first, last, 255, blurred)


def read(binary: Path, folder: Path, labels: list[Label]) -> tuple[list[dict], dict]:
    """What each picture says alone, and what all say together."""
    files = []
    for number, label in enumerate(labels):
        files.append(str(folder / f"{number}.jpg"))
        label.image.save(files[-1], quality=90)
    run = [binary, "read", "--json", "--time-limit", "0"]
    alone = subprocess.run([*run, *files], capture_output=True, text=True, check=True).stdout
    both = subprocess.run([*run, "--same-device", *files], capture_output=True, text=True,
                          check=True).stdout
    return [json.loads(line) for line in alone.splitlines()], json.loads(both)


def best(result: dict) -> tuple[str, str]:
    """Text and status of the first reading."""
    if not result["readings"]:
        return "", "none"
    return result["readings"][0]["text"], result["readings"][0]["status"]


def main() -> None:
    binary, render = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    program.need_models(binary)
    need_renderer(render)
    faults = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def check(what: str, labels: list[Label], want: tuple[str, str] | None) -> None:
            alone, both = read(binary, folder, labels)
            print(what, [best(one) for one in alone], "together", best(both),
                  both["readings"][0]["score"])
            if want and any(best(one) == (SERIAL, "sure") for one in alone):
                faults.append(f"{what}: one picture is enough, nothing is tested")
            if want and best(both)[0] != want[0] or want and want[1] and best(both)[1] != want[1]:
                faults.append(f"{what}: {best(both)} instead of {want}")
            if not want and any(one["status"] == "sure" and one["kind"] in ("serial", "code")
                                for one in both["readings"]):
                faults.append(f"{what}: sure of {best(both)}")

        check("other parts doubtful",
              [Label(SERIAL, 0).smear(0, 3, 4.4), Label(SERIAL, 1).smear(7, 10, 5.5)], (SERIAL, "sure"))
        check("misread and doubtful",
              [Label(SERIAL, 0).smear(0, 3, 5.5), Label(SERIAL, 1).smear(7, 10, 5.5)], (SERIAL, ""))
        # Two characters are hidden in each: what is right is found, and said to be worth a look.
        check("other parts hidden", [Label(SERIAL, 0).glare(2, 4), Label(SERIAL, 1).glare(7, 9)],
              (SERIAL, ""))
        check("two devices", [Label(SERIAL, 0), Label(OTHER, 1)], None)
        check("two of three", [Label(SERIAL, 0), Label(SERIAL, 1), Label(OTHER, 2)], None)
        check("nothing alike", [Label(SERIAL, 0), Label("96A0041-C", 1)], None)
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
