#!/usr/bin/env python3
"""Compares two tensor dumps by name; see FORMAT.md.

    python3 compare.py ORACLE.bin ENGINE.bin

A tensor passes where |a - b| <= atol + rtol * |a| for every element; "first" is the first one that
does not, in the order of A. Tensors that only one file has are counted, not compared: fusion
removes them. The exit status is 1 when one fails, when shapes differ, or when nothing was compared.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import dump


@dataclass(frozen=True)
class Result:
    """How far two tensors of one name are apart."""

    name: str
    shape: tuple[int, ...]
    largest: float
    relative: float
    place: tuple[int, ...]
    passed: bool
    note: str = ""


def compare(name: str, a: np.ndarray, b: np.ndarray, atol: float, rtol: float) -> Result:
    """Hold `b` against `a`; relative error is to the largest value of `a`."""
    if a.shape != b.shape:
        return Result(name, a.shape, np.nan, np.nan, (), False, f"the other is {list(b.shape)}")
    if a.size == 0:
        return Result(name, a.shape, 0.0, 0.0, (), True, "empty")
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0.0, np.abs(wide_a - wide_b))
    error = np.where(np.isnan(error), np.inf, error)
    bad = error > atol + rtol * np.abs(np.where(np.isfinite(wide_a), wide_a, 0))
    worst = np.unravel_index(int(error.argmax()), a.shape)
    scale = float(np.abs(wide_a[np.isfinite(wide_a)]).max(initial=0.0))
    largest = float(error[worst])
    return Result(name, a.shape, largest, largest / scale if scale else largest,
                  tuple(int(i) for i in worst), not bad.any(),
                  f"{int(bad.sum())} of {a.size} beyond" if bad.any() else "")


def main() -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("a", type=Path, help="the oracle's dump")
    parser.add_argument("b", type=Path, help="the dump to check")
    parser.add_argument("--atol", type=float, default=1e-4, help="default %(default)s")
    parser.add_argument("--rtol", type=float, default=1e-3, help="default %(default)s")
    parser.add_argument("--all", action="store_true", help="list every tensor, not only failures")
    options = parser.parse_args()
    try:
        a, b = dump.read(options.a), dump.read(options.b)
    except (dump.DumpError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    results = [compare(n, a[n], b[n], options.atol, options.rtol) for n in a if n in b]
    failed = [r for r in results if not r.passed]
    for r in results if options.all else failed:
        print(f"{'ok  ' if r.passed else 'FAIL'} {r.name} {list(r.shape)}  "
              f"max abs {r.largest:.3g}  relative {r.relative:.3g}  at {list(r.place)}  "
              f"{r.note}".rstrip())
    if failed:
        print(f"first beyond the limit: {failed[0].name}")
    print(f"{len(results)} tensors compared, of {len(a)} in {options.a} and {len(b)} in "
          f"{options.b}; {len(failed)} beyond atol {options.atol:g} + rtol {options.rtol:g}")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
