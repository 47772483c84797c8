#!/usr/bin/env python3
"""Holds the program's networks against ONNX Runtime, on the program's own inputs.

    python3 lines.py --dumper build/tests/ocr/line_dump --models DIR PICTURE...

For each picture line_dump (tests/ocr/line_dump.c) writes every input that went through the detector
and the recognizer, the detector's maps, and the texts that the program decoded. ONNX Runtime runs
the same inputs; its texts are decoded greedily with the dictionary in the model's metadata.

Exit status: 1 when fewer than 99.5 % of the lines are the same, a map differs by more than 1e-3
anywhere, or nothing was compared; 2 when a picture could not be dumped.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

import dump

DETECTOR = "PP-OCRv6_det_small.onnx"
RECOGNIZER = "PP-OCRv6_rec_small.onnx"
SAME_LINES = 0.995
MAP_LIMIT = 1e-3
RUN_INPUT = re.compile(r"(detector|recognizer)/(\d+)/input")


@dataclass
class Counts:
    """What was compared so far."""

    lines: int = 0
    same: int = 0
    empty: int = 0
    maps: int = 0
    map_error: float = 0.0
    logp_error: float = 0.0
    differences: list[str] = field(default_factory=list)


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A model as ONNX Runtime runs it by default, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def dictionary(session: onnxruntime.InferenceSession) -> list[str]:
    """Character of each class; class 0 is the blank. An empty line is a space; a space comes last
    where the model has one class more than the dictionary."""
    lines = session.get_modelmeta().custom_metadata_map["character"].split("\n")
    if not lines[-1]:
        lines.pop()
    characters = ["", *(line[:1] or " " for line in lines)]
    classes = session.get_outputs()[0].shape[-1]
    if isinstance(classes, int) and classes == len(characters) + 1:
        characters.append(" ")
    return characters


def decode(best: np.ndarray, characters: list[str]) -> str:
    """The text of the likeliest classes of the steps: runs become one, blanks go."""
    starts = np.diff(best, prepend=-1) != 0
    return "".join(characters[c] for c in best[starts & (best != 0)])


def run(session: onnxruntime.InferenceSession, values: np.ndarray) -> np.ndarray:
    """The output for one input."""
    return session.run(None, {session.get_inputs()[0].name: values})[0]


class Oracle:
    """Both models in ONNX Runtime."""

    def __init__(self, models: Path, threads: int) -> None:
        self.detector = open_session(models / DETECTOR, threads)
        self.recognizer = open_session(models / RECOGNIZER, threads)
        self.characters = dictionary(self.recognizer)

    def compare(self, picture: Path, tensors: dump.Tensors, counts: Counts) -> None:
        """Run all inputs of a picture's dump and add to the counts."""
        for name, values in tensors.items():
            match = RUN_INPUT.fullmatch(name)
            if match and match[1] == "detector":
                self._compare_map(values, tensors[f"detector/{match[2]}/map"], counts)
            elif match:
                self._compare_lines(picture, tensors, int(match[2]), values, counts)

    def _compare_map(self, values: np.ndarray, found: np.ndarray, counts: Counts) -> None:
        wanted = run(self.detector, values)
        counts.maps += 1
        if wanted.shape != found.shape or not np.isfinite(found).all():
            counts.map_error = np.inf
            return
        counts.map_error = max(counts.map_error, float(np.abs(wanted - found).max()))

    def _compare_lines(self, picture: Path, tensors: dump.Tensors, number: int, values: np.ndarray,
                       counts: Counts) -> None:
        output = run(self.recognizer, values)
        best = output.argmax(axis=2)
        logp = np.log(np.maximum(output.max(axis=2), 1e-30))
        counts.logp_error = max(counts.logp_error, float(
            np.abs(logp - tensors[f"recognizer/{number}/best_logp"]).max()))
        for i, classes in enumerate(best):
            wanted = decode(classes, self.characters)
            points = tensors[f"recognizer/{number}/text/{i}"]
            found = "".join(chr(int(p)) for p in points)
            if not wanted and not found:
                counts.empty += 1
                continue
            counts.lines += 1
            if wanted == found:
                counts.same += 1
                continue
            two = np.sort(output[i], axis=1)[:, -2:]
            tie = float((two[:, 1] - two[:, 0]).min())
            counts.differences.append(f"{picture}: {found!r}, ONNX Runtime {wanted!r} (its closest "
                                      f"step: {tie:.2g} between the first two)")


def dump_picture(dumper: Path, models: Path, picture: Path, out: Path) -> dump.Tensors | None:
    """What line_dump writes of a picture; None when it fails."""
    command = [dumper, models / DETECTOR, models / RECOGNIZER, out, picture]
    if subprocess.run(command, check=False).returncode != 0:
        return None
    return dump.read(out)


def report(counts: Counts, failed: int) -> int:
    """Print the figures; gives the exit status."""
    for difference in counts.differences:
        print(difference)
    share = counts.same / counts.lines if counts.lines else 0
    print(f"{counts.maps} maps, largest difference {counts.map_error:.2g} (limit {MAP_LIMIT:g})")
    print(f"{counts.empty} more lines empty in both; log-probabilities of the likeliest classes "
          f"within {counts.logp_error:.2g}")
    print(f"{counts.same} of {counts.lines} lines the same ({100 * share:.2f} %)")
    if failed:
        print(f"{failed} pictures could not be dumped")
        return 2
    return int(share < SAME_LINES or counts.maps == 0 or not counts.map_error <= MAP_LIMIT)


def main() -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE")
    parser.add_argument("--dumper", type=Path, required=True, help="the program line_dump")
    parser.add_argument("--models", type=Path, required=True, help="folder of the models")
    parser.add_argument("--threads", type=int, default=1, help="of ONNX Runtime (default 1)")
    options = parser.parse_args()
    oracle = Oracle(options.models, options.threads)
    counts, failed = Counts(), 0
    with tempfile.TemporaryDirectory() as folder:
        for picture in options.pictures:
            tensors = dump_picture(options.dumper, options.models, picture,
                                   Path(folder) / "lines.tensors")
            if tensors is None:
                failed += 1
            else:
                oracle.compare(picture, tensors, counts)
    return report(counts, failed)


if __name__ == "__main__":
    sys.exit(main())
