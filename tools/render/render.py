#!/usr/bin/env python3
"""Renders pictures of devices with known serial numbers.

    python3 tools/render/render.py --seed 1 --count 200 --out DIR

writes DIR/KIND/NNNNN.jpg (or .png), `truth.tsv` (the columns that the scorer reads), `truth.jsonl`
(where every text stands) and `versions.json`. A picture depends on the seed, its index and the
versions of Pillow, NumPy and the fonts alone: not on how many others are made, nor on --jobs.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Callable

import numpy as np
import PIL
from PIL import Image, features

import camera
import damage
import fonts
import labels
import marks
import metal
import screens
from panel import Placed
from subject import Subject
from wear import wear

COLUMNS = ("file", "kind", "serial", "codes", "source", "commit", "licence", "note")

# kind -> (share of the pictures, maker of the subject)
KINDS: dict[str, tuple[int, Callable[[Random, float, bool], Subject]]] = {
    "labels": (28, labels.product_label),
    "etched": (15, metal.engraved),
    "dot-matrix": (9, marks.dot_matrix),
    "asset-tags": (9, labels.asset_tag),
    "screens": (12, screens.screen),
    "nameplates": (12, metal.nameplate),
    "boxes": (8, labels.box_label),
    "vin": (4, metal.vin_plate),
    "containers": (3, marks.container_wall),
}
WITHOUT_SERIAL = ("labels", "etched", "nameplates", "boxes", "screens", "dot-matrix")
SHARE_WITHOUT = 0.1
# Of the pictures without a serial number: those where an edge of the picture cuts it.
SHARE_CUT = 0.25
LEVELS = {"easy": 0.0, "medium": 0.5, "hard": 1.0}
FIRST_OF_KINDS = ("serial", "asset", "mac", "imei", "vin", "container")
ORIENTATION_TAG = 0x0112
# EXIF orientation -> counterclockwise quarter turns of what is stored
STORED_TURNS = {6: 1, 3: 2, 8: 3}


@dataclass(frozen=True)
class Job:
    """One picture to make."""

    seed: int
    index: int
    kinds: tuple[str, ...]
    difficulty: str | None
    damaged: bool = False
    capitals: tuple[float, float] = camera.CAPITALS


@dataclass(frozen=True)
class Picture:
    """A finished picture: its file name, its bytes, its rows of truth."""

    name: str
    data: bytes
    row: dict[str, str]
    truth: dict[str, object]


def choose_kind(rng: Random, kinds: tuple[str, ...]) -> tuple[str, bool]:
    """What to draw, and whether it gets a serial number."""
    if "none" in kinds and (len(kinds) == 1 or rng.random() < SHARE_WITHOUT):
        return rng.choice(WITHOUT_SERIAL), False
    drawn = [kind for kind in kinds if kind != "none"]
    return rng.choices(drawn, [KINDS[kind][0] for kind in drawn])[0], True


def answers(texts: list[Placed], with_serial: bool) -> list[Placed]:
    """The texts that answer the question for the serial number: of the kind that comes first."""
    if not with_serial:
        return []
    for kind in FIRST_OF_KINDS:
        found = [t for t in texts if t.role == kind]
        if found:
            return found
    return []


def encode(rng: Random, picture: Image.Image, shot: camera.Shot) -> tuple[bytes, str, int]:
    """The file's bytes, its ending and its EXIF orientation; some are stored turned."""
    orientation = rng.choice((6, 8, 3)) if rng.random() < 0.04 else 1
    buffer = io.BytesIO()
    if orientation == 1 and rng.random() < 0.06:
        picture.save(buffer, "PNG", compress_level=6)
        return buffer.getvalue(), "png", 1
    exif = Image.Exif()
    if orientation != 1:
        exif[ORIENTATION_TAG] = orientation
        picture = turned(picture, STORED_TURNS[orientation])
    picture.save(buffer, "JPEG", quality=shot.quality, subsampling=rng.choice((0, 2, 2)),
                 exif=exif)
    return buffer.getvalue(), "jpg", orientation


def turned(picture: Image.Image, quarter_turns: int) -> Image.Image:
    """The picture after counterclockwise quarter turns."""
    turns = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180,
             3: Image.Transpose.ROTATE_270}
    return picture.transpose(turns[quarter_turns]) if quarter_turns else picture


def render(job: Job) -> Picture:
    """Draw, photograph and encode one picture."""
    rng = Random(f"{job.seed}:{job.index}")
    kind, with_serial = choose_kind(rng, job.kinds)
    difficulty = job.difficulty or rng.choices(("easy", "medium", "hard"), (35, 40, 25))[0]
    shot = camera.take(rng, difficulty, camera.cap_height(rng, *job.capitals))
    unit = min(max(1.3 * shot.cap, 18), 64)
    is_cut = not with_serial and rng.random() < SHARE_CUT
    subject = KINDS[kind][1](rng, unit, with_serial or is_cut)
    wear(rng, subject, LEVELS[difficulty])
    texts = subject.panel.texts
    found = answers(texts, with_serial or is_cut)
    focus = found[0] if found else max(texts, key=lambda t: len(t.text))
    hidden = None
    if job.damaged and found and not is_cut:
        hidden = damage.hide(Random(f"{job.seed}:{job.index}:damage"), subject, found)
    picture, matrix = camera.photograph(rng, subject, shot, focus, is_cut)
    size = picture.size
    picture = turned(picture, shot.quarter_turns)

    def place(text: Placed) -> list[tuple[float, float]]:
        points = camera.project(matrix, camera.corners(text.box))
        return [camera.turn_point(p, size, shot.quarter_turns) for p in points]

    def is_inside(quad: list[tuple[float, float]]) -> bool:
        return all(0 <= x <= picture.width and 0 <= y <= picture.height for x, y in quad)

    quads = {id(text): place(text) for text in texts}
    visible = [text for text in texts if is_inside(quads[id(text)])]
    data, ending, orientation = encode(rng, picture, shot)
    name = f"{kind if with_serial else 'none'}/{job.index:05d}.{ending}"
    codes = codes_of(visible)
    accepted = [t.code.text for t in found if t.code and t in visible]
    if is_cut and focus.code:  # the whole of it may stand in a barcode
        accepted = [focus.code.text for t in visible if t.code and t.code.text == focus.code.text]
    accepted = accepted or ["none"]
    cut = ", cut by an edge" if is_cut else ""
    if hidden:
        cut = f", characters {hidden['from']} to {hidden['to']} hidden: {hidden['kind']}"
    note = f"rendered, {difficulty}, capitals {shot.cap:.0f} px{cut}"
    row = {"file": name, "kind": name.split("/")[0], "serial": "|".join(dict.fromkeys(accepted)),
           "codes": "|".join(dict.fromkeys(codes)), "source": "tools/render",
           "commit": f"seed {job.seed} index {job.index}", "licence": "Apache-2.0", "note": note}
    truth: dict[str, object] = {
        "file": name, "kind": row["kind"], "serial": row["serial"],
        "format": focus.code.format if accepted != ["none"] and focus.code else None,
        "quad": _rounded(quads[id(focus)]) if accepted != ["none"] else None,
        "cap_height": round(shot.cap, 1), "difficulty": difficulty, "width": picture.width,
        "height": picture.height, "orientation": orientation,
        "quarter_turns": shot.quarter_turns,
        "damage": hidden,
        "texts": [{"text": t.text, "role": t.role, "quad": _rounded(quads[id(t)])}
                  for t in visible]}
    return Picture(name, data, row, truth)


def codes_of(visible: list[Placed]) -> list[str]:
    """As printed; of bars whose print is not in full view, or that have none, what they hold."""
    coded = [(t.text, t.role, t.code.text) for t in visible if t.code]
    printed = [(text, code) for text, role, code in coded if role != "barcode"]
    shown = {code for _, code in printed}
    return ([text for text, _ in printed]
            + [code for _, role, code in coded if role == "barcode" and code not in shown])


def _rounded(quad: list[tuple[float, float]]) -> list[list[float]]:
    return [[round(x, 1), round(y, 1)] for x, y in quad]


def versions() -> dict[str, str | None]:
    """What the bytes of the pictures depend on."""
    return {"python": platform.python_version(), "pillow": PIL.__version__,
            "numpy": np.__version__, "freetype": features.version("freetype2"),
            "jpeg": features.version("jpg")}


def write_set(pictures: list[Picture], out: Path) -> None:
    """The truth of a set; the pictures are already there."""
    with open(out / "truth.tsv", "w", encoding="utf-8") as table:
        table.write("\t".join(COLUMNS) + "\n")
        for picture in pictures:
            table.write("\t".join(picture.row[column] for column in COLUMNS) + "\n")
    with open(out / "truth.jsonl", "w", encoding="utf-8") as lines:
        for picture in pictures:
            lines.write(json.dumps(picture.truth, ensure_ascii=False) + "\n")
    (out / "versions.json").write_text(json.dumps(versions(), indent=1) + "\n", encoding="utf-8")


def capitals(text: str) -> tuple[float, float]:
    """The argument of --capitals."""
    low, dash, high = text.partition("-")
    if not dash or not camera.CAPITALS[0] <= float(low) <= float(high) <= camera.CAPITALS[1]:
        raise ValueError(text)
    return float(low), float(high)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=1, help="how many pictures (default 1)")
    parser.add_argument("--first", type=int, default=0, metavar="INDEX",
                        help="index of the first picture (default 0)")
    parser.add_argument("--kinds", default=",".join((*KINDS, "none")),
                        help="comma between; default all: %(default)s")
    parser.add_argument("--difficulty", choices=("easy", "medium", "hard"),
                        help="the same for all pictures (default: mixed)")
    parser.add_argument("--damaged", action="store_true",
                        help="hide some characters of every serial number and its bars")
    parser.add_argument("--capitals", type=capitals, default=camera.CAPITALS, metavar="LOW-HIGH",
                        help="heights of the serial number's capitals in pixels, within 8-60 "
                        "(default)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, metavar="DIR", help="folder for pictures and truth")
    target.add_argument("--single", type=Path, metavar="FILE",
                        help="write the first picture to FILE, print its truth")
    options = parser.parse_args(arguments)
    options.kinds = tuple(options.kinds.split(","))
    unknown = set(options.kinds) - {*KINDS, "none"}
    if unknown:
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command; gives its exit status."""
    options = parse(arguments)
    if absent := fonts.missing():
        print(f"fonts missing: {', '.join(absent)}\ninstall: {' '.join(fonts.PACKAGES)}",
              file=sys.stderr)
        return 2
    indices = range(options.first, options.first + options.count)
    jobs = [Job(options.seed, i, options.kinds, options.difficulty, options.damaged, options.capitals)
            for i in indices]
    if options.single:
        picture = render(jobs[0])
        options.single.write_bytes(picture.data)
        print(json.dumps(picture.truth, ensure_ascii=False))
        return 0
    done = []
    with multiprocessing.Pool(options.jobs) as pool:
        for picture in pool.imap(render, jobs):
            path = options.out / picture.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture.data)
            done.append(Picture(picture.name, b"", picture.row, picture.truth))
    options.out.mkdir(parents=True, exist_ok=True)
    write_set(done, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
