"""Sheets of codes in many fonts, with known text: what the last layer for codes is learned from.

Other fonts, and other ways to blur and to light them, than those of tools/render, which shows whole
devices in few: a layer learned from those alone reads them, and nothing else, better. Needs the
packages of PACKAGES and what tools/render needs.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import Pool
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "render"))
import fonts  # noqa: E402
import serials  # noqa: E402

PACKAGES = tuple("fonts-" + name for name in """
    3270 adf-gillius adf-libris adf-switzera adf-universalis adf-verana agave allerta anonymous-pro
    b612 bebas-neue beteckna cabin cantarell clear-sans courier-prime croscore crosextra-carlito
    dosis eurofurence fantasque-sans firacode freefont-ttf gnutypewriter go hermit inconsolata
    ipaexfont-gothic jetbrains-mono jura karla lato league-mono league-spartan manrope millimetre
    monofur monoid mononoki mplus nanum national-park noto-mono open-sans oxygen paratype play
    quicksand roadgeek routed-gothic sil-andika sora takao-gothic texgyre tiresias tuffy urw-base35
    vlgothic wqy-zenhei yanone-kaffeesatz""".split())
SLANTED = ("italic", "oblique", "-it.", "ital.", "chancery", "symbol", "dingbat", "math")
LINES = 14  # of a sheet
WORDS = ("S/N: ", "SN: ", "S/N ", "SN ", "Serial No. ", "Serial: ", "SERIAL NO: ", "Serial Number ",
         "Ser. ", "No. ", "Model ", "P/N: ", "ID ", "MAC ", "Service Tag: ", "")
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ" * 4 + "IOQ" * 2  # makers avoid what looks like a digit


@dataclass
class Line:
    """One line of a sheet; quad: of its capitals, clockwise from the top left."""

    text: str
    quad: np.ndarray
    package: str


@lru_cache
def files() -> dict[str, list[str]]:
    """Font files by package, tools/render's by their short names; fails where one is missing."""
    found = {}
    for package in PACKAGES:
        listed = subprocess.run(("dpkg", "-L", package), capture_output=True, text=True, check=False)
        paths = [path for path in listed.stdout.splitlines()
                 if path.lower().endswith((".ttf", ".otf", ".ttc", ".t1"))
                 and not any(word in path.lower() for word in SLANTED)]
        if not paths:
            raise SystemExit(f"no fonts of {package}: apt-get install {' '.join(PACKAGES)}")
        found[package] = sorted(paths)
    return found | {"render-" + name: [str(fonts.ROOT / path)] for name, path in fonts.FILES.items()}


def some_text(rng: Random) -> str:
    """A code as makers write them, or one by chance."""
    if rng.random() < 0.45:
        makes = (serials.any_serial, serials.any_serial, serials.part, serials.fcc_id, serials.asset)
        return rng.choice(makes)(rng).printed
    letters = rng.choice((0.2, 0.4, 0.6, 0.8))
    return "".join(rng.choice(LETTERS) if rng.random() < letters else rng.choice("0123456789")
                   for _ in range(rng.randrange(6, 15)))


def font_of(path: str, capitals: float) -> ImageFont.FreeTypeFont | None:
    """The font at the size at which its capitals are so many pixels high; None: it has none."""
    first = ImageFont.truetype(path, int(capitals * 1.4))
    box = first.getbbox("H0")
    high = box[3] - box[1]
    if high < 4 or bytes(first.getmask("O")) == bytes(first.getmask("\uffff")):
        return None
    return ImageFont.truetype(path, max(4, int(capitals * 1.4 * capitals / high)))


def draw(rng: Random, text: str, font: ImageFont.FreeTypeFont, capitals: float
         ) -> tuple[Image.Image, np.ndarray] | None:
    """The text's cover, 255 where ink is, with room round it, and the quad of its capitals."""
    spacing = rng.choice((0, 0, 0, rng.uniform(-0.04, 0.35))) * capitals
    widths = [font.getlength(c) for c in text]
    total = sum(widths) + spacing * (len(text) - 1) if spacing else font.getlength(text)
    box = font.getbbox("H0B8")
    room = int(capitals)
    mask = Image.new("L", (int(total) + 2 * room, box[3] - box[1] + 2 * room), 0)
    pen = ImageDraw.Draw(mask)
    if spacing:
        x = float(room)
        for c, width in zip(text, widths):
            pen.text((x, room - box[1]), c, font=font, fill=255)
            x += width + spacing
    else:
        pen.text((room, room - box[1]), text, font=font, fill=255)
    ink = mask.getbbox()
    if ink is None:
        return None
    chance = rng.random()
    if chance < 0.12:
        mask = mask.filter(ImageFilter.MaxFilter(3))
    elif chance < 0.2 and capitals > 40:
        mask = mask.filter(ImageFilter.MinFilter(3))
    top, bottom = room, room + box[3] - box[1]
    return mask, np.array([[ink[0], top], [ink[2], top], [ink[2], bottom], [ink[0], bottom]], float)


def see(rng: Random, mask: Image.Image, quad: np.ndarray, scale: int, capitals: float
        ) -> tuple[Image.Image, np.ndarray]:
    """Stretched, turned and slanted a little, `scale` times smaller, blurred."""
    stretch = rng.choice((1, 1, rng.uniform(0.7, 1.35)))
    angle, slant = np.radians(rng.gauss(0, 1.2)), rng.choice((0, 0, 0, rng.uniform(-0.25, 0.25)))
    way = np.array([[stretch * np.cos(angle), slant - np.sin(angle)],
                    [stretch * np.sin(angle), np.cos(angle)]]) / scale
    w, h = mask.size
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], float) @ way.T
    shift = -corners.min(0)
    size = np.ceil(np.ptp(corners, 0)).astype(int) + 1
    back = np.linalg.inv(way)
    origin = -back @ shift
    out = mask.filter(ImageFilter.GaussianBlur(0.5 * scale)).transform(
        (int(size[0]), int(size[1])), Image.Transform.AFFINE,
        (*back[0], origin[0], *back[1], origin[1]), Image.Resampling.BICUBIC)
    blur = rng.choice((0, rng.uniform(0, 0.06), rng.uniform(0, 0.13))) * capitals
    if blur > 0.3:
        out = out.filter(ImageFilter.GaussianBlur(blur))
    if rng.random() < 0.1:  # moved
        out = out.filter(ImageFilter.Kernel((5, 5), [i // 5 == 2 for i in range(25)], 5))
    return out, quad @ way.T + shift


def light(rng: Random, noise: np.random.Generator, cover: Image.Image, capitals: float
          ) -> np.ndarray:
    """Grey values: ink on paper or the other way round, or engraved; light, noise."""
    a = np.asarray(cover, np.float32) / 255
    paper = rng.uniform(90, 255)
    contrast = rng.uniform(35, 90 if rng.random() < 0.4 else 230)
    ink = max(0.0, paper - contrast)
    if rng.random() < 0.3:
        paper, ink = ink, paper
    if rng.random() < 0.12:  # light and shadow beside the strokes
        d = max(1, round(0.06 * capitals))
        edge = np.roll(a, (d, d), (0, 1)) - np.roll(a, (-d, -d), (0, 1))
        grey = (paper + contrast * 0.7 * edge * rng.choice((-1, 1))
                + rng.uniform(-0.5, 0.5) * contrast * a)
    else:
        grey = paper + (ink - paper) * a
    y, x = np.mgrid[0:a.shape[0], 0:a.shape[1]]
    grey = grey * (1 + rng.uniform(-0.25, 0.25) * (x / a.shape[1] - 0.5)
                   + rng.uniform(-0.2, 0.2) * (y / a.shape[0] - 0.5))
    sigma = rng.choice((0, 0, rng.uniform(0, 6), rng.uniform(0, 14)))
    if sigma > 0.5:
        grey = grey + noise.normal(0, sigma, a.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def make_line(rng: Random, noise: np.random.Generator) -> tuple[np.ndarray, Line] | None:
    """A line with capitals of 8 to 48 pixels; None: this font cannot write it."""
    capitals = 2 ** rng.uniform(3.05, 5.6)
    scale = 3 if capitals < 24 else 2
    package = rng.choice(sorted(files()))
    path = rng.choice(files()[package])
    text = (rng.choice(WORDS) if rng.random() < 0.6 else "") + some_text(rng)
    try:
        font = font_of(path, capitals * scale)
        drawn = font and draw(rng, text, font, capitals * scale)
    except OSError:  # a letter without a picture
        return None
    if not drawn:
        return None
    cover, quad = see(rng, *drawn, scale, capitals)
    return light(rng, noise, cover, capitals), Line(text, quad, package)


def make_sheet(job: tuple[int, int, Path]) -> list[str]:
    """Writes a sheet, lines one below the other; returns a row for each: file, quad, text, font."""
    seed, index, out = job
    rng, noise = Random(seed * 1000003 + index), np.random.default_rng((seed, index))
    made = [line for _ in range(LINES) if (line := make_line(rng, noise))]
    page = np.full((sum(grey.shape[0] for grey, _ in made),
                    max(grey.shape[1] for grey, _ in made)), 128, np.uint8)
    path, y, rows = out / f"{index:05d}.jpg", 0, []
    for grey, line in made:
        page[y:y + grey.shape[0], :grey.shape[1]] = grey
        quad = " ".join(f"{v:.1f}" for v in (line.quad + (0, y)).ravel())
        rows.append(f"{path}\t{quad}\t{line.text}\t{line.package}")
        y += grey.shape[0]
    Image.fromarray(page).save(path, quality=rng.randrange(45, 96))
    return rows


def make_sheets(seed: int, count: int, out: Path, jobs: int) -> list[str]:
    """`count` sheets in `out`, the rows of all their lines."""
    out.mkdir(parents=True, exist_ok=True)
    files()
    with Pool(jobs) as pool:
        rows = pool.map(make_sheet, [(seed, index, out) for index in range(count)], chunksize=16)
    return [row for sheet in rows for row in sheet]
