#!/usr/bin/env python3
"""What each term of the evidence adds: the fit without it, on readings that are there already.

    python3 tools/calibrate/ablate.py --program build/serialeye --work build/calibrate \\
        [--photos DIR] [--terms GROUP …]

A GROUP is terms with commas between ("zero,twin"); without any, every term that has a weight by
itself, and the groups of ABOUT. Readings are those of `--work`, as calibrate.py made them. Prints a
table in Markdown: left out by fifths (photographs by thirds), which is faster than what calibrate.py
does, at max_error 0.002.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np

import calibrate
import model
from samples import Sample

Array = np.ndarray

# Terms that say one thing together.
ABOUT = {
    "further readings": ("joint", "against"),
    "anchor": ("anchor", "looks", "glued"),
    "kind": ("serial", "device", "network", "trade", "part"),
    "format": ("fits", "known"),
    "look-alikes": ("odd", "zero", "twin", "narrow"),
    "what is hidden": ("gap", "cover", "torn", "lacks", "masked"),
    "competitors": ("tight", "near", "asked", "shared"),
    "words that are not known": ("vague", "unread"),
    "later readings": ("later-1", "later-2", "later-3"),
}
FOLDS, PARTS_OF_PHOTOS = 5, 3
TABLES = (calibrate.CHOICE, calibrate.READ, calibrate.SHARED, calibrate.CHOICE_BY_HAND,
          calibrate.READ_BY_HAND, calibrate.READ_REMOVED, calibrate.REMOVED)


def weighed(readings: list[Sample], photos: set[str], knobs: calibrate.Knobs) -> list[str]:
    """Terms that have a weight in the whole fit."""
    weights = calibrate.fit(readings, photos, knobs)
    names = {n for part in (weights.choice, weights.read) for n, v in part.items()
             if abs(v) >= 5e-5}
    return sorted(names - {"bias", *calibrate.FIXED, *calibrate.SHARED})


def without(terms: tuple[str, ...], readings: list[Sample], photos: set[str],
            knobs: calibrate.Knobs) -> Array:
    """Left-out probabilities of a fit that has never heard of `terms`."""
    kept = [copy.copy(table) for table in TABLES]
    later = calibrate.LATER
    try:
        calibrate.leave_out(list(terms))
        calibrate.LATER = tuple(name for name in later if name not in terms)
        return calibrate.without_each(readings, photos, knobs, PARTS_OF_PHOTOS)[0]
    finally:
        calibrate.LATER = later
        for table, content in zip(TABLES, kept):
            table.clear()
            table.update(content)


def row(name: str, terms: str, readings: list[Sample], photos: set[str], p: Array) -> str:
    """One line of the table."""
    of_photos = np.array([s.file in photos for s in readings])
    first, asked, right = (np.array([f(s) for s in readings]) for f in
                           (lambda s: s.place == 0, lambda s: s.asked, lambda s: s.right))
    sure = 1 - p < 0.002
    cells = []
    for chosen in (~of_photos, of_photos):
        cells += [f"{int((sure & first & asked & right & chosen).sum()):,}",
                  f"{int((sure & ~right & chosen).sum())}"]
    error = model.calibration_error(p[first & ~of_photos], right[first & ~of_photos])
    return f"| {name} | {terms} | {' | '.join(cells)} | {100 * error:.1f} % |"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--terms", nargs="*", metavar="GROUP")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    options = parse(arguments)
    knobs = calibrate.Knobs()
    calibrate.FOLDS = FOLDS
    readings, photos = calibrate.load_all(options)
    calibrate.check_names(readings)
    groups = [("", ())]
    if options.terms:
        groups += [("", tuple(group.split(","))) for group in options.terms]
    else:
        groups += list(ABOUT.items())
        groups += [("", (name,)) for name in weighed(readings, photos, knobs)]
    print("| without | terms | rendered: sure and right | wrong | photographs: sure and right | "
          "wrong | calibration error |\n|---|---|---|---|---|---|---|")
    for name, terms in groups:
        p = without(terms, readings, photos, knobs)
        title = name or ("" if terms else "nothing")
        print(row(title, ", ".join(f"`{t}`" for t in terms), readings, photos, p), flush=True)


if __name__ == "__main__":
    main()
