#!/usr/bin/env python3
"""Print that the edge of a closer look cuts.

    closer_test.py PROGRAM RENDER.py

Low print, found only once its surroundings are looked at closer, at the edge of that look, and long
lines that are read after it: their pixels must still be there. Skipped (exit status 77) without the
models, Pillow, NumPy and the fonts of tools/render/README.md.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import program
from rendered_test import need_renderer

GROUND = (120, 124, 118)
# Those of 40 to 59 whose lines lie so: the program ends in them when a closer look's lines are read from
# another rectangle. Which they are depends on what the detector sees of lines as faint as these.
SEEDS = (40, 45)


def picture(seed: int) -> object:
    """12 megapixels: a block of five lines, and faint low ones round it."""
    from PIL import Image, ImageDraw, ImageFilter
    import fonts
    chance = random.Random(seed)
    image = Image.new("RGB", (4608, 3456), GROUND)
    draw = ImageDraw.Draw(image)

    def put(x: int, y: int, size: int, symbols: int, contrast: int) -> None:
        text = "".join(chance.choice("08OQDB6G5S2Z1I7") for _ in range(symbols))
        draw.text((x, y), text, font=fonts.font("dejavu", size),
                  fill=tuple(c - contrast for c in GROUND))

    left, top = chance.randint(900, 1800), chance.randint(900, 1800)
    for below in range(-400, 1100, 70):
        put(left + chance.randint(-400, 1500), top + below, chance.choice([32, 36, 40, 44]),
            chance.randint(5, 12), chance.choice([5, 7, 9, 12]))
    for _ in range(5):
        size = chance.choice([48, 60, 84, 84, 96])
        draw.rectangle((left - 20, top - 10, left + 1300, top + size + 20), fill=GROUND)
        put(left, top, size, chance.randint(18, 24) if size > 70 else chance.randint(5, 20),
            chance.choice([25, 40]))
        top += int(size * 1.5)
    return image.filter(ImageFilter.GaussianBlur(1.5))


def main() -> int:
    binary = Path(sys.argv[1]).resolve()
    program.need_models(binary)
    need_renderer(Path(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            picture(seed).save(Path(folder) / f"{seed}.jpg", quality=85)
        results = program.read(binary, [], Path(folder), Path(folder) / "out.jsonl")
    wrong = [result for result in results
             if "closer" not in result["looks"] or not result["readings"]]
    for result in wrong:
        print(f"{Path(result['file']).name}: looks {', '.join(result['looks'])}, "
              f"{len(result['readings'])} readings")
    return 1 if wrong or len(results) != len(SEEDS) else 0


if __name__ == "__main__":
    sys.exit(main())
