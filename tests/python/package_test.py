#!/usr/bin/env python3
"""The Python package against the shared library.

    package_test.py PICTURE SERIAL        LIBSERIALEYE and PYTHONPATH are set by the caller

Skipped (exit status 77) without the models.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import unittest
from pathlib import Path

import serialeye

PICTURE = Path(sys.argv[1]).read_bytes()
SERIAL = sys.argv[2]


class Package(unittest.TestCase):
    reader: serialeye.Reader

    @classmethod
    def setUpClass(cls) -> None:
        cls.reader = serialeye.Reader(time_limit_ms=0, jobs=2)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.reader.close()

    def test_extract_serials(self) -> None:
        found = self.reader.extract_serials(PICTURE)
        self.assertEqual(found[0][0], SERIAL)
        self.assertTrue(0 < found[0][1] <= 1)
        self.assertEqual(found, serialeye.extract_serials(PICTURE))

    def test_a_batch_keeps_its_order_and_its_broken_pictures(self) -> None:
        found = self.reader.process_batch([b"", PICTURE, PICTURE[:500], b"no picture"])
        self.assertEqual([getattr(one, "code", None) for one in found],
                         ["empty", None, "truncated", "unknown_type"])
        self.assertEqual(found[1][0][0], SERIAL)
        self.assertIn("no bytes", str(found[0]))
        self.assertEqual(self.reader.process_batch([]), [])
        self.assertEqual(serialeye.process_batch(iter([PICTURE]))[0][0][0], SERIAL)

    def test_a_device_of_several_pictures(self) -> None:
        found = self.reader.read_device([PICTURE, b"no picture", PICTURE], names=["a", "b", "ä"])
        self.assertEqual(found["files"], ["a", "b", "ä"])
        self.assertEqual(found["readings"][0]["text"], SERIAL)
        self.assertEqual([one["picture"] for one in found["readings"][0]["seen"]], [0, 2])
        self.assertEqual(found["pictures"][1]["error"]["code"], "unknown_type")
        with self.assertRaises(serialeye.SerialEyeError):
            self.reader.read_device([b""])
        with self.assertRaises(ValueError):
            self.reader.read_device([PICTURE], names=[])

    def test_read_gives_the_contract(self) -> None:
        result = self.reader.read(PICTURE, lines=True)
        self.assertEqual(result["readings"][0]["kind"], "serial")
        self.assertGreater(len(result["lines"]), 3)
        self.assertNotIn("lines", self.reader.read(PICTURE))
        # All text: a barcode does not end that.
        limited = self.reader.read(PICTURE, lines=True, time_limit_ms=1)
        self.assertEqual(limited["limit"], "time")

    def test_broken_pictures_raise(self) -> None:
        with self.assertRaises(serialeye.SerialEyeError) as caught:
            self.reader.read(b"GIF89a")
        self.assertEqual(caught.exception.code, "unknown_type")

    def test_settings_are_checked(self) -> None:
        for settings in ({"no_such": 1}, {"jobs": "many"}, {"barcodes": None}):
            with self.assertRaises(serialeye.SerialEyeError) as caught:
                serialeye.Reader(**settings)
            self.assertEqual(caught.exception.code, "setting")
            self.assertIn(next(iter(settings)), str(caught.exception))
        with serialeye.Reader(barcodes=False, time_limit_ms=0) as reader:
            sources = {source for reading in reader.read(PICTURE)["readings"]
                       for source in reading["sources"]}
            self.assertEqual(sources, {"text"})

    def test_the_environment_counts(self) -> None:
        os.environ["SERIALEYE_JOBS"] = "none"
        try:
            with self.assertRaises(serialeye.SerialEyeError) as caught:
                serialeye.Reader()
        finally:
            del os.environ["SERIALEYE_JOBS"]
        self.assertIn("SERIALEYE_JOBS", str(caught.exception))

    def test_a_closed_reader_says_so(self) -> None:
        reader = serialeye.Reader()
        reader.trim()
        reader.close()
        reader.close()
        for call in (reader.trim, lambda: reader.read(PICTURE)):
            with self.assertRaisesRegex(ValueError, "closed"):
                call()
        del reader
        gc.collect()

    def test_threads_share_a_reader(self) -> None:
        found = [[] for _ in range(4)]

        def work(i: int) -> None:
            found[i] = self.reader.extract_serials(PICTURE)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(found))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in found:
            self.assertEqual(one, found[0])
            self.assertEqual(one[0][0], SERIAL)

    def test_a_missing_library_is_named(self) -> None:
        done = subprocess.run([sys.executable, "-c", "import serialeye; serialeye.version()"],
                              env={**os.environ, "LIBSERIALEYE": "/no/such.so"},
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/no/such.so", done.stderr)
        self.assertIn("LIBSERIALEYE can name the file", done.stderr)

    def test_version(self) -> None:
        self.assertRegex(serialeye.version(), r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    try:
        serialeye.Reader().close()
    except serialeye.SerialEyeError as error:
        if error.code == "model":
            print(f"SKIP: {error}")
            sys.exit(77)
        raise
    unittest.main(argv=sys.argv[:1])
