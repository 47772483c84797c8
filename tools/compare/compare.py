#!/usr/bin/env python3
"""Runs OCR engines side by side over the same pictures, and scores them.

    python3 tools/compare/compare.py --photos DIR --venv-dir DIR --out DIR [--engines a,b,...]

Every engine is a process of its own that loads once. The engines take turns picture by picture, in
an order that rotates, so that a machine that slows down slows all of them. DIR of --photos has
photos.tsv (or truth.tsv), the pictures, and, unless --score names it, score.py.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import queue
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import keyword_rule

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Peer:
    """An engine: its worker, the worker's options, its packages and the command it needs."""

    worker: str
    options: tuple[str, ...] = ()
    requirements: str | None = None
    command: str | None = None
    has_readings: bool = False


PEERS = {
    "serialeye": Peer("serialeye_worker.py", has_readings=True),
    "serialeye-lines": Peer("serialeye_worker.py", ("--lines",), has_readings=True),
    "rapidocr-ort": Peer("rapidocr_worker.py", ("--engine", "onnxruntime"), "rapidocr-ort.txt"),
    "rapidocr-openvino": Peer("rapidocr_worker.py", ("--engine", "openvino"),
                              "rapidocr-openvino.txt"),
    "faster-paddle-tiny": Peer("faster_paddle_worker.py", ("--size", "tiny"), "faster-paddle.txt"),
    "faster-paddle-small": Peer("faster_paddle_worker.py", ("--size", "small"),
                                "faster-paddle.txt"),
    "easyocr": Peer("easyocr_worker.py", (), "easyocr.txt"),
    "tesseract": Peer("tesseract_worker.py", (), None, "tesseract"),
}
DEFAULT_ENGINES = ("serialeye,serialeye-lines,rapidocr-ort,rapidocr-openvino,faster-paddle-tiny,"
                   "faster-paddle-small")
ROOT = HERE.parents[1]


class EngineError(Exception):
    """An engine cannot be used; the message says why."""


def prepare(requirements: str | None, venv_dir: Path) -> Path:
    """The Python with these packages, in a virtual environment; without any, our own."""
    if not requirements:
        return Path(sys.executable)
    wanted = HERE / "requirements" / requirements
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    home = venv_dir / wanted.stem
    marker, python = home / "installed", home / "bin" / "python"
    if marker.is_file() and marker.read_text(encoding="ascii") == digest:
        return python
    print(f"installing {wanted.name} into {home}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
    pip = subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if pip.returncode:
        raise EngineError(f"{wanted.name} could not be installed:\n{pip.stdout[-800:]}")
    marker.write_text(digest, encoding="ascii")
    return python


@dataclass
class Engine:
    """A running worker and what it answered."""

    name: str
    arguments: list[str]
    cpus: set[int]
    timeout: float
    log: Path
    answers: list[dict[str, Any]] = field(default_factory=list)
    version: str = ""
    ready_s: float = 0.0
    first_s: float | None = None
    peak_kb: int = 0
    process: subprocess.Popen[str] | None = None
    replies: queue.Queue[str] = field(default_factory=queue.Queue)

    def start(self) -> subprocess.Popen[str]:
        """Start the worker and wait until it has loaded."""
        begin = time.perf_counter()
        with open(self.log, "a", encoding="utf-8") as log:
            process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=log, text=True)
        self.process = process
        os.sched_setaffinity(process.pid, self.cpus)
        self.replies = queue.Queue()
        threading.Thread(target=self._collect, args=(process, self.replies), daemon=True).start()
        self.version = self._reply()["version"]
        self.ready_s = time.perf_counter() - begin
        return process

    @staticmethod
    def _collect(process: subprocess.Popen[str], replies: queue.Queue[str]) -> None:
        for row in process.stdout or ():
            replies.put(row)
        replies.put("")

    def _reply(self) -> dict[str, Any]:
        try:
            row = self.replies.get(timeout=self.timeout)
        except queue.Empty:
            self.stop()
            raise EngineError(f"no answer in {self.timeout:.0f} s") from None
        if not row:
            self.stop()
            raise EngineError(f"ended; its last words are in {self.log}")
        return json.loads(row)

    def warm_up(self, path: Path) -> None:
        """Read a picture that does not count; its answer's time is that of the first result."""
        begin = time.perf_counter()
        answer = self._ask(path)
        if "error" not in answer:
            self.first_s = self.ready_s + time.perf_counter() - begin

    def read(self, path: Path, rule: bool) -> None:
        """Read one picture and keep the answer."""
        answer = self._ask(path)
        self.peak_kb = max(self.peak_kb, answer.pop("peak_kb", 0))
        if rule and "lines" in answer:
            answer["readings"] = keyword_rule.readings(answer["lines"])
        self.answers.append(answer)

    def _ask(self, path: Path) -> dict[str, Any]:
        """The answer for one picture; a worker that died is started again for the next one."""
        try:
            process = self.process or self.start()
            print(path, file=process.stdin, flush=True)
            return self._reply()
        except (EngineError, BrokenPipeError) as error:
            return {"file": str(path), "error": str(error)}

    def stop(self) -> None:
        """End the worker."""
        if self.process:
            self.process.kill()
            with self.process:
                self.process = None

    def summary(self) -> dict[str, Any]:
        """Figures of the run."""
        def middle(key: str, mean: Callable[[list[float]], float]) -> float | None:
            values = [a[key] for a in self.answers if key in a]
            return round(mean(values), 1) if values else None

        return {"engine": self.name, "version": self.version, "pictures": len(self.answers),
                "failed": sum("error" in a for a in self.answers),
                "ms_median": middle("ms", statistics.median),
                "ms_mean": middle("ms", statistics.mean),
                "cpu_ms_median": middle("cpu_ms", statistics.median),
                "cpu_ms_mean": middle("cpu_ms", statistics.mean),
                "first_result_s": round(self.first_s, 2) if self.first_s else None,
                "peak_mb": round(self.peak_kb / 1024)}


def pictures(folder: Path, kinds: str | None, limit: int | None) -> tuple[Path, list[str]]:
    """The table of truth and the files in it."""
    table = next((folder / n for n in ("photos.tsv", "truth.tsv") if (folder / n).is_file()), None)
    if table is None:
        sys.exit(f"{folder}: neither photos.tsv nor truth.tsv")
    with open(table, encoding="utf-8") as rows:
        found = list(csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE))
    files = [r["file"] for r in found if not kinds or r["kind"] in kinds.split(",")]
    if limit and limit < len(files):
        files = [files[i * len(files) // limit] for i in range(limit)]
    return table, files


def start_engines(options: argparse.Namespace) -> list[Engine]:
    """The engines that can be had; says why others cannot."""
    cpus = set(sorted(os.sched_getaffinity(0))[:options.threads])
    engines = []
    for name in options.engines.split(","):
        peer = PEERS[name]
        try:
            if peer.command and not shutil.which(peer.command):
                raise EngineError(f"command '{peer.command}' is not installed")
            if name.startswith("serialeye") and not options.library.is_file():
                raise EngineError(f"{options.library} is not there (--library)")
            python = prepare(peer.requirements, options.venv_dir)
            arguments = [str(python), str(HERE / "workers" / peer.worker), "--threads",
                         str(options.threads), *peer.options]
            if name.startswith("serialeye"):
                arguments += ["--library", str(options.library.resolve()), "--package",
                              str(ROOT / "python")]
            engine = Engine(name, arguments, cpus, options.timeout, options.out / f"{name}.log")
            engine.start()
            engines.append(engine)
        except EngineError as error:
            print(f"skipped {name}: {error}", file=sys.stderr)
    return engines


def report(engines: list[Engine], out: Path) -> None:
    """Print the table, write the answers and the figures."""
    summaries = [engine.summary() for engine in engines]
    columns = {"ms_median": "ms median", "ms_mean": "ms mean", "cpu_ms_median": "cpu median",
               "cpu_ms_mean": "cpu mean", "first_result_s": "first s", "peak_mb": "peak MB",
               "failed": "failed"}
    print(f"{'engine':20}", *(f"{title:>10}" for title in columns.values()), " version")
    for s in summaries:
        cells = (f"{'-' if s[key] is None else s[key]:>10}" for key in columns)
        print(f"{s['engine']:20}", *cells, f" {s['version']}")
    (out / "summary.json").write_text(json.dumps(summaries, indent=1) + "\n", encoding="utf-8")


def write_runs(engines: list[Engine], out: Path) -> list[str]:
    """One JSON-lines file an engine, as the scorer reads them."""
    runs = []
    for engine in engines:
        run = out / f"{engine.name}.jsonl"
        with open(run, "w", encoding="utf-8") as lines:
            for answer in engine.answers:
                lines.write(json.dumps(answer, ensure_ascii=False) + "\n")
        runs.append(str(run))
    return runs


def take_turns(engines: list[Engine], folder: Path, files: list[str]) -> list[str]:
    """Let the engines read picture by picture; the files that all of them have read. Ctrl-C ends
    the run, and what has been read counts."""
    done = 0
    try:
        for engine in engines:
            engine.warm_up((folder / files[0]).resolve())
        for turn, name in enumerate(files):
            at = turn % len(engines)
            for engine in engines[at:] + engines[:at]:
                engine.read((folder / name).resolve(), not PEERS[engine.name].has_readings)
            done = turn + 1
            print(f"\r{done}/{len(files)}", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print(f"\nended after {done} of {len(files)} pictures", file=sys.stderr)
        for engine in engines:
            del engine.answers[done:]
    finally:
        for engine in engines:
            engine.stop()
    print(file=sys.stderr)
    return files[:done]


def score(options: argparse.Namespace, table: Path, runs: list[str]) -> None:
    """Print what the scorer says, and keep it in score.txt."""
    scorer = options.score or options.photos / "score.py"
    if not scorer.is_file():
        print(f"{scorer}: not there, runs are not scored (--score)", file=sys.stderr)
        return
    done = subprocess.run([sys.executable, str(scorer), str(table), *runs], text=True,
                          stdout=subprocess.PIPE, check=False)
    print(done.stdout, end="")
    (options.out / "score.txt").write_text(done.stdout, encoding="utf-8")


def plot(options: argparse.Namespace) -> None:
    """Draw the figures in --out, in a process that has matplotlib."""
    try:
        python = prepare("plot.txt", options.venv_dir)
    except EngineError as error:
        print(f"no plot: {error}", file=sys.stderr)
        return
    subprocess.run([str(python), str(HERE / "plot.py"), str(options.out)], check=True)


def part_table(table: Path, files: list[str], out: Path) -> Path:
    """The rows of the truth that were read, so that the scorer misses none."""
    rows = table.read_text(encoding="utf-8").splitlines()
    kept = [rows[0], *(row for row in rows[1:] if row.split("\t")[0] in set(files))]
    path = out / "read.tsv"
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return path


def main() -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder with photos.tsv")
    parser.add_argument("--engines", default=DEFAULT_ENGINES,
                        help=f"comma between; known: {', '.join(PEERS)}; default: %(default)s")
    parser.add_argument("--library", type=Path, default=ROOT / "build" / "libserialeye.so",
                        help="SerialEye's library (default %(default)s)")
    parser.add_argument("--venv-dir", type=Path, required=True,
                        help="folder for the peers' virtual environments")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs and figures")
    parser.add_argument("--score", type=Path, help="score.py (default: the one in --photos)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)),
                        help="threads and processors an engine may use (default: all)")
    parser.add_argument("--kinds", help="only pictures of these kinds, comma between")
    parser.add_argument("--limit", type=int, help="only this many pictures, spread over the table")
    parser.add_argument("--timeout", type=float, default=180.0,
                        help="seconds that an engine may take to load or to read a picture")
    parser.add_argument("--plot", action="store_true", help="draw compare.png into --out")
    options = parser.parse_args()
    if unknown := set(options.engines.split(",")) - set(PEERS):
        parser.error(f"unknown engines: {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    table, files = pictures(options.photos, options.kinds, options.limit)
    options.out.mkdir(parents=True, exist_ok=True)
    options.venv_dir.mkdir(parents=True, exist_ok=True)
    engines = start_engines(options)
    if not engines:
        return 1
    files = take_turns(engines, options.photos, files)
    report(engines, options.out)
    score(options, part_table(table, files, options.out), write_runs(engines, options.out))
    if options.plot:
        plot(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
