"""Tests of the tensor dumps.

    python3 -m unittest tests/tools/test_dump.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ORACLE = Path(__file__).resolve().parents[2] / "tools" / "oracle"
sys.path.insert(0, str(ORACLE))

try:
    import dump
    import numpy as np
    MISSING = ""
except ImportError as error:
    MISSING = str(error)


@unittest.skipIf(MISSING, MISSING)
class Dump(unittest.TestCase):
    """Writing, reading, refusing, comparing."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_bytes_of_the_document(self) -> None:
        path = self.folder / "a.bin"
        dump.write(path, {"x": np.array([[1, 2]], np.float32)})
        self.assertEqual(path.read_bytes().hex(), "53455445" "4e535231" "01000000" "01000000" "78"
                         "02000000" "01000000" "02000000" "0000803f" "00000040")

    def test_there_and_back(self) -> None:
        path = self.folder / "a.bin"
        wanted = {"é": np.zeros((0, 3), np.float32), "s": np.array(4, np.float32),
                  "b": np.arange(24, dtype=np.float64).reshape(2, 3, 4).transpose(2, 0, 1)}
        dump.write(path, wanted)
        found = dump.read(path)
        self.assertEqual(list(found), list(wanted))
        for name, tensor in wanted.items():
            np.testing.assert_array_equal(found[name], tensor)

    def test_broken_files(self) -> None:
        path, cut = self.folder / "a.bin", self.folder / "b.bin"
        dump.write(path, {"x": np.ones((2, 2), np.float32)})
        whole = path.read_bytes()
        for size in range(len(whole)):
            cut.write_bytes(whole[:size])
            self.assertRaises(dump.DumpError, dump.read, cut)
        cut.write_bytes(whole + b"\0")
        self.assertRaises(dump.DumpError, dump.read, cut)
        cut.write_bytes(b"X" + whole[1:])
        self.assertRaises(dump.DumpError, dump.read, cut)

    def test_compare(self) -> None:
        a, b = self.folder / "a.bin", self.folder / "b.bin"
        dump.write(a, {"x": np.ones(4, np.float32), "y": np.ones(4, np.float32)})
        dump.write(b, {"y": np.array([1, 1, 1.5, np.nan], np.float32)})
        done = subprocess.run([sys.executable, str(ORACLE / "compare.py"), str(a), str(b)],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAIL y [4]  max abs inf", done.stdout)
        self.assertIn("1 tensors compared, of 2", done.stdout)


if __name__ == "__main__":
    unittest.main()
