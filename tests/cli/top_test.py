"""`serialeye top` on a running service, with a stub in place of the GPU driver's library:
python3 top_test.py PROGRAM PICTURE TEXT

Needs NVML_STUB_FOLDER, the folder of that library, and the models (exit status 77 without them).
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

PROGRAM, PICTURE_PATH, TEXT = sys.argv[1:4]
PROGRAM = os.path.abspath(PROGRAM)
PICTURE = pathlib.Path(PICTURE_PATH).read_bytes()
STUB = os.environ["NVML_STUB_FOLDER"]
PATIENCE = 300  # seconds after which something will never happen


class Top(unittest.TestCase):
    def start(self, **more):
        """A service on a free port; returns its address."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        environment = {**os.environ, **more}
        log = open(os.path.join(folder, "log"), "w+")
        self.addCleanup(log.close)
        service = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0", "--set", f"store={folder}/store.db"],
            stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        self.addCleanup(service.stdout.close)
        self.addCleanup(service.wait)
        self.addCleanup(service.terminate)
        address = next(word for word in service.stdout.readline().split()
                       if word.startswith("http"))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if urllib.request.urlopen(address + "/health/ready").status == 200:
                    return address
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the service does not become ready")

    def top(self, status, *arguments):
        done = subprocess.run([PROGRAM, "top", *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_numbers_of_a_service_with_gpus(self):
        address = self.start(LD_LIBRARY_PATH=STUB)
        urllib.request.urlopen(address + "/v1/read", PICTURE).read()
        shown = json.loads(self.top(0, "--once", "--json", address).stdout)
        self.assertEqual(sum(shown["pictures"].values()), 1)
        self.assertGreaterEqual(shown["requests"]["200"], 1)
        self.assertGreater(shown["workers_ready"], 0)
        self.assertGreater(shown["worker_cpu_seconds"], 0)
        self.assertGreater(shown["worker_memory_bytes"], 1e6)
        self.assertGreater(shown["request_p50_seconds"], 0)
        self.assertEqual(shown["gpus"], [
            {"id": 0, "uuid": "GPU-0123", "name": "Stub H100", "memory_used": 3 * 2**30,
             "memory_total": 80 * 2**30, "load": 0.37, "celsius": 41, "watts": 123.5},
            {"id": 1, "uuid": "", "name": "Stub ?2???[31m", "memory_used": 6 * 2**30,
             "memory_total": 80 * 2**30, "load": None, "celsius": 42, "watts": None}])
        self.assertEqual(list(shown["stage_seconds"]),
                         ["decode", "barcodes", "detect", "crop", "recognize", "serial"])
        self.assertGreater(shown["stage_seconds"]["detect"], 0)
        text = self.top(0, "--once", address + "/").stdout
        shares = re.findall(r"(\d+) %", re.search("^stages .*$", text, re.M)[0])
        self.assertEqual(len(shares), 6)
        self.assertAlmostEqual(sum(map(int, shares)), 100, delta=4)
        self.assertRegex(text, r"0  Stub H100 +3\.0 of +80\.0 +37 % +41 +12[34]")
        self.assertRegex(text, r"1  Stub \?2\?\?\?\[31m +6\.0 of +80\.0 +- +42 +-")
        self.assertRegex(text, r"pictures .* (sure|check) 1 ")
        self.assertNotIn("\033", text)

    def test_a_machine_without_gpus(self):
        address = self.start(LD_LIBRARY_PATH=STUB, NVML_STUB_BROKEN="1")
        self.assertEqual(json.loads(self.top(0, "--once", "--json", address).stdout)["gpus"], [])
        self.assertIn("no GPU", self.top(0, "--once", address).stdout)
        metrics = urllib.request.urlopen(address + "/metrics").read().decode()
        self.assertNotIn("serialeye_gpu", metrics)

    def test_live_on_a_terminal(self):
        address = self.start()
        # script(1) gives it a terminal and passes its keys on.
        if not shutil.which("script"):
            self.skipTest("script is not installed")
        command = f"'{PROGRAM}' top --interval 0.2 {address}"
        live = subprocess.Popen(["script", "-qec", command, "/dev/null"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        seen = b""
        while seen.count(b"requests ") < 3:
            part = live.stdout.read1(4096)
            self.assertTrue(part, seen)
            seen += part
        live.stdin.write(b"q\n")
        live.stdin.close()
        seen += live.stdout.read()
        self.assertEqual(live.wait(), 0)
        live.stdout.close()
        self.assertIn(b"\033[H", seen)
        self.assertTrue(seen.rstrip().endswith(b"\033[?25h"), seen[-100:])

    def test_what_goes_wrong(self):
        self.assertIn("127.0.0.1", self.top(1, "--once", "http://127.0.0.1:1").stderr)
        self.assertIn("answered 404", self.top(1, "--once", self.start() + "/nothing").stderr)
        for arguments, why in ((["--json"], "--json goes with --once"),
                               (["http://a", "http://b"], "takes one address"),
                               (["--once", "ftp://a"], "is no address"),
                               (["--interval", "0", "http://a"], "--interval takes seconds"),
                               (["http://127.0.0.1:1"], "needs a terminal"),
                               (["--once", "--key-file", "/nonexistent"], "No such file"),
                               (["--once", "--key-file", "/dev/null"], "not one line with a key")):
            self.assertIn(why, self.top(2, *arguments).stderr)


if __name__ == "__main__":
    listed = subprocess.run([PROGRAM, "models", "verify"], capture_output=True, text=True)
    if listed.returncode != 0:
        print(f"SKIP: {listed.stderr}")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
