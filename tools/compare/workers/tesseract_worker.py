"""Tesseract (Debian's tesseract-ocr), sparse text, one process a picture.

Its `ms` includes the start of the process, because the command has no way to stay.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import time

import protocol


def read(name: str) -> protocol.Answer:
    """The words of one picture, joined into Tesseract's lines."""
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["tesseract", name, "-", "--psm", "11", "tsv"], capture_output=True,
                          text=True, check=True)
    spent, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    lines: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for word in csv.DictReader(done.stdout.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        if word["level"] == "5" and word["text"].strip():
            place = tuple(word[k] for k in ("page_num", "block_num", "par_num", "line_num"))
            lines.setdefault(place, []).append(word)
    found = []
    for words in lines.values():
        left = min(int(w["left"]) for w in words)
        top = min(int(w["top"]) for w in words)
        right = max(int(w["left"]) + int(w["width"]) for w in words)
        bottom = max(int(w["top"]) + int(w["height"]) for w in words)
        score = sum(float(w["conf"]) for w in words) / len(words) / 100
        found.append(protocol.line(" ".join(w["text"] for w in words), score,
                                   [[left, top], [right, top], [right, bottom], [left, bottom]]))
    return {"ms": round(spent * 1000, 2), "cpu_ms": round(cpu * 1000, 2), "lines": found,
            "peak_kb": after.ru_maxrss}


def main() -> None:
    """Serve."""
    options = protocol.arguments(__doc__).parse_args()
    os.environ["OMP_THREAD_LIMIT"] = str(options.threads)
    out = protocol.own_stdout()
    version = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True)
    protocol.serve(version.stdout.splitlines()[0], read, out)


if __name__ == "__main__":
    main()
