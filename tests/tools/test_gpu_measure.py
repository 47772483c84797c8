"""Tests of tools/gpu/measure, without a GPU: what it makes of what the commands print.

    python3 -m unittest tests/tools/test_gpu_measure.py
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

GPU = Path(__file__).resolve().parents[2] / "tools" / "gpu"
sys.path.insert(0, str(GPU))

import onnx_torch  # noqa: E402
import torch_bench  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("measure", str(GPU / "measure"))
measure = importlib.util.module_from_spec(importlib.util.spec_from_loader("measure", LOADER))
LOADER.exec_module(measure)

import measure_parts  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("registers", str(GPU / "registers"))
registers = importlib.util.module_from_spec(importlib.util.spec_from_loader("registers", LOADER))
LOADER.exec_module(registers)


def finding(topic, name, value, state="ok"):
    return {"topic": topic, "name": name, "state": state, "value": value}


GOOD = [finding("gpu", "GPU 0", "Made Up 1"), finding("gpu", "kernels", "all 26 give …")]


class Recorded:
    """Tools that answer as a machine with a GPU might; `faults` names commands that fail."""

    def __init__(self, findings=None, faults=(), torch=True, factor=1.0):
        self.findings, self.faults, self.has_torch, self.factor = findings or GOOD, faults, torch, factor
        self.used, self.left, self.dry, self.program, self.program_grows = 1000, 540, False, "serialeye", 0

    def seconds_left(self):
        return self.left

    def begin_part(self, seconds):
        assert seconds > 0

    def memory_mb(self):
        return self.used

    def network(self, name, batch):
        ms = {"det": 0.3, "rec": 0.1}[name] * batch ** 0.5 * self.factor
        return {"name": name, "batch": batch, "gpu": {"ms_min": 2 * ms, "ms_device": ms}, "cpu": {"ms_min": 100 * ms}}

    def serialeye(self, *args, cores=None):
        if cores:
            return 0, json.dumps({"pictures": {"jobs": 2, "cpu": {"pictures_per_s": 16}}}), "", 1
        if args[0] in self.faults or (args[0] == "bench" and "--network" in args and "networks" in self.faults):
            return 2, "", "it broke", 0.1
        if args[0] == "doctor":
            return 0, json.dumps({"findings": self.findings}), "", 0.1
        if args[0] == "bench" and "--network" in args:
            batches = args[args.index("--batch") + 1].split(",")
            rows = [self.network(args[3], int(batch)) for batch in batches]
            return 0, json.dumps({"gpu": "Made Up 1", "networks": rows}), "", 1
        if args[0] == "bench":
            side = {"ms_median": 5 * self.factor, "gpu_memory_mb": 300, "pictures_per_s": 400 / self.factor,
                    "stages_ms": {"decode": 3, "detect": 0.5, "recognize": 0.5}}
            return 0, json.dumps({"gpu": "Made Up 1", "pictures": {
                "count": 1, "jobs": 16, "cpu": {"ms_median": 60, "pictures_per_s": 16 * 8}, "gpu": side}}), "", 1
        if "--lines" in args:
            out = args[args.index("--out") + 1]
            row = {"file": "a.jpg", "lines": [{"text": "A"}, {"text": "B"}], "readings": [{"text": "A"}]}
            Path(out).write_text(json.dumps(row) + "\n", encoding="utf-8")
            return 0, "", "", 1
        row = {"device": "gpu"}
        return 0, json.dumps(row), "", 0.8 * self.factor

    def profile(self, model, shape):
        return 0, f"{Path(model).name} {shape}: 3 steps\n", "", 1

    def sanitizer(self):
        return 0, "ERROR SUMMARY: 0 errors", "", 1

    def tests(self):
        return 0, "Ok: 9", "", 1

    def crops(self, *_):
        lines = {"pictures": 1, "lines": 1000, "same": 998, "failed": 0, "gpu_runs": 7, "different": [
            {"file": "a.jpg", "line": 3, "cpu": "O1", "gpu": "01"}] * 2}
        return 0, json.dumps(lines), "", 1

    def watch(self, command, seconds, sample):
        assert seconds > 0
        self.watched = command
        out = Path(command[command.index("--out") + 1])
        out.write_text("file,text\n" + "a.jpg,A\n" * 5000, encoding="utf-8")
        for spent in range(0, 101, 5):
            self.used = 1000 + (300 if spent > 10 else 0) + (self.program_grows if spent > 60 else 0)
            sample(1, spent)
        return None

    def torch(self, *_):
        if not self.has_torch:
            return 77, "SKIP: no PyTorch: none\n", "", 0.1
        rows = [{"name": name, "batch": batch, "graph": {"ms_min": 1.0 * batch ** 0.5}}
                for name in ("det", "rec") for batch in (1, 8, 64)]
        return 0, json.dumps({"torch": "2", "device": "Made Up 1", "rows": rows}), "", 1


def jpeg(width, height):
    """The beginning of one."""
    return (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc4\x00\x03x\xff\xc2\x00\x11\x08" + height.to_bytes(2, "big")
            + width.to_bytes(2, "big") + bytes(10))


def run(tools, photos=True, size=(4000, 3000), args=(), before=None):
    """(exit status, printed, JSON or None)"""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "photos").mkdir()
        (Path(folder) / "photos" / "a.jpg").write_bytes(jpeg(*size))
        if before is not None:
            (Path(folder) / "out").mkdir()
            (Path(folder) / "out" / "measure.json").write_text(json.dumps(before), encoding="utf-8")
        out, log = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(log):
            status = measure.main(["--out", folder + "/out", "--photos", folder + "/photos" if photos else "",
                                   *args], tools)
        found = Path(folder) / "out" / "measure.json"
        results = json.loads(found.read_text(encoding="utf-8")) if found.exists() else None
    return status, out.getvalue(), results


class Measure(unittest.TestCase):
    def bar(self, results, begin):
        return next(row for row in results["bars"] if row["bar"].startswith(begin))

    def test_all_bars_met(self):
        status, text, results = run(Recorded())
        self.assertEqual((status, results["problems"]), (0, {}))
        self.assertEqual([row for row in results["bars"] if row["met"] is not True and row["limit"] is not None and
                          not row["bar"].startswith("the process")], [])
        self.assertAlmostEqual(self.bar(results, "detector 736")["measured"], 0.3)
        self.assertAlmostEqual(self.bar(results, "recognizer 8x")["measured"], 0.1 * 8 ** 0.5, 6)
        self.assertAlmostEqual(self.bar(results, "detector beside PyTorch, batch 1")["measured"], 1 / 0.3)
        self.assertAlmostEqual(self.bar(results, "detector 736x736, floats")["measured"], 0.6)
        # 400 pictures/s beside two cores that read 16.
        self.assertAlmostEqual(self.bar(results, "photographs beside")["measured"], 25)
        self.assertEqual(self.bar(results, "lines of whole")["measured"], 1)
        self.assertEqual(self.bar(results, "same text of the same")["measured"], 0.998)
        self.assertEqual(self.bar(results, "readings that differ")["measured"], 0)
        self.assertEqual(self.bar(results, "GPU memory grown")["measured"], 0)
        self.assertIn("met", text)
        self.assertIn("bottleneck of a picture alone: decode, 75 % of its time", text)
        self.assertIn("rec 8x48x320:\nPP-OCRv6_rec_small.onnx 8x48x320: 3 steps", text)
        self.assertIn("growth was looked for over 5000 pictures, not 100000", text)
        self.assertIn("crop differs: a.jpg, line 3: CPU O1, GPU 01", text)
        self.assertNotIn("MISSED", text)

    def test_growth(self):
        tools = Recorded()
        tools.program_grows = 40
        status, text, results = run(tools)
        self.assertEqual((status, self.bar(results, "GPU memory grown")["met"]), (1, False))
        self.assertEqual(tools.watched.count(tools.watched[-1]), 100000)
        self.assertTrue(results["growth"]["resident_mb"] is None or results["growth"]["resident_mb"] >= 0)
        samples = [{"s": s, "gpu": 5 if s < 20 else 3 + (s >= 75)} for s in range(101)]
        self.assertEqual(measure_parts.grown(samples, "gpu", 100), 1)
        self.assertIsNone(measure_parts.grown([{"s": 1, "gpu": None}], "gpu", 1))

    def test_parts_and_going_on(self):
        status, _, results = run(Recorded(), args=("--parts", "networks,start"))
        self.assertEqual((status, sorted(results["problems"])), (0, []))
        self.assertNotIn("pictures", results)
        before = {**results, "problems": {"start": "start: out of time"}, "networks": []}
        broken = Recorded(faults=("networks",))
        status, _, results = run(broken, args=("--resume", "--parts", "networks,start"), before=before)
        self.assertEqual((results["networks"], results["problems"], "median_s" in results["start"]), ([], {}, True))
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            measure.parse(["--parts", "nonsense"])

    def test_dry_run(self):
        status, text, results = run(Recorded(factor=9), args=("--dry-run",))
        self.assertEqual((status, [row["met"] for row in results["bars"] if row["met"] is not None]), (0, []))
        self.assertIn("a dry run: no bar is judged", text)

    def test_a_missed_bar_is_said(self):
        status, text, results = run(Recorded(factor=3))
        self.assertEqual(status, 1)
        self.assertIs(self.bar(results, "detector 736")["met"], False)
        self.assertIn("MISSED", text)

    def test_without_a_gpu(self):
        for findings in ([finding("use", "setting use_gpu", "no driver", "fault")],
                         [finding("gpu", "GPU 0", "x"), finding("gpu", "kernels", "wrong on GPU 0: ffn", "fault")]):
            status, text, results = run(Recorded(findings))
            self.assertEqual((status, results), (77, None))
            self.assertTrue(text.startswith("SKIP: "), text)

    def test_a_part_that_fails_is_a_problem(self):
        status, text, results = run(Recorded(faults=("networks",)))
        self.assertEqual(status, 1)
        self.assertIn("it broke", results["problems"]["networks"])
        self.assertIsNone(self.bar(results, "detector 736")["met"])
        self.assertIs(self.bar(results, "photographs, median")["met"], True)
        self.assertIn("not measured", text)

    def test_without_torch_or_photographs(self):
        status, text, results = run(Recorded(torch=False))
        self.assertEqual(status, 0)
        self.assertIn("torch: skipped: no PyTorch", text)
        self.assertIsNone(self.bar(results, "detector beside PyTorch, batch 1")["met"])
        status, text, results = run(Recorded(), photos=False)
        self.assertEqual(status, 0)
        self.assertIn("note: no photographs (--photos): the example alone", text)

    def test_largest_photograph(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.jpg"
            for data, pixels in ((jpeg(4000, 3001), 4000 * 3001), (b"", 0), (b"\xff\xd8\xff", 0),
                                 (b"\xff\xd8\xff\xe0\x00\x00" * 9, 0), (b"GIF89a" + bytes(40), 0)):
                path.write_bytes(data)
                self.assertEqual(measure_parts.jpeg_pixels(path), pixels)
        # Smaller ones are put together, where Pillow is there and can read them: not these.
        _, text, results = run(Recorded(), size=(800, 600))
        self.assertIsNone(self.bar(results, "JPEG of 12")["measured"])
        self.assertRegex(text, "largest: ")

    def test_out_of_time(self):
        tools = Recorded()
        begun = tools.serialeye

        def serialeye(*args, cores=None):
            tools.left -= 200
            return begun(*args, cores=cores)
        tools.serialeye = serialeye
        status, text, results = run(tools)
        self.assertEqual(status, 1)
        self.assertIn("networks: out of time before it began", results["problems"].values())
        self.assertIn("not measured", text)
        with self.assertRaisesRegex(RuntimeError, "out of time: sleep 60"):
            measure.Tools("sleep", "python3", 0.2).serialeye("60")

    def test_optional_tools(self):
        tools = Recorded()
        tools.profile = tools.crops = lambda *_: None
        tools.sanitizer = tools.tests = lambda: None
        status, text, results = run(tools)
        self.assertEqual(status, 0)
        self.assertIn("crops: skipped", text)
        self.assertIn("tests: skipped", text)
        self.assertIn("profiles: skipped", text)
        self.assertIsNone(self.bar(results, "kernels clean")["met"])
        tools.sanitizer = lambda: (9, "ERROR SUMMARY: 2 errors", "", 1)
        status, _, results = run(tools)
        self.assertEqual(status, 1)
        self.assertIs(self.bar(results, "kernels clean")["met"], False)

    def test_texts(self):
        def row(*lines):
            return {"lines": [{"text": text} for text in lines], "readings": [{"text": lines[0]}]}
        found = measure.compare_texts({"a": row("X", "Y", "Y"), "b": row("Z")}, {"a": row("X", "Y", "W")})
        self.assertEqual((found["lines"], found["same"]), (4, 2))
        self.assertEqual([one["file"] for one in found["readings_different"]], ["b"])

    def test_pictures_are_spread(self):
        with tempfile.TemporaryDirectory() as folder:
            for i in range(10):
                (Path(folder) / f"{i}.jpg").touch()
            (Path(folder) / "photos.tsv").touch()
            names = [path.name for path in measure.pictures_of(folder, 3)]
        self.assertEqual(names, ["0.jpg", "3.jpg", "6.jpg"])


class Registers(unittest.TestCase):
    def text(self, spilled=0, without=None):
        return "".join(f"cubin_{one}: 9 bytes, 9 packed\n" + "".join(
            f"  {name}  40 registers  {spilled if name == 'ffn' else 0} bytes spilled  0 bytes shared\n"
            for name in registers.HOT) for one in registers.ARCHITECTURES if one != without) + "ptx_75: 9 bytes\n"

    def test_faults(self):
        self.assertEqual(registers.faults_of(registers.parse(self.text())), [])
        self.assertIn("ffn spills 8 bytes on sm_90", registers.faults_of(registers.parse(self.text(8))))
        self.assertEqual(registers.faults_of(registers.parse(self.text(0, "86"))), ["no code for sm_86"])
        self.assertIn("sm_70 lacks ffn", registers.faults_of(registers.parse(self.text().replace("ffn", "x"))))

    def test_table(self):
        lines = registers.table(registers.parse(self.text(8)), ["ffn", "gemm_64x64"]).splitlines()
        self.assertEqual(lines[1].split(), ["ffn"] + ["40", "(8)"] * 8)
        self.assertEqual(lines[2].split(), ["gemm_64x64"] + ["40"] * 8)


def message(*parts):
    """A protocol buffer of (number, bytes or integer)."""
    out = b""
    for number, value in parts:
        out += bytes([number << 3 | (0 if isinstance(value, int) else 2)])
        out += bytes([value]) if isinstance(value, int) else bytes([len(value)]) + value
    return out


class OnnxFile(unittest.TestCase):
    def test_load(self):
        weight = message((1, bytes([2, 1])), (2, 1), (8, b"w"), (9, b"\0\0\x80\x3f\0\0\0\x40"))
        node = message((1, b"x"), (1, b"w"), (2, b"y"), (4, b"Conv"),
                       (5, message((1, b"pads"), (8, bytes([1, 2])))))
        graph = message((1, node), (5, weight), (11, message((1, b"x"))), (11, message((1, b"w"))),
                        (12, message((1, b"y"))))
        with tempfile.NamedTemporaryFile() as file:
            file.write(message((7, graph)))
            file.flush()
            network = onnx_torch.load(file.name)
        self.assertEqual(network["nodes"], [("Conv", ["x", "w"], ["y"], {"pads": [1, 2]})])
        self.assertEqual(network["weights"]["w"], ("w", [2, 1], 1, [1.0, 2.0]))
        self.assertEqual((network["input"], network["output"]), ("x", "y"))

    def test_broken(self):
        for data in (b"\x0a\x7fab", b"\x0b", b"\x0a"):
            with self.assertRaises((ValueError, IndexError)):
                list(onnx_torch.fields(data))

    def test_numbers(self):
        self.assertEqual(onnx_torch.packed(b"\x01\xac\x02" + b"\xff" * 9 + b"\x01"), [1, 300, -1])
        self.assertEqual(torch_bench.parse_shapes("det:736x736:8"), [("det", 736, 736, 8)])
        for bad in ("cls:1x1:1", "det:1:1", "det:1x1"):
            with self.assertRaises(ValueError):
                torch_bench.parse_shapes(bad)


if __name__ == "__main__":
    unittest.main()
