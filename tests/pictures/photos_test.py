#!/usr/bin/env python3
"""Reads a folder of photographs and fails when the program reads fewer of them than it did.

    photos_test.py PROGRAM

The folder is named by SERIALEYE_PHOTOS; it holds pictures, their truth in photos.tsv, and score.py,
which counts. Skipped (exit status 77) without the folder or the models.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import program

# Of 136 codes and 58 serial numbers; what was read when these were set, less a little for other
# instruction sets.
CODES, CODES_OF = 119, 136
SERIALS, SERIALS_OF = 48, 58


def score(photos: Path, run: Path) -> dict[str, int]:
    """What score.py counts in a run: codes, codes_of, serial, serial_of, wrong."""
    done = subprocess.run([sys.executable, photos / "score.py", photos / "photos.tsv", run],
                          capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, flush=True)
    if done.returncode != 0:
        sys.exit("score.py: a picture is missing, or it failed")
    counts = {}
    for name in ("codes", "serial"):
        match = re.search(rf"\b{name} (\d+)/(\d+)", done.stdout)
        if match:
            counts[name], counts[f"{name}_of"] = int(match[1]), int(match[2])
    match = re.search(r"\bwrong (\d+)", done.stdout)
    if not match or len(counts) != 4:
        sys.exit("score.py: gives no codes, serial and wrong")
    return counts | {"wrong": int(match[1])}


def main() -> None:
    """The test."""
    serialeye = Path(sys.argv[1]).resolve()
    folder = os.environ.get("SERIALEYE_PHOTOS")
    if not folder:
        program.skip("SERIALEYE_PHOTOS names no folder of photographs")
    photos = Path(folder)
    if not (photos / "photos.tsv").is_file():
        program.skip(f"{photos}: has no photos.tsv")
    program.need_models(serialeye)
    with tempfile.TemporaryDirectory() as scratch:
        lines, plain = Path(scratch) / "lines.jsonl", Path(scratch) / "plain.jsonl"
        program.read(serialeye, ["--lines", "--no-barcodes"], photos, lines)
        text = score(photos, lines)
        program.read(serialeye, [], photos, plain)
        reading = score(photos, plain)
    print(f"codes {text['codes']}/{text['codes_of']} (at least {CODES}/{CODES_OF})  "
          f"serial {reading['serial']}/{reading['serial_of']} (at least {SERIALS}/{SERIALS_OF})  "
          f"wrong {reading['wrong']} (none)")
    if (text["codes_of"], reading["serial_of"]) != (CODES_OF, SERIALS_OF):
        sys.exit("the photographs are others than those that the limits were set with")
    if text["codes"] < CODES or reading["serial"] < SERIALS or reading["wrong"] > 0:
        sys.exit("worse than it was")


main()
