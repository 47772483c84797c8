#!/usr/bin/env python3
"""Fits the probabilities of readings to what is true of them.

    python3 tools/calibrate/calibrate.py --program build/serialeye --work build/calibrate \\
        [--photos DIR] [--table src/serial/calibration_table.c]

renders eight sets of pictures (seeded, apart from the test set), reads them with --explain, fits a
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
PORTION = 250
# Parts that rendered pictures are left out by: few enough to be quick, and so many that no part holds
# all of what is rare.
FOLDS = 20
# Seed, number, and further options of the renderer: pictures as they come; small print, in which the
# few mistakes that look right are; dots, which the recognizer has seen least of. Each more than once: what
# is chosen on one part is checked on pictures that were not there when it was chosen.
SMALL, DOTS = ("--capitals", "8-16"), ("--kinds", "dot-matrix,none")
SETS = ((4001, 3000, ()), (4003, 1250, SMALL), (4004, 250, DOTS),
        (4101, 1500, ()), (4103, 1000, SMALL), (4104, 250, DOTS), (7002, 2000, ()), (4201, 2000, ()),
        (4302, 1500, ()), (4303, 1500, ()))
RENDER = Path(__file__).resolve().parents[1] / "render" / "render.py"

# Term -> sign that its weight is held to: 1, more of it never lowers the probability; -1, never
# raises it; 0, free. The terms, as src/serial/evidence.h describes them. What tells that this is
# the code that was asked for, whole:
CHOICE = {
    "looks": 1, "cut": 1, "fits": 1, "serial": 1, "bare": -1, "known": 1,
    "alone": -1, "twice": 1, "short": -1, "edge": -1, "close": -1, "tight": -1,
    "digits": -1, "network": -1, "trade": -1, "part": -1, "else": -1,
    "sole": 1, "vague": -1, "unread": -1, "shared": -1}
# Terms that share the weight of another: an asset tag is announced as well as a serial number.
SHARED = {"device": "serial"}
# … and that its characters are those that are printed:
READ = {
    "clear": 1, "alike": -1, "odd": -1, "small": -1}
# Of the choice, set by a second fit, over the readings that are not the first of their picture.
LATER = ("later-1", "later-2", "later-3")
# Taken off by hand, over what the fit says: what the pictures of the fit cannot tell. A network
# address read without fault says nothing of whether a serial number was overlooked, a part number
# is never what was asked for, and most codes that are neither first nor of a device are not what
# anybody asked for; of two asset numbers in one picture one is something else. `near`,
# `vague`, `unread` and `shared` are rare, and most codes that have them are right or misread for other reasons.
REMOVED = {"network": -5.0, "part": -2.0, "later-1": -6.0, "later-2": -1.0,
           "later-3": -6.0, "near": -2.0, "vague": -3.0, "unread": -3.0, "shared": -3.0}
# The same of the characters: what only a rule makes of them is not sure, though it mostly is right. Nor is
# what was told narrowly from a look-alike, though most such codes are right: given to the fit, they would
# draw `clear` down and the constant up, until a mistake of three agreeing cuts looks sure again.
READ_REMOVED = {"forced": -9.0, "outvoted": -10.0, "narrow": -5.0, "twin": -8.0, "zero": -8.0}
# How often the characters are wrong where one of these is 1, whatever else speaks for them: of 518 codes
# whose only doubt is `zero` 50 were wrong, of 687 with `narrow` 49, of 132 with `twin` 20. (Of 54 with
# `forced`, by formats, 2; a pattern or list of a user may be wrong more often.) What is taken off above keeps such a
# code from being sure; how likely it is these say.
DOUBTS = {"zero": 0.1, "narrow": 0.07, "twin": 0.15, "forced": 0.15, "outvoted": 0.5}
# Set by hand, and given to the fit: what the pictures hold too little of. A good word is worth more than a
# vague one. Places that nothing proves to belong together rarely do. Further readings that say something else
# speak against where the code was cut, too; a clear first reading is so rarely contradicted in these pictures
# that the fit alone would take no notice of the further ones. A correction (by a pattern, a list, a format)
# costs what it is unlikelier than what was read; a barcode that says something else is a witness against the
# text, and no clearness outweighs it. A word with no gap before the code may be a part of it. Before a number
# that names the device in another way comes any serial number: another code that comes near one was the
# answer in 4 of 4 pictures. A hole in even print, something solid or what may be another piece right beside
# it, or a code that is a known format's but for a few symbols, means that some are hidden, marks that stand
# for characters say so: hardly any picture of the fit is damaged, and none of these may be outweighed by
# characters that are clear. What a barcode says, too, was asked for unless an edge cuts both, and a word for
# serial numbers that announces something else asks for that: each is worth 4, where the fit takes from them
# what a single picture costs it.
CHOICE_BY_HAND = {"anchor": 0.3, "joined": -6.0, "against": -2.0, "glued": -3.0, "near": -3.0,
                  "bars": 4.0, "asked": -4.0}
READ_BY_HAND = {"joint": 0.1, "repair": 1.0, "dispute": -13.0, "gap": -11.0, "lacks": -13.0,
                "cover": -13.0, "torn": -13.0, "masked": -13.0}
# Not fitted: the weight that the program needs.
FIXED = {"read": 1.0, "top": 1.0}
# Measured, shown, and of no weight: they say what others say better.
UNUSED = ("prior", "shape", "format", "worst", "print", "check", "barcode", "places", "ceiling", "characters",
          "rival", "other", "agreed", "certain", "weakest", "length", "height", "lead", "whole",
          "again", "proven")

# Names in C that differ from those that people see.
SHORT = {"network": "NET"}


@dataclass(frozen=True)
class Knobs:
    """What the fit is told. README.md gives the reasons."""

    ridge: float = 0.1
    curve_ridge: float = 0.01
    prior: float = 0.001
    photo_weight: float = 3.0
    knots: tuple[float, ...] = (-5.0, -2.0, 0.0, 2.0, 3.0, 3.8, 4.1)
    middle: tuple[float, ...] = (-6.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
    strict_from: float = 3.0  # one of the knots
    limit: float = 7.0


@dataclass(frozen=True)
class Weights:
    """Of both sums, by term, "bias" among them."""

    choice: dict[str, float]
    read: dict[str, float]


@dataclass(frozen=True)
class Curve:
    """What log-odds are made of those of both sums; straight between points."""

    sums: Array
    log_odds: Array

    def of(self, sums: Array) -> Array:
        """As evidence_curve of src/serial/evidence.c computes it."""
        below = self.log_odds[0] + sums - self.sums[0]
        return np.where(sums <= self.sums[0], below, np.interp(sums, self.sums, self.log_odds))


def check_names(readings: list[Sample]) -> None:
    """Every term of the program has its place in this file."""
    known = {*CHOICE, *READ, *SHARED, *LATER, *FIXED, *UNUSED, *CHOICE_BY_HAND, *READ_BY_HAND,
             *READ_REMOVED, "bias"}
    if unknown := set(readings[0].terms) - known:
        raise SystemExit(f"terms without a row in CHOICE or READ: {', '.join(sorted(unknown))}")


def leave_out(terms: list[str]) -> None:
    """Gives these terms no weight."""
    for terms_of_sum in (CHOICE, READ, SHARED, CHOICE_BY_HAND, READ_BY_HAND, READ_REMOVED,
                         REMOVED):
        for term in set(terms) & set(terms_of_sum):
            del terms_of_sum[term]


def weights_of(readings: list[Sample], photos: set[str], knobs: Knobs) -> Array:
    """How much each reading counts: photographs more than rendered pictures."""
    return np.array([knobs.photo_weight if s.file in photos else 1.0 for s in readings])


def fit_part(readings: list[Sample], weight: Array, signs: dict[str, int],
             by_hand: dict[str, float], failure: str, knobs: Knobs) -> dict[str, float]:
    """One sum: that a reading did not fail in this way. Zero for terms without evidence."""
    names = list(signs)
    offset = samples.matrix(readings, list(by_hand)) @ np.array(list(by_hand.values()), float)
    values = samples.matrix(readings, names)
    shared = {term: of for term, of in SHARED.items() if of in signs}
    for term, of in shared.items():
        values[:, names.index(of)] += samples.matrix(readings, [term])[:, 0]
    found = model.fit(values, np.array([s.failed != failure for s in readings]), weight,
                      np.array(list(signs.values())), knobs.ridge, knobs.prior, offset)
    weights = dict(zip(names, found.weights))
    return (weights | {term: weights[of] for term, of in shared.items()} | by_hand
            | {"bias": found.bias})


def fit(readings: list[Sample], photos: set[str], knobs: Knobs) -> Weights:
    """Both sums from the first readings, then what later ones lose."""
    first = [s for s in readings if s.place == 0]
    later = [s for s in readings if s.place > 0]
    chosen = [s for s in first if s.failed != "choice"]
    read = fit_part(chosen, weights_of(chosen, photos, knobs), READ, READ_BY_HAND, "characters",
                    knobs)
    # A code that was cut, of characters that are doubtful anyway, says little about the choice.
    blame = np.where([s.failed == "choice" for s in first], model.sigmoid(total(first, read)), 1)
    choice = fit_part(first, blame * weights_of(first, photos, knobs), CHOICE, CHOICE_BY_HAND,
                      "choice", knobs)
    offsets = samples.matrix(later, list(LATER))
    base = total(later, choice)
    chosen_right = np.array([s.failed != "choice" for s in later])
    for column, name in enumerate(LATER):
        choice[name] = later_weight(base, chosen_right, offsets[:, column] > 0, knobs)
    for name, value in REMOVED.items():
        choice[name] = choice.get(name, 0.0) + value
    return Weights(choice | FIXED, read | READ_REMOVED)


def total(readings: list[Sample], weights: dict[str, float]) -> Array:
    """Bias and sum of weight x value, [samples]."""
    names = [n for n in weights if n not in FIXED and n != "bias"]
    found = Model(np.array([weights[n] for n in names]), weights["bias"])
    return found.logit(samples.matrix(readings, names))


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


@dataclass(frozen=True)
class Curves:
    """What log-odds are made of a reading's: of the strict ones from where that curve begins, else of the
    likely ones, but no more than where it begins."""

    strict: Curve
    middle: Curve

    def of(self, sums: Array) -> Array:
        """As evidence_curve of src/serial/evidence.c computes it; sums as `both` gives them."""
        below = np.minimum(self.middle.of(sums[:, 1]), self.strict.log_odds[0])
        return np.where(sums[:, 0] >= self.strict.sums[0], self.strict.of(sums[:, 0]), below)


def probability(readings: list[Sample], weights: Weights, curves: Curves) -> Array:
    """Of each reading being right, as the program computes it."""
    return model.sigmoid(curves.of(both(readings, weights)))


def both(readings: list[Sample], weights: Weights) -> Array:
    """Log-odds of both sums together, [samples, 2]: strict, with all that is taken off for doubts, and
    likely, with the doubts as what they are, probabilities."""
    chosen = 1 - model.sigmoid(-total(readings, weights.choice))
    strict = chosen * (1 - model.sigmoid(-total(readings, weights.read)))
    likely = chosen * (1 - model.sigmoid(-total(
        readings, {n: v for n, v in weights.read.items() if n not in DOUBTS})))
    for term, rate in DOUBTS.items():
        if term in weights.read:
            likely = likely * (1 - rate * samples.matrix(readings, [term])[:, 0] ** 2)
    wrong = np.clip(1 - np.stack((strict, likely), axis=1), 1e-12, 1 - 1e-12)
    return np.log((1 - wrong) / wrong)


def fit_curves(readings: list[Sample], sums: Array, photos: set[str], knobs: Knobs) -> Curves:
    """Both curves from left-out log-odds of first readings to what is true of them: the strict one from
    `strict_from` on, the middle one of the readings below that."""
    chosen = np.array([s.place == 0 for s in readings])
    first = [s for s, c in zip(readings, chosen) if c]
    sums = sums[chosen]
    right = np.array([s.right for s in first])
    weight = weights_of(first, photos, knobs)
    strict = fit_curve(sums[:, 0], right, weight, knobs.knots, knobs.limit, knobs)
    kept = strict.sums >= knobs.strict_from
    strict = Curve(strict.sums[kept], strict.log_odds[kept])
    below = sums[:, 0] < knobs.strict_from
    middle = fit_curve(sums[below, 1], right[below], weight[below], knobs.middle,
                       float(strict.log_odds[0]), knobs)
    return Curves(strict, middle)


def fit_curve(x: Array, right: Array, weight: Array, at: tuple[float, ...], limit: float,
              knobs: Knobs) -> Curve:
    """The curve from log-odds to what is true of them. Never falls; behind
    the last knot, where hardly a reading is wrong, it is as steep as 1 up to the limit.

    Beyond what the curve says, a reading is wrong with the probability that `knobs.limit` leaves, for
    reasons that no term shows: a mistake counts for the curve as much as the curve explains it
    (expectation maximisation, Dempster, Laird, Rubin 1977)."""
    knots = np.array(at)
    bends = np.clip(x[:, None] - knots[:-1], 0, np.diff(knots))
    bends[:, 0] = np.minimum(x - knots[0], knots[1] - knots[0])
    behind = np.maximum(x - knots[-1], 0)
    unseen = float(model.sigmoid(np.array(-knobs.limit)))
    explained = np.ones(len(x))
    for _ in range(20):
        found = model.fit(np.vstack((bends, bends)), np.repeat((True, False), len(x)),
                          np.concatenate((weight * np.where(right, 1, 1 - explained),
                                          weight * np.where(right, 0, explained))),
                          np.ones(len(knots) - 1), knobs.curve_ridge, 0, np.tile(behind, 2))
        wrong = model.sigmoid(-found.logit(bends) - behind)
        explained = wrong / (wrong + unseen * (1 - wrong))
    values = found.bias + np.concatenate(([0], np.cumsum(found.weights * np.diff(knots))))
    end = max(limit - values[-1], 0.01)
    return _limited(Curve(np.append(knots, knots[-1] + end), np.append(values, values[-1] + end)),
                    limit)


def _limited(curve: Curve, limit: float) -> Curve:
    """The same up to where it reaches the limit."""
    above = np.flatnonzero(curve.log_odds > limit)
    if not above.size:
        return curve
    at = int(above[0])
    low, high = curve.log_odds[at - 1], curve.log_odds[at]
    part = (limit - low) / (high - low)
    end = curve.sums[at - 1] + part * (curve.sums[at] - curve.sums[at - 1])
    return Curve(np.append(curve.sums[:at], end), np.append(curve.log_odds[:at], limit))


def _part(name: str, of: str, count: int) -> str:
    """Which of `count` parts a picture belongs to, by its name alone."""
    return f"{name} {int(hashlib.sha256(of.encode()).hexdigest(), 16) % count}"


def without_each(readings: list[Sample], photos: set[str], knobs: Knobs,
                 photo_parts: int = 0) -> tuple[Array, Curves]:
    """Probability of every photograph's readings by a model fitted without that photograph (or
    without its one of `photo_parts` parts), and of every rendered picture's by one fitted
    without its twentieth (FOLDS), in the order given; and the curve for all. The curve that a reading is judged
    by has not seen its fold either."""
    sums = np.zeros((len(readings), 2))
    files = sorted({s.file for s in readings})
    fold = {f: _part("rendered", f, FOLDS) if f not in photos else
            _part("photographs", f, photo_parts) if photo_parts else f for f in files}
    of_fold = np.array([fold[s.file] for s in readings])
    for held in sorted(set(fold.values())):
        weights = fit([s for s in readings if fold[s.file] != held], photos, knobs)
        inside = np.flatnonzero(of_fold == held)
        sums[inside] = both([readings[i] for i in inside], weights)
    out = np.zeros(len(readings))
    for held in sorted(set(fold.values())):
        rest = np.flatnonzero(of_fold != held)
        curves = fit_curves([readings[i] for i in rest], sums[rest], photos, knobs)
        out[of_fold == held] = model.sigmoid(curves.of(sums[of_fold == held]))
    return out, fit_curves(readings, sums, photos, knobs)


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


def table_text(weights: Weights, curves: Curves, lines: list[str]) -> str:
    """src/serial/calibration_table.c."""
    def row(name: str, value: float) -> str:
        term = "EVIDENCE_" + SHORT.get(name, name.upper().replace("-", ""))
        return f"    [{term}] = {value:.5g},\n"

    def rows(values: dict[str, float]) -> str:
        kept = {n: v for n, v in values.items() if n != "bias" and abs(v) >= 5e-5}
        return "".join(row(n, v) for n, v in kept.items())

    def points(name: str, curve: Curve) -> str:
        pairs = ", ".join(f"{{{x:.4g}, {y:.4g}}}" for x, y in zip(curve.sums, curve.log_odds))
        return (f"const struct evidence_point calibration_{name}[] = {{{pairs}}};\n"
                f"const int calibration_{name}_points = {len(curve.sums)};\n")

    doubts = {n: v for n, v in DOUBTS.items() if n in weights.read}
    comment = "\n".join(" * " + line for line in lines)
    return (f"/*\n * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.\n *\n"
            f"{comment}\n */\n#include \"serial/evidence.h\"\n\n"
            f"const double calibration_weights[EVIDENCE_TERMS] = {{\n{rows(weights.choice)}}};\n"
            f"const double calibration_bias = {weights.choice['bias']:.5g};\n\n"
            f"const double calibration_read_weights[EVIDENCE_TERMS] = {{\n{rows(weights.read)}}};\n"
            f"const double calibration_read_bias = {weights.read['bias']:.5g};\n\n"
            f"const double calibration_doubts[EVIDENCE_TERMS] = {{\n{rows(doubts)}}};\n\n"
            + points("strict", curves.strict) + points("middle", curves.middle))


def render(seed: int, count: int, out: Path, first: int = 0, more: tuple[str, ...] = ()) -> None:
    """The rendered set, unless it is there; `more`: further options of the renderer."""
    if not (out / "truth.jsonl").is_file():
        subprocess.run([sys.executable, RENDER, "--seed", str(seed), "--first", str(first),
                        "--count", str(count), "--out", out, *more], check=True)


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
    parser.add_argument("--without", default="", metavar="TERMS",
                        help="comma between: leave these out, to see what they add; photographs are "
                        "left out by fifteenths then, which is faster (\"nothing\": no term)")
    return parser.parse_args(arguments)


def load_all(options: argparse.Namespace) -> tuple[list[Sample], set[str]]:
    """Renders and reads what is not there yet; all readings, and the names of the photographs."""
    program, work = options.program.resolve(), options.work
    readings: list[Sample] = []
    photos: set[str] = set()
    for seed, count, more in SETS:
        for first in range(0, count, PORTION):
            pictures = work / f"pictures-{seed}-{first}"
            run = work / f"readings-{seed}-{first}.jsonl"
            render(seed, min(PORTION, count - first), pictures, first, more)
            read(program, pictures, run)
            for sample in samples.load(pictures, run)[0]:
                sample.file = f"{seed}/{sample.file}"
                readings.append(sample)
    if options.photos:
        read(program, options.photos, work / "photos.jsonl")
        real, rows = samples.load(options.photos, work / "photos.jsonl")
        photos = {row["file"] for row in rows}
        readings += real
    return readings, photos


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    options = parse(arguments)
    knobs = Knobs()
    options.work.mkdir(parents=True, exist_ok=True)
    readings, photos = load_all(options)
    check_names(readings)
    leave_out(options.without.split(","))
    p, curves = without_each(readings, photos, knobs, 15 if options.without else 0)
    reports = []
    for title, chosen in (("rendered, by twentieths", [s.file not in photos for s in readings]),
                          ("photographs, each left out", [s.file in photos for s in readings])):
        if any(chosen):
            reports.append(describe(title, [s for s, c in zip(readings, chosen) if c],
                                    p[np.array(chosen)], 0.002))
    print("\n".join(reports))
    for s, each in sorted(zip(readings, p), key=lambda both: -both[1]):
        if not s.right and each > 0.98:
            print(f"  wrong with {each:.4f}: {s.file} {s.what} {s.text} ({s.place}) {s.note}")
    weights = fit(readings, photos, knobs)
    for title, part in (("choice", weights.choice), ("characters", weights.read)):
        print(title, *(f"  {name:12} {value:+.4f}" for name, value in part.items()), sep="\n")
    for title, curve in (("strict curve", curves.strict), ("middle curve", curves.middle)):
        print(title, *(f"  {x:+.2f} {y:+.2f}" for x, y in zip(curve.sums, curve.log_odds)), sep="\n")
    if options.table:
        sets = ", ".join(" ".join((f"{count} of --seed {seed}", *more)) for seed, count, more in SETS)
        lines = [f"Fitted to pictures of tools/render, {sets}"
                 + (f", and {len(photos)} photographs." if photos else "."), *reports]
        wrapped = [piece for line in lines for piece in _wrap(line)]
        options.table.write_text(table_text(weights, curves, wrapped), encoding="utf-8")


def _wrap(line: str, width: int = 96) -> list[str]:
    pieces = [""]
    for word in line.split():
        if len(pieces[-1]) + len(word) >= width:
            pieces.append("  ")
        pieces[-1] += (" " if pieces[-1].strip() else "") + word
    return pieces


if __name__ == "__main__":
    main()
