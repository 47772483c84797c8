#!/usr/bin/env python3
"""Times the two networks alone, side by side: SerialEye, OpenVINO and ONNX Runtime, all in float32,
SerialEye and OpenVINO in bfloat16, and SerialEye in 8 bits.

    python3 tools/compare/networks.py [--build build] [--venv build/peers/networks]
        [--threads 1,2] [--tiers amx,avx512,avx2,amx_bf16,avx512_bf16,int8] [--rounds 8] [--json FILE]

OpenVINO computes in f32 (INFERENCE_PRECISION_HINT; without it, it takes bfloat16 where the CPU has
that) with the latency hint; SerialEye's tier amx, whose products are of numbers in two parts, stands
beside that too. "amx_bf16" and "avx512_bf16" are precision = bf16, on tiles and on vectors, beside
OpenVINO with the hint bf16, which runs as it likes. "avx2" is
SerialEye with --tier avx2, and OpenVINO with ONEDNN_MAX_CPU_ISA=AVX2, which is looked up in the
names of the kernels that it chose. "int8" is SerialEye with
--int8, beside OpenVINO in f32. A peer that does not start is skipped with a message: OpenVINO 2026.4.1 crashes on the recognizer with AVX2.

Engines are processes that load once (SerialEye's nn_bench loads for every round, which does not
count) and take turns; all are bound to the first --threads processors. The numbers are the shortest
run and the median of the rounds' shortest runs: a machine that does other things as well only ever
makes a run longer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
NETWORKS = {"detector": ("PP-OCRv6_det_small.onnx", 736, 736),
            "recognizer": ("PP-OCRv6_rec_small.onnx", 48, 320)}
RUNS = {"detector": 5, "recognizer": 30}
BF16_TIERS = ("amx_bf16", "avx512_bf16")

# Runs in the peers' own Python: argv = engine, model, height, width, threads, precision; then one
# number of runs a line, answered by the milliseconds of each.
WORKER = r'''
import json, sys, time
import numpy
engine, model, height, width, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
shape = (1, 3, height, width)
picture = numpy.random.default_rng(1).uniform(-1, 1, shape).astype(numpy.float32)
if engine == "onnxruntime":
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name, kernels = session.get_inputs()[0].name, []
    run = lambda: session.run(None, {name: picture})
else:
    import openvino
    core = openvino.Core()
    network = core.read_model(model)
    network.reshape(shape)
    compiled = core.compile_model(network, "CPU", {
        "INFERENCE_PRECISION_HINT": sys.argv[6], "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1})
    request = compiled.create_infer_request()
    run = lambda: request.infer({0: picture})
    kernels = []
    for operation in compiled.get_runtime_model().get_ops():
        info = operation.get_rt_info()
        if info["layerType"].astype(str) == "Convolution":
            kernels.append(info["primitiveType"].astype(str))
run()
print(json.dumps(sorted(set(kernels))), flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    print(json.dumps(times), flush=True)
'''


class EngineError(Exception):
    """An engine cannot be used; the message says why."""


@dataclass
class Entry:
    """An engine with its settings, and what it needed, in milliseconds."""

    name: str
    tier: str
    shortest: list[float] = field(default_factory=list)


class Peer(Entry):
    """OpenVINO or ONNX Runtime: a process that answers on its standard output."""

    def start(self, python: Path, network: str, model: Path, threads: int) -> None:
        _, height, width = NETWORKS[network]
        environment = dict(os.environ)
        environment.pop("ONEDNN_MAX_CPU_ISA", None)
        if self.tier == "avx2":
            environment["ONEDNN_MAX_CPU_ISA"] = "AVX2"
        # pylint: disable-next=consider-using-with, attribute-defined-outside-init
        self.process = subprocess.Popen(
            [str(python), "-c", WORKER, self.name, str(model), str(height), str(width),
             str(threads), "bf16" if self.tier in BF16_TIERS else "f32"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        answer = self.process.stdout.readline()
        if not answer:
            raise EngineError(f"{self.name} {self.tier}: ended by {self.process.wait()}")
        kernels = json.loads(answer)
        if self.tier == "avx2" and any("avx512" in kernel for kernel in kernels):
            raise EngineError(f"{self.name} is not limited to AVX2: {kernels}")

    def round(self, runs: int) -> None:
        """Some runs; the shortest is kept."""
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        self.shortest.append(min(json.loads(self.process.stdout.readline())))

    def stop(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


class Own(Entry):
    """SerialEye's nn_bench, a process a round."""

    def start(self, bench: Path, network: str, model: Path, threads: int) -> None:
        _, height, width = NETWORKS[network]
        # pylint: disable-next=attribute-defined-outside-init
        self.command = [str(bench), str(model), f"{height}x{width}",
                        *(["--int8", network[:3]] if self.tier == "int8" else ["--tier", self.tier]),
                        "--threads", str(threads), "--runs"]

    def round(self, runs: int) -> None:
        """Some runs; the shortest is kept."""
        text = subprocess.run(self.command + [str(runs)], check=True, capture_output=True,
                              text=True).stdout
        self.shortest.append(float(re.search(r"shortest ([0-9.]+) ms", text)[1]))

    def stop(self) -> None:
        """Nothing to end."""


def prepare(venv: Path) -> Path:
    """Python with the peers' packages."""
    wanted = HERE / "requirements" / "networks.txt"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    marker, python = venv / "installed", venv / "bin" / "python"
    if not (marker.is_file() and marker.read_text(encoding="ascii") == digest):
        print(f"installing {wanted.name} into {venv}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True)
        marker.write_text(digest, encoding="ascii")
    return python


def own_tiers() -> list[str]:
    """SerialEye's tiers that this machine's processor has, the best first."""
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii").split()
    wanted = {"amx": ("amx_tile", "amx_bf16", "avx512_bf16"),
              "avx512": ("avx512f", "avx512bw", "avx512dq", "avx512vl"), "avx2": (),
              "amx_bf16": ("amx_tile", "amx_bf16", "avx512_bf16"),
              "avx512_bf16": ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16"),
              "int8": ()}
    return [tier for tier, needs in wanted.items() if all(flag in flags for flag in needs)]


def measure(network: str, threads: int, options: argparse.Namespace, python: Path) -> list[Entry]:
    """All engines on a network, in turns."""
    tiers = [tier for tier in own_tiers() if tier in options.tiers.split(",")]
    entries: list[Own | Peer] = [Own("serialeye", tier) for tier in tiers]
    # Peers in float32 have no use for tiles: there is one of them for the tiers amx and avx512, and
    # one in bfloat16 for both tiers of that.
    peers = [tier for tier in tiers if tier not in ("amx", "int8", *BF16_TIERS)]
    peers = (peers or ["avx512"]) + [tier for tier in tiers if tier in BF16_TIERS][:1]
    entries += [Peer("openvino", tier) for tier in peers] + [Peer("onnxruntime", peers[0])]
    model = options.models / NETWORKS[network][0]
    os.sched_setaffinity(0, sorted(options.processors)[:threads])
    for entry in list(entries):
        try:
            entry.start(options.build / "bench" / "nn_bench" if isinstance(entry, Own) else python,
                        network, model, threads)
        except EngineError as error:
            print(f"skipped on the {network}: {error}", file=sys.stderr)
            entries.remove(entry)
    for turn in range(options.rounds):
        first = turn % len(entries)
        for entry in entries[first:] + entries[:first]:
            entry.round(RUNS[network])
    for entry in entries:
        entry.stop()
    return entries


def report(network: str, threads: int, entries: list[Entry]) -> list[dict]:
    """Rows of the table; also printed."""
    peers = {e.tier: min(e.shortest) for e in entries if e.name == "openvino"}
    if "avx512" in peers:
        peers["amx"] = peers["avx512"]
    single = [ms for tier, ms in peers.items() if tier not in BF16_TIERS]
    if single:
        peers["int8"] = min(single)
    bf16 = [peers[tier] for tier in BF16_TIERS if tier in peers]
    peers.update({tier: bf16[0] for tier in BF16_TIERS if bf16})
    rows = []
    for e in entries:
        best = min(e.shortest)
        row = {"network": network, "threads": threads, "engine": e.name, "tier": e.tier,
               "ms": round(best, 2), "ms_median": round(statistics.median(e.shortest), 2),
               "of_openvino": round(best / peers[e.tier], 3) if e.tier in peers else None}
        rows.append(row)
        ratio = f"{row['of_openvino']:.2f}" if e.tier in peers else ""
        print(f"| {network} | {threads} | {e.name} {e.tier} | {row['ms']:.1f} | "
              f"{row['ms_median']:.1f} | {ratio} |", flush=True)
    return rows


def main() -> int:
    """Reads the arguments and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--venv", type=Path, default=Path("build/peers/networks"))
    parser.add_argument("--models", type=Path,
                        default=Path.home() / ".local/share/serialeye/models")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--tiers", default="amx,avx512,avx2,amx_bf16,avx512_bf16,int8",
                        help="those of them that there are")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.processors = os.sched_getaffinity(0)
    python = prepare(options.venv)
    rows = []
    print("| network | threads | engine | ms | median ms | of OpenVINO |\n|---|---|---|---|---|---|")
    for network in NETWORKS:
        for threads in map(int, options.threads.split(",")):
            rows += report(network, threads, measure(network, threads, options, python))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
