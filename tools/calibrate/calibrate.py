#!/usr/bin/env python3
"""Fits the probabilities of readings to what is true of them.

    python3 tools/calibrate/calibrate.py --program build/serialeye --work build/calibrate \\
        [--photos DIR] [--table src/serial/calibration_table.c]

renders a set of pictures (seeded, apart from the test set), reads them with --explain, fits a
logistic model of the terms, checks it on pictures that it was not fitted to, and writes the table.
With --photos (a folder with photos.tsv) photographs take part, each judged by a model fitted
without it. Pictures and readings that lie in --work from before are used again.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import model
import samples
from model import Model
from samples import Sample

Array = np.ndarray
RENDER = Path(__file__).resolve().parents[1] / "render" / "render.py"

# Term -> sign that its weight is held to: 1, more of it never lowers the probability; -1, never
# raises it; 0, free. The terms, as src/serial/evidence.h describes them.
SIGNS = {
    "prior": 0, "anchor": 1, "shape": 1, "cut": 1, "format": 1, "print": 1, "check": 1,
    "repair": 1, "barcode": 1, "places": 1, "ceiling": 0, "characters": 1, "certain": 1,
    "weakest": 1, "length": 0, "alike": -1, "height": 0, "rival": -1, "other": -1, "serial": 0,
    "clear": 1, "whole": 1, "lead": 1, "bare": -1, "known": 1, "proven": 1, "agreed": 1, "alone": 0, "twice": 1,
    "short": -1, "odd": -1, "small": -1, "edge": -1, "close": -1, "tight": -1,
    "digits": 0, "asked": -1, "device": 0, "network": -1,
    "trade": -1}
# Set by a second fit, over the readings that are not the first of their picture.
LATER = ("later-1", "later-2", "later-3")
# Taken off by hand, over what the fit says: what the pictures of the fit cannot tell. A network
# address read without fault says nothing of whether a serial number was overlooked, and most codes
# that are neither first nor of a device are not what anybody asked for.
REMOVED = {"network": -2.0, "later-3": -4.0}
# Not fitted: the weight that the program needs.
FIXED = {"top": 1.0}


# Names in C that differ from those that people see.
SHORT = {"network": "NET"}


@dataclass(frozen=True)
class Knobs:
    """What the fit is told. README.md gives the reasons."""

    ridge: float = 1.0
    prior: float = 0.0004
    photo_weight: float = 3.0
    knee: float = 4.0
    slope: float = 4.0
    limit: float = 7.6


def names_of(readings: list[Sample]) -> list[str]:
    """Terms that the first fit weighs, in the program's order."""
    known = set(SIGNS) | set(LATER) | set(FIXED) | {"bias"}
    names = list(readings[0].terms)
    if unknown := set(names) - known:
        raise SystemExit(f"terms without a row in SIGNS: {', '.join(sorted(unknown))}")
    return [name for name in names if name in SIGNS]


def weights_of(readings: list[Sample], photos: set[str], knobs: Knobs) -> Array:
    """How much each reading counts: photographs more than rendered pictures."""
    return np.array([knobs.photo_weight if s.file in photos else 1.0 for s in readings])


def fit(readings: list[Sample], photos: set[str], names: list[str], knobs: Knobs) -> dict[str, float]:
    """Weights by term, and "bias"."""
    first = [s for s in readings if s.place == 0]
    later = [s for s in readings if s.place > 0]
    signs = np.array([SIGNS[name] for name in names])
    found = model.fit(samples.matrix(first, names), np.array([s.right for s in first]),
                      weights_of(first, photos, knobs), signs, knobs.ridge, knobs.prior)
    weights = dict(zip(names, found.weights)) | {"bias": found.bias}
    offsets = samples.matrix(later, list(LATER))
    base = found.logit(samples.matrix(later, names))
    right = np.array([s.right for s in later])
    for column, name in enumerate(LATER):
        weights[name] = later_weight(base, right, offsets[:, column] > 0, knobs)
    for name, value in REMOVED.items():
        weights[name] += value
    return weights | FIXED


def later_weight(base: Array, right: Array, chosen: Array, knobs: Knobs) -> float:
    """What must be added to the sum of the `chosen` readings, found by bisection; never more than
    nothing: a later answer is no surer than a first one."""
    low, high = -12.0, 0.0
    if not chosen.any():
        return -4.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = model.sigmoid(base[chosen] + middle).sum() + knobs.prior
        low, high = (middle, high) if mean < right[chosen].sum() else (low, middle)
    return low


def probability(readings: list[Sample], weights: dict[str, float], knobs: Knobs) -> Array:
    """Of each reading being right, as the program computes it."""
    names = [n for n in weights if n not in FIXED and n != "bias"]
    found = Model(np.array([weights[n] for n in names]), weights["bias"])
    sums = found.logit(samples.matrix(readings, names))
    stretched = sums + (knobs.slope - 1) * np.maximum(sums - knobs.knee, 0)
    return model.sigmoid(np.minimum(stretched, knobs.limit))


def without_each(readings: list[Sample], photos: set[str], names: list[str],
                 knobs: Knobs) -> Array:
    """Probability of every photograph's readings by a model fitted without that photograph, and
    of every rendered picture's by one of five, fitted without its fifth. In the order given."""
    out = np.zeros(len(readings))
    files = sorted({s.file for s in readings})
    fold = {f: f if f in photos else f"fifth {int(hashlib.sha256(f.encode()).hexdigest(), 16) % 5}"
            for f in files}
    for held in sorted(set(fold.values())):
        weights = fit([s for s in readings if fold[s.file] != held], photos, names, knobs)
        inside = [i for i, s in enumerate(readings) if fold[s.file] == held]
        out[inside] = probability([readings[i] for i in inside], weights, knobs)
    return out


def describe(title: str, readings: list[Sample], p: Array, max_error: float) -> str:
    """One line: how honest and how useful probabilities are."""
    first = np.array([s.place == 0 for s in readings])
    asked = np.array([s.asked for s in readings])
    right = np.array([s.right for s in readings])
    sure = 1 - p < max_error
    wrong = int((sure & ~right).sum())
    error = model.calibration_error(p[first], right[first])
    return (f"{title}: sure {int((sure & first & asked & right).sum())} of "
            f"{int((first & asked & right).sum())} right and {int((first & asked).sum())} first "
            f"readings; sure in all {int(sure.sum())}, wrong {wrong}; "
            f"expected calibration error {100 * error:.1f} %")


def table_text(weights: dict[str, float], knobs: Knobs, lines: list[str]) -> str:
    """src/serial/calibration_table.c."""
    def row(name: str, value: float) -> str:
        term = "EVIDENCE_" + SHORT.get(name, name.upper().replace("-", ""))
        return f"    [{term}] = {value:.5g},\n"

    comment = "\n".join(" * " + line for line in lines)
    rows = "".join(row(n, 0.0 if abs(v) < 5e-5 else v) for n, v in weights.items() if n != "bias")
    return (f"/*\n * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.\n *\n"
            f"{comment}\n */\n#include \"serial/evidence.h\"\n\n"
            f"const double calibration_weights[EVIDENCE_TERMS] = {{\n{rows}}};\n\n"
            f"const double calibration_bias = {weights['bias']:.5g};\n"
            f"const double calibration_knee = {knobs.knee:g};\n"
            f"const double calibration_slope = {knobs.slope:g};\n"
            f"const double calibration_limit = {knobs.limit:g};\n")


def render(seed: int, count: int, out: Path, first: int = 0) -> None:
    """The rendered set, unless it is there."""
    if not (out / "truth.jsonl").is_file():
        subprocess.run([sys.executable, RENDER, "--seed", str(seed), "--first", str(first),
                        "--count", str(count), "--out", out], check=True)


def read(program: Path, pictures: Path, out: Path) -> None:
    """What the program says of all pictures, with the evidence, unless it is there."""
    if out.is_file():
        return
    part = out.with_suffix(".part")
    subprocess.run([program, "read", "--json", "--explain", "--time-limit", "0", "--out", part,
                    pictures], check=True)
    part.rename(out)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for pictures and readings")
    parser.add_argument("--photos", type=Path, help="folder with photos.tsv and its pictures")
    parser.add_argument("--table", type=Path, help="C file to write")
    parser.add_argument("--seed", type=int, default=4001)
    parser.add_argument("--count", type=int, default=700)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    options = parse(arguments)
    program, work, knobs = options.program.resolve(), options.work, Knobs()
    work.mkdir(parents=True, exist_ok=True)
    render(options.seed, options.count, work / "rendered")
    read(program, work / "rendered", work / "rendered.jsonl")
    readings, _ = samples.load(work / "rendered", work / "rendered.jsonl")
    photos: set[str] = set()
    if options.photos:
        read(program, options.photos, work / "photos.jsonl")
        real, rows = samples.load(options.photos, work / "photos.jsonl")
        photos = {row["file"] for row in rows}
        readings += real
    names = names_of(readings)
    p = without_each(readings, photos, names, knobs)
    reports = []
    for title, chosen in (("rendered, by fifths", [s.file not in photos for s in readings]),
                          ("photographs, each left out", [s.file in photos for s in readings])):
        if any(chosen):
            reports.append(describe(title, [s for s, c in zip(readings, chosen) if c],
                                    p[np.array(chosen)], 0.002))
    print("\n".join(reports))
    for s, each in sorted(zip(readings, p), key=lambda both: -both[1]):
        if not s.right and each > 0.98:
            print(f"  wrong with {each:.4f}: {s.file} {s.what} {s.text} ({s.place}) {s.note}")
    weights = fit(readings, photos, names, knobs)
    print("\n".join(f"  {name:12} {value:+.4f}" for name, value in weights.items()))
    if options.table:
        lines = [f"Fitted to {options.count} pictures of tools/render --seed {options.seed}"
                 + (f" and {len(photos)} photographs." if photos else "."), *reports]
        wrapped = [piece for line in lines for piece in _wrap(line)]
        options.table.write_text(table_text(weights, knobs, wrapped), encoding="utf-8")


def _wrap(line: str, width: int = 96) -> list[str]:
    pieces = [""]
    for word in line.split():
        if len(pieces[-1]) + len(word) >= width:
            pieces.append("  ")
        pieces[-1] += (" " if pieces[-1].strip() else "") + word
    return pieces


if __name__ == "__main__":
    main()
