"""What tools/gpu/measure runs: each measure_… is one part and returns what goes into its results. A part that
cannot be done raises RuntimeError; one that this machine lacks the means for returns {"skipped": reason}.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIP = 77
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
# Of a dry run: kernels run on the CPU there, so everything is as small as it can be.
DRY = ("--set", "looks=none", "--set", "detect_side=96", "--set", "gpu_warm=false", "--set", "barcodes=false")
DET, REC = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
NETWORKS = (("det", "736x736", "1,8"), ("rec", "48x320", "1,8,64"))
DRY_NETWORKS = (("det", "64x64", "1"), ("rec", "48x32", "1"))


class Tools:
    """What is run, so that a test can put something else in its place. No part may take more than `part_seconds`."""

    def __init__(self, program, python, seconds, dry=False):
        self.program, self.python, self.dry = program, python, dry
        self.end = time.monotonic() + seconds
        self.part_end = self.end

    def seconds_left(self):
        return self.end - time.monotonic()

    def begin_part(self, seconds):
        self.part_end = min(self.end, time.monotonic() + seconds)

    def serialeye(self, *args, cores=None):
        """(exit status, standard output, standard error, seconds)"""
        own = DRY if self.dry and args[0] == "read" or args[0] == "bench" and self.dry and "--network" not in args else ()
        return self.run([self.program, args[0], *own, *args[1:]], cores=cores)

    def torch(self, *args):
        return self.run([self.python, str(ROOT / "tools/gpu/torch_bench.py"), *args])

    def run(self, command, stdin=None, cores=None):
        """`cores`: the only ones that it may use"""
        begin = time.monotonic()
        limit = (lambda: os.sched_setaffinity(0, cores)) if cores else None
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, input=stdin,
                                  timeout=max(self.part_end - begin, 0.1), preexec_fn=limit)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"out of time: {pathlib.Path(command[0]).name} {command[1]}") from None
        return done.returncode, done.stdout, done.stderr, time.monotonic() - begin

    def beside(self, name):
        """A program that is built with the program, or None."""
        found = pathlib.Path(self.program).parent / "bench" / name
        return str(found) if found.exists() else None

    def profile(self, model, shape):
        """What nn_bench says of every step; None where it is not built."""
        bench = self.beside("nn_bench")
        return self.run([bench, model, shape, "--gpu", "--steps", "--runs", "5"]) if bench else None

    def crops(self, detector, recognizer, pictures):
        bench = self.beside("same_crops")
        if not bench:
            return None
        return self.run([bench, detector, recognizer], stdin="".join(f"{path}\n" for path in pictures))

    def sanitizer(self):
        """Every kernel under compute-sanitizer; None where that is not installed."""
        found = shutil.which("compute-sanitizer")
        return self.run([found, "--error-exitcode", "9", self.program, "doctor", "--gpu"]) if found else None

    def tests(self):
        """The tests that want a GPU, and the program's own on it; None where Meson or the build folder is missing."""
        folder = pathlib.Path(self.program).resolve().parent
        found = shutil.which("meson")
        if not found or not (folder / "build.ninja").exists():
            return None
        suites = [part for suite in ("device", "reader", "cli") for part in ("--suite", suite)]
        return self.run([found, "test", "-C", str(folder), "--no-rebuild", "--timeout-multiplier", "5", *suites,
                         *(["--list"] if self.dry else [])])

    def memory_mb(self):
        """MiB in use on the first GPU by all programs, or None."""
        try:
            done = subprocess.run(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
                                  capture_output=True, text=True, check=True)
            return int(done.stdout.split()[0])
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            return None

    def watch(self, command, seconds, sample):
        """Runs the command, at most so long, and calls sample(its process id, seconds since the begin) while it runs.
        Its exit status; None: it was stopped."""
        begin = time.monotonic()
        with open(os.devnull, "wb") as nothing, subprocess.Popen(command, stdout=nothing, stderr=nothing) as process:
            while process.poll() is None:
                spent = time.monotonic() - begin
                if spent > seconds:
                    process.terminate()
                    process.wait()
                    return None
                sample(process.pid, spent)
                time.sleep(0.1 if self.dry else 0.5)
            return process.returncode


class Peak:
    """The most memory in use while a block runs."""

    def __init__(self, tools):
        self.tools, self.before, self.most = tools, tools.memory_mb(), None
        self.over = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while True:
            now = self.tools.memory_mb()
            if now is None:
                return
            self.most = max(now, self.most or 0)
            if self.over.wait(0.1):
                return

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def grown(self):
        return None if self.before is None or self.most is None else self.most - self.before


def parsed(result, what):
    """The JSON that a command printed; what went wrong as a RuntimeError."""
    status, out, error, _ = result
    if status not in (0, 1):
        raise RuntimeError(f"{what}: exit status {status}: {error.strip()[-500:]}")
    try:
        return json.loads(out)
    except json.JSONDecodeError as problem:
        raise RuntimeError(f"{what}: no JSON ({problem}): {error.strip()[-500:]}") from problem


def pictures_of(folder, limit):
    """At most `limit` pictures of the folder, spread over it."""
    found = sorted(path for path in pathlib.Path(folder).rglob("*")
                   if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    if len(found) <= limit:
        return found
    return [found[i * len(found) // limit] for i in range(limit)]


def measure_networks(tools):
    rows = []
    for name, shape, batches in DRY_NETWORKS if tools.dry else NETWORKS:
        result = tools.serialeye("bench", "--gpu", "--network", name, "--shape", shape, "--batch", batches,
                                 "--iterations", "1" if tools.dry else "50", "--json")
        found = parsed(result, f"bench --network {name}")
        if found["gpu"] is None:
            raise RuntimeError(f"the GPU is not used: {found['why_not']}")
        rows += found["networks"]
    return rows


def measure_torch(tools, models, compiled):
    status, out, error, _ = tools.torch(models, *(["--compile"] if compiled else []))
    if status == SKIP:
        return {"skipped": out.strip().removeprefix("SKIP: ")}
    if status != 0:
        return {"skipped": f"it failed: {error.strip()[-500:]}"}
    return json.loads(out)


def measure_pictures(tools, pictures):
    """Latency and throughput on both, and the memory meanwhile."""
    with Peak(tools) as peak:
        found = parsed(tools.serialeye("bench", "--gpu", "--json", "--iterations", "1" if tools.dry else "3",
                                       *map(str, pictures)), "bench of pictures")
    if found["gpu"] is None:
        raise RuntimeError(f"the GPU is not used: {found['why_not']}")
    return {**found["pictures"], "memory_mb": peak.grown()}


def read_all(tools, pictures, use_gpu, folder):
    out = pathlib.Path(folder) / f"{use_gpu}.jsonl"
    status, _, error, _ = tools.serialeye("read", "--json", "--lines", "--set", "time_limit_ms=0", "--set",
                                          f"use_gpu={use_gpu}", "--out", str(out), *map(str, pictures))
    if status not in (0, 1):
        raise RuntimeError(f"read with use_gpu = {use_gpu}: {error.strip()[-500:]}")
    with open(out, encoding="utf-8") as lines:
        return {row["file"]: row for row in map(json.loads, lines)}


def compare_texts(cpu, gpu):
    """Share of the CPU's lines whose text the GPU gives at the same place in the order; readings that differ."""
    lines = same = 0
    different = []
    for name, row in cpu.items():
        other = gpu.get(name, {})
        a, b = ([line["text"] for line in r.get("lines", [])] for r in (row, other))
        lines += len(a)
        left = list(b)
        for text in a:
            if text in left:
                left.remove(text)
                same += 1
        a, b = ([reading["text"] for reading in r.get("readings", [])[:1]] for r in (row, other))
        if a != b:
            different.append({"file": name, "cpu": a, "gpu": b})
    return {"lines": lines, "same": same, "share": same / lines if lines else None,
            "readings_different": different}


def measure_start(tools, picture, runs=5):
    """Seconds from starting the program to its end with one small picture, whose text the GPU reads."""
    times = []
    for _ in range(runs):
        status, out, error, seconds = tools.serialeye("read", "--json", "--no-barcodes", "--set", "use_gpu=true",
                                                      str(picture))
        if status != 0 or json.loads(out)["device"] != "gpu":
            raise RuntimeError(f"first result: {out.strip()[-200:]} {error.strip()[-300:]}")
        times.append(seconds)
    return {"first_s": times[0], "median_s": statistics.median(times)}


def measure_profiles(tools, models):
    """{"det 736x736": text of every step}"""
    texts = {}
    shapes = ((DET, "64x64"), (REC, "48x32")) if tools.dry else ((DET, "736x736"), (REC, "8x48x320"))
    for model, shape in shapes:
        done = tools.profile(str(pathlib.Path(models) / model), shape)
        if done is None:
            return {"skipped": "bench/nn_bench is not built"}
        if done[0] != 0:
            raise RuntimeError(f"nn_bench: {done[2].strip()[-300:]}")
        texts[f"{'det' if model == DET else 'rec'} {shape}"] = done[1]
    return texts


def measure_sanitizer(tools):
    done = tools.sanitizer()
    if done is None:
        return {"skipped": "compute-sanitizer is not installed"}
    return {"clean": done[0] == 0, "says": done[1].strip()[-2000:]}


def measure_crops(tools, models, pictures):
    """The same crops read by both: only the recognizer and its input can differ."""
    done = tools.crops(str(pathlib.Path(models) / DET), str(pathlib.Path(models) / REC), pictures)
    if done is None:
        return {"skipped": "bench/same_crops is not built"}
    if done[0] == SKIP:
        raise RuntimeError(done[2].strip())
    found = parsed(done, "same_crops")
    if found["failed"] or not found["gpu_runs"]:
        raise RuntimeError(f"same_crops: {found['failed']} pictures failed, {found['gpu_runs']} runs on the GPU")
    return {**found, "share": found["same"] / found["lines"] if found["lines"] else None}


def measure_two_cores(tools, pictures):
    """Pictures a second of the CPU on two cores."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        return {"skipped": "there is one core alone"}
    found = parsed(tools.serialeye("bench", "--gpu", "--json", "--iterations", "1", "--set", "use_gpu=false", *map(
        str, pictures), cores=cores), "bench on two cores")
    if found["pictures"]["jobs"] != 2:
        raise RuntimeError(f"{found['pictures']['jobs']} pictures side by side on two cores")
    return {"pictures_per_s": found["pictures"]["cpu"]["pictures_per_s"]}


def measure_tests(tools):
    done = tools.tests()
    if done is None:
        return {"skipped": "Meson or the build folder is missing"}
    return {"passed": done[0] == 0, "says": done[1].strip()[-2000:]}


def jpeg_pixels(path):
    """Width × height out of a JPEG's frame header; 0 where there is none."""
    with open(path, "rb") as file:
        data = file.read(1 << 20)
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 < len(data) and data[at] == 0xff:
        marker, size = data[at + 1], int.from_bytes(data[at + 2:at + 4], "big")
        if 0xc0 <= marker <= 0xcf and marker not in (0xc4, 0xc8, 0xcc):
            return int.from_bytes(data[at + 5:at + 7], "big") * int.from_bytes(data[at + 7:at + 9], "big")
        at += 2 + size
    return 0


def mosaic(pictures, path):
    """A JPEG of 12 megapixels out of photographs side by side; why not, without Pillow."""
    try:
        from PIL import Image  # pylint: disable=import-outside-toplevel
    except ImportError as problem:
        return f"no photograph is that large, and none can be made of others: {problem}"
    whole = Image.new("RGB", (4000, 3000))
    for i in range(4):
        tile = Image.open(pictures[i % len(pictures)]).convert("RGB").resize((2000, 1500))
        whole.paste(tile, (i % 2 * 2000, i // 2 * 1500))
    whole.save(path, quality=92)
    return None


def measure_largest(tools, pictures, folder):
    """The largest JPEG, or one of 12 megapixels made of others."""
    jpegs = [path for path in pathlib.Path(folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg")]
    if not jpegs:
        return {"skipped": "there is no JPEG"}
    largest = max(jpegs, key=jpeg_pixels)
    with tempfile.TemporaryDirectory() as made:
        if jpeg_pixels(largest) < 12e6:
            path = pathlib.Path(made) / "12-megapixels.jpg"
            why_not = mosaic(pictures, path)
            if why_not:
                return {"skipped": why_not}
            largest = path
        timed = parsed(tools.serialeye("bench", "--gpu", "--json", "--iterations", "1" if tools.dry else "5",
                                       str(largest)), "the largest")
        return {"file": largest.name, "megapixels": jpeg_pixels(largest) / 1e6,
                "ms": timed["pictures"].get("gpu", {}).get("ms_median")}


def resident_mb(process):
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        return None


def grown(samples, key, whole):
    """By how much the most of the last quarter of the time is above the most of the second; None: not measured."""
    def most(begin, end):
        return max((row[key] for row in samples if row[key] is not None and begin <= row["s"] / whole <= end),
                   default=None)
    early, late = most(0.25, 0.5), most(0.75, 1)
    return None if early is None or late is None else late - early


def measure_growth(tools, pictures, wanted, seconds):
    """Memory while small pictures are read again and again by one process: as many as are wanted, or as fit."""
    small = sorted(pictures, key=lambda path: pathlib.Path(path).stat().st_size)[:20]
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        once, out = pathlib.Path(folder) / "p", pathlib.Path(folder) / "out.csv"
        once.mkdir()
        for i, path in enumerate(small):
            shutil.copy(path, once / f"{i}{pathlib.Path(path).suffix}")
        times = -(-wanted // len(small))
        own = DRY if tools.dry else ()
        status = tools.watch(
            [tools.program, "read", "--csv", *own, "--set", "use_gpu=true", "--out", str(out), *[str(once)] * times],
            seconds, lambda process, spent: samples.append(
                {"s": spent, "gpu": tools.memory_mb(), "resident": resident_mb(process)}))
        read = max(sum(1 for _ in open(out, encoding="utf-8")) - 1, 0) if out.exists() else 0
    if status not in (0, 1, None) or read == 0:
        raise RuntimeError(f"reading again and again ended with {status} after {read} pictures")
    whole = samples[-1]["s"] if samples else 0
    return {"pictures": read, "wanted": wanted, "all": status is not None, "seconds": whole,
            "gpu_mb": grown(samples, "gpu", whole), "resident_mb": grown(samples, "resident", whole)}
