#!/usr/bin/env python3
"""How photographs are read that were changed as another camera or hand would have.

    python3 tools/calibrate/changed.py --program build/serialeye --photos DIR --work build/changed \\
        [--mixed 14]

turns, scales, darkens, blurs … every photograph of DIR (with photos.tsv) in 20 ways, and in as many
mixtures as --mixed says (seeded), and reads them. Prints a row for each way, then every answer that
is sure and wrong: a look at the same things by other pixels finds what one picture of each hides.
What lies in --work from before is used again. A row of the truth holds for all its copies, so where
a copy is cut, an edge that is turned away from the picture's is none that the program can see.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

import samples

Change = Callable[[Image.Image], Image.Image]
QUALITY = 88
SMALLEST = 300  # shorter side that a mixture scales to, at least


def scaled(x: float, y: float) -> Change:
    """By factors of width and height."""
    def change(image: Image.Image) -> Image.Image:
        size = max(1, round(image.width * x)), max(1, round(image.height * y))
        return image.resize(size, Image.LANCZOS if min(x, y) <= 1 else Image.BICUBIC)
    return change


def turned(degrees: float) -> Change:
    """Counterclockwise; corners of the mean colour."""
    def change(image: Image.Image) -> Image.Image:
        mean = tuple(int(level) for level in np.asarray(image.resize((1, 1)))[0, 0])
        return image.rotate(degrees, Image.BICUBIC, expand=True, fillcolor=mean)
    return change


def tilted(image: Image.Image) -> Image.Image:
    """Two opposite corners moved in by 6 %."""
    w, h = image.size
    source = ((0, 0), (w, 0), (w, h), (0, h))
    target = ((0.06 * w, 0.06 * h), (w, 0), (0.94 * w, 0.94 * h), (0, h))
    rows, right = [], []
    for (x, y), (u, v) in zip(target, source):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return image.transform(image.size, Image.PERSPECTIVE, np.linalg.solve(rows, right),
                           Image.BICUBIC)


def lit(brightness: float, contrast: float = 1.0) -> Change:
    """By factors of contrast, then of brightness."""
    return lambda image: ImageEnhance.Brightness(
        ImageEnhance.Contrast(image).enhance(contrast)).enhance(brightness)


def lit_from_a_side(image: Image.Image) -> Image.Image:
    """Dark on the left, too bright on the right."""
    light = np.linspace(0.35, 1.25, image.width)[None, :, None]
    return _of(np.asarray(image) * light)


def noisy(deviation: float, seed: int = 1) -> Change:
    """Grey noise, in levels."""
    def change(image: Image.Image) -> Image.Image:
        noise = np.random.default_rng(seed).normal(0, deviation, (image.height, image.width, 1))
        return _of(np.asarray(image) + noise)
    return change


def blurred(radius: float | None = None) -> Change:
    """In pixels; a 1200th of the longer side."""
    return lambda image: image.filter(
        ImageFilter.GaussianBlur(radius or max(image.size) / 1200))


def shaken(image: Image.Image) -> Image.Image:
    """Smeared sideways by a 500th of the longer side."""
    count = max(2, max(image.size) // 500)
    pixels = np.asarray(image).astype(float)
    return _of(sum(np.roll(pixels, i, 1) for i in range(count)) / count)


def packed(quality: int) -> Change:
    """As JPEG."""
    def change(image: Image.Image) -> Image.Image:
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality)
        return Image.open(data).convert("RGB")
    return change


def cut(left: float, top: float, right: float, bottom: float) -> Change:
    """To these parts of width and height."""
    return lambda image: image.crop((int(image.width * left), int(image.height * top),
                                     int(image.width * right), int(image.height * bottom)))


def _of(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))


WAYS: dict[str, Change] = {
    "half": scaled(0.5, 0.5), "0.7": scaled(0.7, 0.7), "0.85": scaled(0.85, 0.85),
    "1.3": scaled(1.3, 1.3), "flat": scaled(1, 0.75), "turn-4": turned(4), "turn-9": turned(-9),
    "turn-16": turned(16), "turn-90": turned(90), "turn-180": turned(180),
    "turn-270": turned(270), "tilt": tilted, "dark": lit(0.6, 0.6), "bright": lit(1.5),
    "side": lit_from_a_side, "blur": blurred(), "shake": shaken, "noise": noisy(14),
    "jpeg-30": packed(30), "cut": cut(0.06, 0.06, 0.97, 0.95)}


def mixture(seed: int) -> Change:
    """Some of them, drawn anew for each photograph."""
    draw = random.Random(seed)

    def change(image: Image.Image) -> Image.Image:
        chosen: list[Change] = []
        if draw.random() < 0.5:
            low, high = ([draw.uniform(0, 0.12) for _ in range(2)] for _ in range(2))
            chosen.append(cut(low[0], low[1], 1 - high[0], 1 - high[1]))
        scale = draw.choice((0.45, 0.6, 0.8, 1, 1))
        if min(image.size) * scale < SMALLEST:
            scale = 1
        chosen.append(scaled(scale * draw.uniform(0.85, 1), scale))
        for part, way in ((0.5, turned(draw.uniform(-7, 7))),
                          (0.25, turned(draw.choice((90, 180, 270)))), (0.3, tilted),
                          (0.3, blurred(draw.uniform(0.3, 1))),
                          (0.3, lit(draw.uniform(0.5, 1.3), draw.uniform(0.5, 1.5))),
                          (0.3, packed(draw.choice((25, 40, 60)))), (0.3, lit_from_a_side),
                          (0.3, noisy(draw.uniform(3, 12), seed))):
            if draw.random() < part:
                chosen.append(way)
        for way in chosen:
            image = way(image)
        return image
    return change


def make(photos: Path, out: Path, change: Change) -> None:
    """Changed copies with their truth, unless they are there."""
    table = out / "truth.tsv"
    if table.is_file():
        return
    rows = samples.truth_of(photos).values()
    written = []
    for row in rows:
        name = str(Path(row["file"]).with_suffix("")) + "-" + Path(row["file"]).suffix[1:] + ".jpg"
        with Image.open(photos / row["file"]) as image:
            copy = change(ImageOps.exif_transpose(image).convert("RGB"))
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        copy.save(out / name, quality=QUALITY)
        written.append(row | {"file": name})
    with open(table, "w", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(written[0]), delimiter="\t", quoting=csv.QUOTE_NONE,
                                quotechar=None, lineterminator="\n")
        writer.writeheader()
        writer.writerows(written)


def judge(name: str, folder: Path, run: Path) -> list[str]:
    """Prints a row of the table; what is sure and wrong."""
    readings, _ = samples.load(folder, run)
    first = [s for s in readings if s.place == 0 and s.asked and s.right]
    wrong = [s for s in readings if s.status == "sure" and not s.right]
    sure = sum(s.status == "sure" for s in first)
    print(f"| {name} | {len(first)} | {sure} | {len(wrong)} |")
    return [f"{name}: {s.file}: {s.text} (reading {s.place + 1})" for s in wrong]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="folder with photos.tsv")
    parser.add_argument("--work", type=Path, required=True, help="folder for copies and readings")
    parser.add_argument("--mixed", type=int, default=0, help="mixtures besides")
    options = parser.parse_args()
    ways = WAYS | {f"mixed-{seed}": mixture(seed) for seed in range(1, options.mixed + 1)}
    wrong = []
    print("| way | right | of these sure | sure and wrong, all readings |\n|---|---|---|---|")
    for name, change in ways.items():
        folder, run = options.work / name, options.work / f"{name}.jsonl"
        make(options.photos, folder, change)
        if not run.is_file():
            subprocess.run([options.program, "read", "--json", "--time-limit", "0", "--out",
                            run.with_suffix(".part"), folder], check=True)
            run.with_suffix(".part").rename(run)
        wrong += judge(name, folder, run)
    print("\n".join(wrong))


if __name__ == "__main__":
    main()
