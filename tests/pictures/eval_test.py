#!/usr/bin/env python3
"""Holds the figures of `serialeye eval` to those of the script that comes with the photographs.

    eval_test.py PROGRAM RENDER.py

Renders a small set, spoils its truth so that there is something to miss, and scores it both ways.
Skipped (exit status 77) without the models, without what the renderer needs, or without score.py in
the folder that SERIALEYE_PHOTOS names.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import program

COUNT, SEED = 8, 11


def render(script: Path, out: Path) -> list[list[str]]:
    """A set of pictures; the rows of its truth."""
    done = subprocess.run([sys.executable, script, "--seed", str(SEED), "--count", str(COUNT),
                           "--out", out], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        program.skip(f"render.py: {done.stderr.strip().splitlines()[-1:]}")
    rows = (out / "truth.tsv").read_text(encoding="utf-8").splitlines()
    return [row.split("\t") for row in rows]


def spoil(rows: list[list[str]]) -> None:
    """Makes misses: a character changed, a code that is not there, no single answer, none at all."""
    serial, codes = rows[0].index("serial"), rows[0].index("codes")
    for number, row in enumerate(rows[1:]):
        if number % 4 == 0 and row[serial] not in ("-", "none"):
            row[serial] = ("X" if row[serial][0] != "X" else "Y") + row[serial][1:]
        if number % 4 == 1:
            row[codes] += "|QQ-QQQ 777|ZZ1"
        if number % 4 == 2:
            row[serial] = "-"
        if number % 8 == 3:
            row[serial] = "none"


def figures(text: str) -> dict[str, list[int]]:
    """Of one run of score.py, by kind and of all (""): codes, of how many, serials, of how many."""
    def pair(pattern: str, row: str) -> list[int]:
        match = re.search(pattern + r"(\d+)/(\d+)", row)
        return [int(match[1]), int(match[2])] if match else [0, 0]

    first, kinds = text.splitlines()[:2]
    found = {"": pair("codes ", first) + pair("serial ", first)}
    wrong = re.search(r"wrong (\d+)", first)
    found["wrong"] = [int(wrong[1]) if wrong else -1]
    for part in re.split(r"  +", kinds.strip()):
        found[part.split(" ")[0]] = pair("^[^ ]* ", part) + pair("serial ", part)
    return found


def main() -> None:
    """The test."""
    serialeye, script = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    score = Path(os.environ.get("SERIALEYE_PHOTOS", "/nonexistent")) / "score.py"
    if not score.is_file():
        program.skip("SERIALEYE_PHOTOS names no folder with score.py")
    program.need_models(serialeye)
    with tempfile.TemporaryDirectory() as scratch:
        folder, runs = Path(scratch) / "set", Path(scratch)
        rows = render(script, folder)
        spoil(rows)
        table = folder / "truth.tsv"
        table.write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")
        program.read(serialeye, ["--lines", "--no-barcodes"], folder, runs / "lines.jsonl")
        program.read(serialeye, [], folder, runs / "plain.jsonl")
        scored = [figures(subprocess.run([sys.executable, score, table, runs / f"{name}.jsonl"],
                                         capture_output=True, text=True, check=True).stdout)
                  for name in ("lines", "plain")]
        done = subprocess.run([serialeye, "eval", "--json", "--time-limit", "0", table],
                              capture_output=True, text=True, check=True)
    lines, plain = scored
    wanted = {kind: lines[kind][:2] + plain[kind][2:] for kind in lines if kind != "wrong"}
    ours = json.loads(done.stdout)
    found = {part.get("kind", ""): [part[name] for name in
                                    ("codes_found", "codes", "serial_right", "serial")]
             for part in [ours, *ours["kinds"]]}
    print(wanted, plain["wrong"], found, ours["wrong"], sep="\n")
    if found != wanted or ours["wrong"] != plain["wrong"][0]:
        sys.exit("eval and score.py count differently")
    if len(ours["misses"]) < COUNT // 4:
        sys.exit("too few misses to compare")


main()
