"""The two sides' agreement: how a worker of `compare.py` talks.

A worker loads its engine, writes {"ready": true, "version": ...} on a line, and then answers every
file name on its standard input with one JSON line: {"file", "ms", "cpu_ms", "lines", "readings",
"peak_kb"} or {"file", "error"}. `ms` is from the picture's bytes in memory to the result, decoding
included; `cpu_ms` is the processor time of all threads over the same stretch.
Only these lines reach standard output: whatever a library prints there goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable

Line = dict[str, Any]
Answer = dict[str, Any]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that every worker takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, required=True)
    return parser


def line(text: str, score: float, quad: list[list[float]]) -> Line:
    """A text line as the scorer and the keyword rule want it."""
    return {"text": text, "score": round(float(score), 4),
            "quad": [[round(float(x), 1), round(float(y), 1)] for x, y in quad]}


def peak_kb() -> int:
    """The most memory that this process ever had (VmHWM)."""
    for row in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if row.startswith("VmHWM:"):
            return int(row.split()[1])
    return 0


def spent(start: float, used: float) -> Answer:
    """What was used since time.perf_counter() was `start` and time.process_time() was `used`."""
    return {"ms": round((time.perf_counter() - start) * 1000, 2),
            "cpu_ms": round((time.process_time() - used) * 1000, 2), "peak_kb": peak_kb()}


def timed_lines(read: Callable[[bytes], list[Line]]) -> Callable[[str], Answer]:
    """Makes an answer out of a function from bytes to lines."""
    def answer(name: str) -> Answer:
        data = Path(name).read_bytes()
        start, used = time.perf_counter(), time.process_time()
        lines = read(data)
        return {"lines": lines, **spent(start, used)}
    return answer


def serve(version: str, answer: Callable[[str], Answer], out: Any) -> None:
    """Say ready, then answer file names until standard input ends."""
    def say(message: Answer) -> None:
        out.write(json.dumps(message, ensure_ascii=False) + "\n")
        out.flush()

    say({"ready": True, "version": version})
    for row in sys.stdin:
        name = row.rstrip("\n")
        try:
            say({"file": name, **answer(name)})
        except Exception as error:  # an engine may raise anything; the run goes on
            say({"file": name, "error": f"{type(error).__name__}: {error}"})


def own_stdout() -> Any:
    """Standard output for answers alone; prints of libraries go to standard error from now on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out
