"""Tests of the comparison: engines take turns, answers are kept, what all of them read counts.

    python3 -m unittest tests/tools/test_compare.py
"""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

COMPARE = Path(__file__).resolve().parents[2] / "tools" / "compare"
sys.path.insert(0, str(COMPARE))

import compare  # noqa: E402  (its folder is no package)

WORKER = """
import sys
sys.path.insert(0, {workers!r})
import protocol
def read(data):
    if data == b"die":
        sys.exit(3)
    if data == b"fail":
        raise ValueError("no picture")
    return [protocol.line("S/N: " + data.decode(), 0.9, [[0, 0], [9, 0], [9, 9], [0, 9]])]
protocol.serve("stub 1", protocol.timed_lines(read), protocol.own_stdout())
"""


class TakeTurns(unittest.TestCase):
    """Two engines made of a stub."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        for name in ("AB1234", "CD5678", "fail", "die", "EF9012"):
            (self.folder / name).write_text(name, encoding="ascii")
        worker = self.folder / "worker.py"
        worker.write_text(WORKER.format(workers=str(COMPARE / "workers")), encoding="utf-8")
        cpus = compare.os.sched_getaffinity(0)
        self.engines = [compare.Engine(name, [sys.executable, str(worker)], cpus, 60.0,
                                       self.folder / f"{name}.log")
                        for name in ("rapidocr-ort", "rapidocr-openvino")]
        for engine in self.engines:
            engine.start()
            self.addCleanup(engine.stop)

    def test_all_read(self) -> None:
        """Answers in order, readings by the rule, failures kept, a dead worker started again."""
        files = ["AB1234", "fail", "die", "CD5678"]
        self.assertEqual(compare.take_turns(self.engines, self.folder, files), files)
        for engine in self.engines:
            self.assertEqual(len(engine.answers), 4)
            self.assertEqual(engine.answers[0]["readings"], [{"text": "AB1234"}])
            self.assertIn("no picture", engine.answers[1]["error"])
            self.assertIn("error", engine.answers[2])
            self.assertEqual(engine.answers[3]["readings"], [{"text": "CD5678"}])
            figures = engine.summary()
            self.assertEqual((figures["version"], figures["failed"]), ("stub 1", 2))
            self.assertGreater(figures["peak_mb"], 0)
            self.assertGreaterEqual(figures["ms_median"], 0)
            self.assertGreaterEqual(figures["cpu_ms_median"], 0)

    def test_ended_early(self) -> None:
        """What one engine alone has read does not count."""
        read, calls = compare.Engine.read, []

        def stop_later(engine: compare.Engine, path: Path, rule: bool) -> None:
            calls.append(engine.name)
            if len(calls) == 4:
                raise KeyboardInterrupt
            read(engine, path, rule)

        with mock.patch.object(compare.Engine, "read", stop_later):
            done = compare.take_turns(self.engines, self.folder, ["AB1234", "CD5678", "EF9012"])
        self.assertEqual(done, ["AB1234"])
        self.assertEqual(calls, ["rapidocr-ort", "rapidocr-openvino",
                                 "rapidocr-openvino", "rapidocr-ort"])
        for engine in self.engines:
            self.assertEqual([Path(a["file"]).name for a in engine.answers], ["AB1234"])


if __name__ == "__main__":
    unittest.main()
