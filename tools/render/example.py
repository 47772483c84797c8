#!/usr/bin/env python3
"""Draws docs/example.jpg: the label on the underside of a notebook, serial number 5CG3274HKW.

    python3 tools/render/example.py docs/example.jpg
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

import barcodes
import camera
from panel import BLACK, Panel
from serials import Identifier
from subject import Subject

SERIAL = Identifier("5CG3274HKW", "5CG3274HKW", "serial", "hp-10")
PART = Identifier("4XKT27-051", "4XKT27-051", "part", "part")
MAC = Identifier("A4F0C29B375E", "A4:F0:C2:9B:37:5E", "mac", "mac-48")


def label(u: float) -> Panel:
    """The sticker; `u` is the height of the serial number's capitals."""
    panel = Panel(32 * u, 18.2 * u, (244, 244, 241, 255))
    left, module = 1.5 * u, max(1, round(u / 12))

    def field(x: float, y: float, word: str, value: str, code: Identifier | None = None) -> None:
        end = panel.text(x, y, word, "roboto", 0.72 * u, role="anchor")
        panel.text(end + 0.45 * u, y, value, "roboto-medium", 0.72 * u, code=code)

    panel.text(left, 2.9 * u, "NORVIK", "inter-bold", 1.5 * u, tracking=0.12)
    panel.text(30.5 * u, 2.9 * u, "Notebook Computer", "roboto", 0.8 * u, align="r")
    panel.draw.line((left, 3.7 * u, 30.5 * u, 3.7 * u), BLACK, max(1, round(u / 16)))
    field(left, 5.2 * u, "Model:", "NB-1480 G3")
    field(16.5 * u, 5.2 * u, "Input:", "20V DC, 3.25A")
    field(left, 6.7 * u, "P/N:", PART.printed, PART)
    field(16.5 * u, 6.7 * u, "WLAN MAC:", MAC.printed, MAC)
    end = panel.text(left, 9.1 * u, "S/N:", "roboto", u, role="anchor")
    panel.text(end + 0.6 * u, 9.1 * u, SERIAL.printed, "roboto-medium", u, code=SERIAL)
    panel.bars(left, 9.7 * u, barcodes.code128(SERIAL.text), 2.4 * u, module)
    panel.text(left, 13.6 * u, "FCC ID: 2ANRV-NB1480   IC: 4217A-NB1480", "roboto", 0.62 * u)
    panel.text(left, 14.8 * u, "This device complies with Part 15 of the FCC Rules.", "roboto",
               0.62 * u)
    panel.text(left, 17.0 * u, "CE   UL   FC", "inter-bold", 1.1 * u)
    panel.text(30.5 * u, 17.0 * u, "Made in Taiwan   2024-07", "roboto", 0.62 * u, align="r")
    panel.matrix(23.5 * u, 8.1 * u, f"https://example.com/d/{SERIAL.text}",
                 max(1, round(u / 5.5)))
    panel.round_corners(0.6 * u)
    return panel


def main() -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    rng = Random("example 6")
    cap = 24.0
    panel = label(1.5 * cap)
    focus = next(text for text in panel.texts if text.code is SERIAL)
    shot = camera.Shot(cap=cap, yaw=-9, pitch=13, roll=-2.5, quarter_turns=0, uneven=0.3, glare=0.0,
                       blur=0.5, motion=0.0, noise=1.6, quality=82, sharpen=0.4,
                       cast=(1.01, 1.0, 0.985), exposure=0.97)
    subject = Subject(panel, "aluminium", "sticker", 1.5 * cap)
    picture, _ = camera.photograph(rng, subject, shot, focus)
    picture.save(options.out, "JPEG", quality=shot.quality)
    return 0


if __name__ == "__main__":
    sys.exit(main())
