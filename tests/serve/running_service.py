"""A running service and its clients, for the tests of the service.

Tests that import this are called with PROGRAM PICTURE TEXT [NAME OF A TEST]…; PICTURE shows the
serial number TEXT.
"""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, PICTURE_PATH, TEXT = sys.argv[1:4]
PICTURE_PATH = os.path.abspath(PICTURE_PATH)
PICTURE = pathlib.Path(PICTURE_PATH).read_bytes()
PATIENCE = int(os.environ.get("PATIENCE", 300))  # seconds after which something will never happen


def until(condition, what):
    """Waits until condition() is true and returns it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for: {what}")


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def code(self):
        return self.json()["code"]


class Server:
    """A running service on a port of its own."""

    def __init__(self, *settings, workers=1, ready=True, folder=None, config=None, environment=None):
        self.folder = folder or tempfile.mkdtemp(prefix="serialeye-serve-")
        self.keeps_folder = folder is not None
        self.log_path = os.path.join(self.folder, "log")
        arguments = [PROGRAM, "serve", "--host", "127.0.0.1", "--port", "0", "--workers", str(workers)]
        for setting in ("time_limit_ms=0", "deadline_ms=3600000", f"store={self.folder}/service.db", *settings):
            arguments += ["--set", setting]
        if config:
            arguments += ["--config", config]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True,
                                            env={**os.environ, **(environment or {})})
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the service did not start: {self.log()}")
        self.port = int(line.rsplit(":", 1)[1])
        if ready:
            until(lambda: self.get("/health/ready").status == 200, "ready")

    def log(self):
        return pathlib.Path(self.log_path).read_text(encoding="utf-8")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def request(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def read(self, bytes_=PICTURE, query="", **headers):
        return self.request("POST", "/v1/read" + query, bytes_, headers)

    def send(self, bytes_=PICTURE, path="/v1/read"):
        """Sends a request whole and returns its connection, without waiting for the answer."""
        connection = self.connect()
        connection.request("POST", path, bytes_)
        return connection

    def socket(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def workers(self):
        pids = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                pids += (task / "children").read_text().split()
        return [int(pid) for pid in pids]

    def worker(self):
        return until(self.workers, "a worker")[0]

    def signal_worker(self, number):
        pid = self.worker()
        os.kill(pid, number)
        return pid

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns its exit status."""
        if self.process.poll() is None:
            for pid in self.workers():
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
            self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()
        if not self.keeps_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        return status


def multipart(parts, boundary="b0unda-ry"):
    """Body and content type; a part is (name, file name or None, bytes)."""
    body = b""
    for name, file, data in parts:
        file = f'; filename="{file}"' if file is not None else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def batches(server):
    """How many batches there were, by how many pictures they held at most."""
    lines = server.get("/metrics").body.decode().splitlines()
    begin = "serialeye_batch_pictures_bucket{le=\""
    return {line[len(begin):].split('"')[0]: int(line.split()[-1]) for line in lines if line.startswith(begin)}


class WithServer(unittest.TestCase):
    settings = ()
    workers = 1

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.settings, workers=cls.workers)

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        assert status == 0, f"exit status {status}"

    def expect_problem(self, answer, status, code):
        self.assertEqual((answer.status, answer.code()), (status, code), answer.body)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = answer.json()
        self.assertEqual(problem["type"], "urn:serialeye:problem:" + code)
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["request_id"], answer.headers["X-Request-Id"])
        self.assertTrue(problem["title"] and problem["detail"])


def main():
    unittest.main("__main__", argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
