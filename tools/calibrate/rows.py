#!/usr/bin/env python3
"""What each row of the format table adds: answers from lines of text with and without it.

    serialeye read --json --lines --no-barcodes --out LINES.jsonl DIR
    python3 tools/calibrate/rows.py --program build/serialeye \\
        --lines build/tests/serial/serial_lines --pictures DIR LINES.jsonl

DIR is of tools/render or has a photos.tsv. Prints a table: rows of one name together, those that
answer or change an answer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import samples


def answers(program: Path, lines: Path, truth: dict[str, dict[str, str]],
            without: str | None) -> dict[str, tuple[bool, str]]:
    """By file: is the first reading right, and of which format is it?"""
    command = [program, lines, *([without] if without else [])]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for line in out.splitlines():
        result = json.loads(line)
        name = "/".join(Path(result["file"]).parts[-2:])
        serial = truth[name]["serial"]
        if serial in ("-", "none"):
            continue
        accepted = {samples.norm(text) for text in serial.split("|")}
        first = result["readings"][0] if result["readings"] else {"text": "", "format": ""}
        found[name] = (samples.norm(first["text"]) in accepted, first["format"])
    return found


def names(program: Path) -> list[str]:
    """Of the rows, each once."""
    out = subprocess.run([program, "formats", "--json"], check=True, capture_output=True,
                         text=True).stdout
    return list(dict.fromkeys(row["name"] for row in json.loads(out)["formats"]))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--lines", type=Path, required=True, help="the program serial_lines")
    parser.add_argument("--pictures", type=Path, required=True, help="folder with the truth")
    parser.add_argument("run", type=Path, help="lines of text as the program read them")
    options = parser.parse_args()
    truth = samples.truth_of(options.pictures)
    whole = answers(options.lines, options.run, truth, None)
    print(f"| without | answers | right of {len(whole)} | better with it, better without |")
    print("|---|---|---|---|")
    print(f"| nothing | | {sum(right for right, _ in whole.values())} | |")
    for name in names(options.program):
        rest = answers(options.lines, options.run, truth, name)
        used = sum(of == name for _, of in whole.values())
        gained = sum(whole[f][0] and not rest[f][0] for f in whole)
        lost = sum(rest[f][0] and not whole[f][0] for f in whole)
        if used or gained or lost:
            right = sum(right for right, _ in rest.values())
            print(f"| `{name}` | {used} | {right} | {gained}, {lost} |")


if __name__ == "__main__":
    main()
