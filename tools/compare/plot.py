#!/usr/bin/env python3
"""Draws what compare.py has found: time against what was read, memory as the size of a dot.

    plot.py DIR        DIR has summary.json and score.txt; compare.png is written into it
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)

SCORE = re.compile(r"(?P<engine>[^/\s]+)\.jsonl: codes (?P<codes>\S+).*?serial (?P<serial>\S+)")


def shares(text: str) -> dict[str, dict[str, float]]:
    """{"ENGINE": {"codes": 0 … 1, "serial": 0 … 1}} out of the scorer's lines."""
    found: dict[str, dict[str, float]] = {}
    for match in SCORE.finditer(text):
        parts = {key: match[key].split("/") for key in ("codes", "serial")}
        found[match["engine"]] = {key: int(part[0]) / int(part[1])
                                  for key, part in parts.items() if len(part) == 2}
    return found


def main() -> int:
    """The command; gives its exit status."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    engines = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    scores = shares((folder / "score.txt").read_text(encoding="utf-8"))
    figure, panels = pyplot.subplots(1, 2, figsize=(13, 5.5), sharex=True)
    for panel, key, title in zip(panels, ("serial", "codes"),
                                 ("first reading is the serial number", "codes among the lines")):
        for engine in engines:
            share = scores.get(engine["engine"], {}).get(key)
            if not share or engine["ms_median"] is None:
                continue  # a run without lines has no codes among them
            panel.scatter(engine["ms_median"], 100 * share, s=max(20, engine["peak_mb"] / 4),
                          alpha=0.6)
            panel.annotate(f"{engine['engine']}, {engine['peak_mb']} MB",
                           (engine["ms_median"], 100 * share), textcoords="offset points",
                           xytext=(6, 6), fontsize=8)
        panel.set_xscale("log")
        panel.set_xlabel("median ms a picture")
        panel.set_ylabel("per cent")
        panel.set_title(title)
        panel.grid(True, which="both", alpha=0.3)
    figure.tight_layout()
    figure.savefig(folder / "compare.png", dpi=120)
    print(folder / "compare.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
