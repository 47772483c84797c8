#!/usr/bin/env python3
"""How honest and how useful scores are, on pictures of which the truth is known.

    python3 tools/calibrate/evaluate.py --program build/serialeye --work build/evaluate [--seed 7008]
    python3 tools/calibrate/evaluate.py --run READINGS.jsonl --pictures DIR

The first renders the test set (seed 7007, 2,000 pictures, in portions; none of them takes part in
the calibration) and reads it; the second takes a folder with truth.tsv or photos.tsv and what
`serialeye read --json` said of it. Both may be given more than once. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

import calibrate
import model
import samples
from samples import Sample

Array = np.ndarray
SEED, COUNT, PORTION = 7007, 2000, 500
EDGES = np.array([0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 1.0])
MAX_ERRORS = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


def percent(part: float, whole: float) -> str:
    """`part` of `whole` in percent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def reliability_table(first: list[Sample]) -> str:
    """First readings by score: what was promised, what was true."""
    p, right = np.array([s.score for s in first]), np.array([s.right for s in first])
    lines = ["| score | readings | mean score | right |", "|---|---|---|---|"]
    for (low, high), (count, mean, share) in zip(zip(EDGES[:-1], EDGES[1:]),
                                                 model.reliability(p, right, EDGES)):
        if count:
            lines.append(f"| {low:g} – {high:g} | {count} | {100 * mean:.1f} % | "
                         f"{100 * share:.1f} % |")
    return "\n".join(lines)


def risk_table(all_readings: list[Sample], asked: int) -> str:
    """For each max_error: how many are sure, how many of them are wrong."""
    lines = ["| max_error | sure, first readings | of those that are right | of pictures with a "
             "serial number | wrong | wrong, all readings |", "|---|---|---|---|---|---|"]
    for max_error in MAX_ERRORS:
        sure = [s for s in all_readings if 1 - s.score < max_error]
        first = [s for s in sure if s.place == 0]
        good = sum(s.right and s.asked for s in first)
        right = sum(s.right and s.asked for s in all_readings if s.place == 0)
        lines.append(f"| {max_error:g} | {len(first)} | {percent(good, right)} | "
                     f"{percent(good, asked)} | {sum(not s.right for s in first)} | "
                     f"{sum(not s.right for s in sure)} of {len(sure)} |")
    return "\n".join(lines)


def kind_table(readings: list[Sample], rows: list[dict[str, str]], max_error: float) -> str:
    """By kind of picture: read, sure, wrong; and how large a calibration error scores without
    fault would show in nineteen of twenty sets as large."""
    lines = ["| kind | pictures | right | sure | coverage | wrong | precision | calibration error | "
             "by chance up to |", "|---|---|---|---|---|---|---|---|---|"]
    kinds = sorted({row["kind"] for row in rows})
    for kind in (*kinds, "all"):
        chosen = [s for s in readings if s.place == 0 and kind in (s.kind, "all")]
        pictures = [r for r in rows if kind in (r["kind"], "all")]
        asked = sum(r["serial"] not in ("-", "none") for r in pictures)
        right = sum(s.right and s.asked for s in chosen)
        sure = [s for s in chosen if 1 - s.score < max_error]
        wrong = sum(not s.right for s in sure)
        scores = np.array([s.score for s in chosen])
        error = model.calibration_error(scores, np.array([s.right for s in chosen]))
        lines.append(f"| {kind} | {len(pictures)} | {right} of {asked} | {len(sure)} | "
                     f"{percent(len(sure) - wrong, right) if asked > 20 else '-'} | {wrong} | "
                     f"{percent(len(sure) - wrong, len(sure)) if sure else '-'} | {100 * error:.1f} % | "
                     f"{100 * model.chance_error(scores):.1f} % |")
    return "\n".join(lines)


def report(readings: list[Sample], rows: list[dict[str, str]], max_error: float) -> str:
    """All tables."""
    first = [s for s in readings if s.place == 0]
    asked = sum(row["serial"] not in ("-", "none") for row in rows)
    sure = [s for s in readings if 1 - s.score < max_error]
    wrong = [s for s in sure if not s.right]
    low, high = model.wilson(len(wrong), len(sure))
    error = model.calibration_error(np.array([s.score for s in first]),
                                    np.array([s.right for s in first]))
    text = [f"{len(rows)} pictures, {asked} with a serial number, {sum(s.right and s.asked for s in first)} "
            f"read right. Expected calibration error {100 * error:.2f} % (first readings, 15 bins).",
            f"Sure at max_error {max_error:g}: {len(sure)} readings, {len(wrong)} wrong, precision "
            f"{percent(len(sure) - len(wrong), len(sure))} (95 %: {100 * (1 - high):.2f} to "
            f"{100 * (1 - low):.2f} %).", "", reliability_table(first), "",
            risk_table(readings, asked), "", kind_table(readings, rows, max_error), ""]
    text += [f"wrong: {s.file}: {s.what} {s.text}, score {s.score:.4f}, reading {s.place + 1}; "
             f"{s.note}" for s in wrong]
    return "\n".join(text)


def weights_of(table: Path) -> tuple[calibrate.Weights, calibrate.Curves]:
    """What a calibration_table.c says."""
    text = table.read_text(encoding="utf-8")
    names = {"EVIDENCE_" + calibrate.SHORT.get(n, n.upper().replace("-", "")): n
             for n in (*calibrate.CHOICE, *calibrate.READ, *calibrate.SHARED, *calibrate.LATER,
                       *calibrate.CHOICE_BY_HAND, *calibrate.READ_BY_HAND, *calibrate.READ_REMOVED)}
    number = {n: float(v) for n, v in re.findall(r"double calibration_(\w+) = ([-.\de]+);", text)}
    sums = [{names[n]: float(v) for n, v in re.findall(r"\[(\w+)\] = ([-.\de]+)", part) if n in names}
            for part in re.findall(r"weights\[EVIDENCE_TERMS\] = \{(.*?)\};", text, re.S)]
    curves = [np.array(re.findall(r"\{([-.\de]+),\s*([-.\de]+)\}", part), float)
              for part in re.findall(r"evidence_point calibration_\w+\[\] = \{(.*?)\};", text, re.S)]
    if len(sums) != 2 or len(curves) != 2:
        raise SystemExit(f"{table}: not a table of weights")
    return (calibrate.Weights(sums[0] | {"bias": number["bias"]},
                              sums[1] | {"bias": number["read_bias"]}),
            calibrate.Curves(*(calibrate.Curve(points[:, 0], points[:, 1]) for points in curves)))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path)
    parser.add_argument("--work", type=Path, help="folder for the test set and its readings")
    parser.add_argument("--seed", type=int, default=SEED,
                        help="of the test set (default %(default)s; a second one is 7008)")
    parser.add_argument("--run", type=Path, action="append", default=[])
    parser.add_argument("--pictures", type=Path, action="append", default=[])
    parser.add_argument("--max-error", type=float, default=0.002)
    parser.add_argument("--weights", type=Path, metavar="TABLE",
                        help="calibration_table.c: scores from the terms (read --explain) by its "
                        "weights, not those of the run")
    options = parser.parse_args(arguments)
    if bool(options.program) != bool(options.work) or len(options.run) != len(options.pictures):
        parser.error("give --program and --work, or as many --run as --pictures")
    return options


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    options = parse(arguments)
    pairs = list(zip(options.pictures, options.run))
    if options.program:
        options.work.mkdir(parents=True, exist_ok=True)
        for first in range(0, COUNT, PORTION):
            pictures = options.work / f"pictures-{first}"
            run = options.work / f"readings-{first}.jsonl"
            calibrate.render(options.seed, PORTION, pictures, first)
            calibrate.read(options.program.resolve(), pictures, run)
            pairs.append((pictures, run))
    readings: list[Sample] = []
    rows: list[dict[str, str]] = []
    for pictures, run in pairs:
        some, truth = samples.load(pictures, run)
        readings += some
        rows += truth
    if options.weights:
        for s, p in zip(readings, calibrate.probability(readings, *weights_of(options.weights))):
            s.score = float(p)
    print(report(readings, rows, options.max_error))


if __name__ == "__main__":
    main()
