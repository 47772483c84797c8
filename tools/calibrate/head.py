#!/usr/bin/env python3
"""Learns the last layer for codes: src/ocr/code_head_table.c.

    python3 tools/calibrate/head.py --program build/bench/line_rows --model MODEL.onnx \\
        --work build/head --pictures build/calibrate --table src/ocr/code_head_table.c

Renders sheets of codes in many fonts (code_lines.py), takes the codes of the pictures that
calibrate.py has rendered, lets the recognizer read all of them, and fits, for each symbol that was
read, the log-odds of the 36 digits and capitals as what the network says plus a linear function of
its row (src/ocr/code_head.h). First without every sixth font and the pictures of the last seeds, to
show what is gained on these; then with all. Needs NumPy, SciPy and what code_lines.py needs; what lies
in --work is used again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import code_lines

SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LEAST = -30.0  # CODE_HEAD_LEAST
UNIT = 10000  # CODE_HEAD_UNIT
COLUMNS = 110  # CODE_HEAD_ROWS
RECORD = np.dtype([("line", "<i4"), ("truth", "<i4"), ("logp", "<f4", COLUMNS)])  # of bench/line_rows.c
RIDGE = 60.0
SEED, SHEETS = 11, 6000
LEFT_OUT = ("4302", "4303")  # seeds of pictures
SHA256 = "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"
Array = np.ndarray


@dataclass
class Data:
    """Symbols that were read: the recognizer's rows, what is true, and where each comes from."""

    rows: Array  # [n, columns] log-probabilities
    truth: Array  # [n] 0 … 35
    source: Array  # [n] a font's package or a picture's seed

    def part(self, chosen: Array) -> "Data":
        """Those that are chosen."""
        return Data(self.rows[chosen], self.truth[chosen], self.source[chosen])


@dataclass
class Layer:
    """gain = bias + weights × (rows - their mean)"""

    weights: Array  # [columns, 36]
    bias: Array  # [36]


def picture_lines(folder: Path) -> list[str]:
    """The codes in rendered pictures: path, quad, text, seed."""
    rows = []
    for truth in sorted(folder.glob("pictures-*/truth.jsonl")):
        seed = truth.parent.name.split("-")[1]
        for line in truth.read_text(encoding="utf-8").splitlines():
            picture = json.loads(line)
            for text in picture["texts"]:
                code = text["text"].strip()
                if (picture["damage"] or text["role"] in ("other", "anchor", "barcode")
                        or not re.search("[A-Z0-9]{4}", code) or not re.search("[0-9]", code)):
                    continue
                quad = " ".join(f"{v:.1f}" for point in text["quad"] for v in point)
                rows.append(f"{truth.parent / picture['file']}\t{quad}\t{code}\t{seed}")
    return rows


def read_lines(rows: list[str], options: argparse.Namespace, name: str) -> tuple[Array, Data]:
    """Code points of the columns, and what the recognizer says; kept in the work folder."""
    running = []
    for job in range(options.jobs):
        begin, end = (len(rows) * k // options.jobs for k in (job, job + 1))
        out = options.work / f"{name}-{job}-of-{options.jobs}.rows"
        running.append((begin, out, None))
        if out.is_file():
            continue
        lines = out.with_suffix(".lines")
        lines.write_text("".join("\t".join(row.split("\t")[:3]) + "\n" for row in rows[begin:end]),
                         encoding="utf-8")
        with open(lines, "rb") as source, open(out.with_suffix(".part"), "wb") as sink:
            running[-1] = (begin, out, subprocess.Popen(
                (options.program, options.model, str(job + 1)), stdin=source, stdout=sink))
    parts = []
    for begin, out, process in running:
        if process:
            if process.wait() != 0:
                raise SystemExit(f"{options.program}: failed on {name}")
            out.with_suffix(".part").rename(out)
        points = np.fromfile(out, "<u4", COLUMNS)
        part = np.fromfile(out, RECORD, offset=points.nbytes)
        part["line"] += begin
        parts.append(part)
    found = np.concatenate(parts)
    source = np.array([row.split("\t")[3] for row in rows])[found["line"]]
    number = np.full(128, -1)
    number[[ord(c) for c in SYMBOLS]] = range(len(SYMBOLS))
    return points, Data(found["logp"], number[found["truth"]], source)


def prior(rows: Array, points: Array) -> Array:
    """Log-probabilities of the symbols as the network has them: a letter's in both cases."""
    column = {int(c): k for k, c in enumerate(points)}
    out = rows[:, [column[ord(c)] for c in SYMBOLS]].copy()
    for k, c in enumerate(SYMBOLS):
        if c.isalpha():
            out[:, k] = np.logaddexp(out[:, k], rows[:, column[ord(c.lower())]])
    return out


def centred(rows: Array) -> Array:
    """What the layer meets."""
    low = np.maximum(rows, LEAST)
    return low - low.mean(1, keepdims=True)


def log_share(odds: Array) -> Array:
    """Log-probabilities from log-odds."""
    odds = odds - odds.max(1, keepdims=True)
    return odds - np.log(np.exp(odds).sum(1, keepdims=True))


def fit(data: Data, points: Array, ridge: float = RIDGE) -> Layer:
    """The layer with the least cross entropy and ridge × squares of its weights, standardized."""
    x = centred(data.rows)
    middle = x.mean(0)
    x -= middle
    spread = float(x.std())
    x = np.c_[x / spread, np.ones(len(x))].astype(np.float32)
    known, every = prior(data.rows, points), np.arange(len(x))

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(x.shape[1], len(SYMBOLS))
        logp = log_share(known + x @ weights.astype(np.float32))
        slope = np.exp(logp)
        slope[every, data.truth] -= 1
        cost = -float(logp[every, data.truth].sum(dtype=np.float64))
        return (cost + ridge * float((weights ** 2).sum()),
                (x.T @ slope + 2 * ridge * weights).ravel().astype(float))

    start = np.zeros(x.shape[1] * len(SYMBOLS))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 120}).x
    weights = best.reshape(x.shape[1], len(SYMBOLS))
    return Layer(weights[:-1] / spread, weights[-1] - middle @ weights[:-1] / spread)


def show(name: str, data: Data, points: Array, layer: Layer | None) -> None:
    """How much is misread, and how surely."""
    odds = prior(data.rows, points)
    if layer:
        odds = odds + centred(data.rows) @ layer.weights + layer.bias
    logp = log_share(odds)
    wrong = logp.argmax(1) != data.truth
    two = np.sort(logp, 1)[:, -2:]
    lead = two[:, 1] - two[:, 0]
    sure = ", ".join(f"{(wrong & (lead > least)).sum()} of {(lead > least).sum()} above {least}"
                     for least in (3, 5, 7))
    cost = -1000 * logp[np.arange(len(logp)), data.truth].mean()
    print(f"{name}: {wrong.sum()} of {len(logp)} wrong; by log-odds {sure}; "
          f"cross entropy {cost:.2f} / 1000", flush=True)


def write_table(layer: Layer, points: Array, path: Path) -> None:
    """code_head_table.c"""
    def numbers(values: Array) -> str:
        text = ",".join(str(int(v)) for v in values)
        return "\n".join("    " + line for line in textwrap.wrap(text.replace(",", ", "), 94)
                         ).replace(", ", ",")
    weights = np.rint(layer.weights * UNIT).astype(int)
    if np.abs(weights).max() > 32767:
        raise SystemExit("a weight is too large for 16 bits")
    rows = "".join(f"    {{\n{numbers(row)}}},\n" for row in weights)
    path.write_text(f"""/*
 * Written by tools/calibrate/head.py: {SHEETS} sheets of --seed {SEED} and the codes of the pictures
 * of calibrate.py. In units of 1/{UNIT}; do not edit.
 */
#include "ocr/code_head.h"

/* clang-format off */
const struct code_head_table code_head_table = {{
    .sha256 = "{SHA256}",
    .code_points = {{
{numbers(points)}}},
    .bias = {{
{numbers(np.rint(layer.bias * UNIT))}}},
    .weights = {{
{rows}    }},
}};
""", encoding="utf-8")


def join(a: Data, b: Data) -> Data:
    """Both."""
    return Data(np.r_[a.rows, b.rows], np.r_[a.truth, b.truth], np.r_[a.source, b.source])


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", type=Path, required=True, help="bench/line_rows")
    parser.add_argument("--model", type=Path, required=True, help="the recognizer's ONNX file")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True, help="work folder of calibrate.py")
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if hashlib.sha256(options.model.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{options.model}: another network")
    options.work.mkdir(parents=True, exist_ok=True)
    listed = options.work / "sheets.tsv"
    if not listed.is_file():
        rows = code_lines.make_sheets(SEED, SHEETS, options.work / "sheets", options.jobs)
        listed.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    rows = listed.read_text(encoding="utf-8").splitlines()
    points, sheets = read_lines(rows, options, "sheets")
    _, pictures = read_lines(picture_lines(options.pictures), options, "pictures")
    fonts = np.isin(sheets.source, sorted(set(sheets.source))[::6])
    seeds = np.isin(pictures.source, LEFT_OUT)
    layer = fit(join(sheets.part(~fonts), pictures.part(~seeds)), points)
    for name, data in (("fonts left out", sheets.part(fonts)),
                       ("pictures left out", pictures.part(seeds))):
        show(name + ", the network", data, points, None)
        show(name + ", with the layer", data, points, layer)
    write_table(fit(join(sheets, pictures), points), points, options.table)


if __name__ == "__main__":
    main()
