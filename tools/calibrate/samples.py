"""Readings of a run with what is true about them.

Right means what the scorer of the photographs means by it: a first reading is right when it is the
serial number of the picture; where a picture has none ("none") or no single answer ("-"), and for
every later reading, when it is one of the codes printed in it, and in a picture without a serial
number not of the kind serial.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Array = np.ndarray


@dataclass
class Sample:
    """One reading: its evidence by name, what the program said, and whether it is right."""

    file: str
    kind: str  # of the picture
    place: int  # 0: first reading
    text: str
    what: str  # serial, mac, ...
    status: str | None
    score: float
    right: bool
    failed: str  # "": right; "characters": the code that was asked for, misread; "choice": another
    asked: bool  # the picture has a serial number
    terms: dict[str, float]
    note: str
    looks: int
    ms: float


def norm(text: str) -> str:
    """Only what counts when codes are compared."""
    return re.sub("[^A-Z0-9]", "", text.upper())


def truth_of(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of the truth by file; photos.tsv or truth.tsv."""
    table = folder / "photos.tsv"
    if not table.is_file():
        table = folder / "truth.tsv"
    with open(table, encoding="utf-8") as lines:
        return {row["file"]: row for row in csv.DictReader(lines, delimiter="\t",
                                                           quoting=csv.QUOTE_NONE)}


def load(folder: Path, run: Path) -> tuple[list[Sample], list[dict[str, str]]]:
    """All readings of the pictures of `folder` in `run`, and the rows of all its pictures.

    Fails when a picture is missing from the run or has failed.
    """
    rows = truth_of(folder)
    samples, seen = [], set()
    for line in run.read_text(encoding="utf-8").splitlines():
        result = json.loads(line)
        name = "/".join(Path(result["file"]).parts[-2:])
        if name not in rows:
            continue
        if "error" in result:
            raise SystemExit(f"{name}: {result['error']['message']}")
        seen.add(name)
        samples += _samples_of(rows[name], result)
    if missing := set(rows) - seen:
        raise SystemExit(f"{run}: {len(missing)} pictures are missing, {sorted(missing)[0]} first")
    return samples, list(rows.values())


def _samples_of(row: dict[str, str], result: dict) -> list[Sample]:
    asked = row["serial"] not in ("-", "none")
    accepted = {norm(x) for x in row["serial"].split("|")} if asked else set()
    codes = {norm(x) for x in row["codes"].split("|")} - {""}
    samples = []
    for place, reading in enumerate(result["readings"]):
        text = norm(reading["text"])
        if place == 0 and asked:
            right = text in accepted
        else:
            right = text in codes | accepted
            if row["serial"] == "none" and reading["kind"] == "serial":
                right = False
        truths = accepted if place == 0 and asked else codes | accepted
        terms = {t["name"]: t["value"] for t in reading.get("terms", []) if not t.get("of")}
        samples.append(Sample(row["file"], row["kind"], place, reading["text"], reading["kind"],
                              reading.get("status"), reading["score"], right,
                              "" if right else _failure(text, truths), asked, terms,
                              row.get("note", ""), len(result["looks"]), result["ms"]))
    return samples


def _failure(text: str, truths: set[str]) -> str:
    """What went wrong. A code that is only a part of the true one, or has it as a part, was cut
    wrongly: that is a matter of the choice."""
    for code in truths - {text}:
        if code not in text and text not in code and _distance(text, code) <= max(1, len(code) // 4):
            return "characters"
    return "choice"


def _distance(a: str, b: str) -> int:
    """Edits from one to the other (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(before + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def matrix(samples: list[Sample], names: list[str]) -> Array:
    """Values of the named terms, [samples, names]."""
    return np.array([[s.terms[n] for n in names] for s in samples], float).reshape(len(samples), len(names))
