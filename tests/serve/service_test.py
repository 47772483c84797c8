"""The service from outside, over sockets, as its clients see it.

usage: service_test.py PROGRAM PICTURE TEXT

PICTURE shows the serial number TEXT. Workers that hang or die are made by signals to them, so that
no test depends on how fast this machine is.
"""
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
PICTURE = pathlib.Path(PICTURE_PATH).read_bytes()
PATIENCE = 300  # seconds after which something will never happen


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

    def __init__(self, *settings, workers=1, ready=True):
        self.folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        self.log_path = os.path.join(self.folder, "log")
        arguments = [PROGRAM, "serve", "--host", "127.0.0.1", "--port", "0", "--workers", str(workers)]
        for setting in ("time_limit_ms=0", *settings):
            arguments += ["--set", setting]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True)
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


class Reading(WithServer):
    settings = ("body_mb=1",)
    workers = 2

    def expect_text(self, result):
        self.assertEqual(result["readings"][0]["text"], TEXT, result)

    def test_health(self):
        for path in ("/health/live", "/health/ready"):
            self.assertEqual(self.server.get(path).status, 200)
        head = self.server.request("HEAD", "/health/live")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_raw_bytes(self):
        answer = self.server.read(query="?name=a%20b.jpg")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        result = answer.json()
        self.assertEqual(result["file"], "a b.jpg")
        self.assertNotIn("lines", result)
        self.expect_text(result)

    def test_multipart(self):
        body, headers = multipart([("lines", None, b"true"), ("file", "x.jpg", PICTURE)])
        answer = self.server.request("POST", "/v1/read", body, headers)
        self.assertEqual(answer.status, 200, answer.body)
        result = answer.json()
        self.assertEqual(result["file"], "x.jpg")
        self.assertIn(TEXT, "\n".join(line["text"] for line in result["lines"]))
        self.expect_text(result)

    def test_pictures_that_fail(self):
        self.expect_problem(self.server.read(b""), 422, "empty")
        self.expect_problem(self.server.read(b"hello, this is no picture"), 415, "unknown_type")
        self.expect_problem(self.server.read(PICTURE[:len(PICTURE) // 2]), 422, "truncated")

    def test_batch_keeps_the_order(self):
        pictures = [("f", "0.jpg", b"text"), ("f", "1.jpg", PICTURE), ("f", "2.jpg", b""),
                    ("f", "", PICTURE[:200])]
        body, headers = multipart(pictures)
        answer = self.server.request("POST", "/v1/batch", body, headers)
        self.assertEqual(answer.status, 200, answer.body)
        results = answer.json()["results"]
        self.assertEqual([one["file"] for one in results], ["0.jpg", "1.jpg", "2.jpg", None])
        self.assertEqual([one.get("error", {}).get("code") for one in results],
                         ["unknown_type", None, "empty", "truncated"])
        self.expect_text(results[1])

    def test_batch_limits(self):
        body, headers = multipart([("f", "x", b"x")] * 64)
        self.assertEqual(len(self.server.request("POST", "/v1/batch", body, headers).json()["results"]), 64)
        body, headers = multipart([("f", "x", b"x")] * 65)
        self.expect_problem(self.server.request("POST", "/v1/batch", body, headers), 400, "body")
        body, headers = multipart([("lines", None, b"1")])
        self.expect_problem(self.server.request("POST", "/v1/batch", body, headers), 400, "body")
        self.expect_problem(self.server.request("POST", "/v1/batch", PICTURE), 415, "media_type")

    def test_broken_multipart(self):
        body, headers = multipart([("f", "x.jpg", PICTURE)])
        self.expect_problem(self.server.request("POST", "/v1/read", body[:-30], headers), 400, "body")
        self.expect_problem(self.server.request("POST", "/v1/read", b"", headers), 400, "body")
        self.expect_problem(
            self.server.request("POST", "/v1/read", body, {"Content-Type": "multipart/form-data"}), 400, "body")
        body, headers = multipart([("f", "x.jpg", PICTURE)] * 2)
        self.expect_problem(self.server.request("POST", "/v1/read", body, headers), 400, "body")

    def test_options(self):
        self.assertEqual(self.server.read(b"", "?lines=0&time_limit_ms=5").status, 422)
        for query in ("?time_limit_ms=-1", "?time_limit_ms=", "?time_limit_ms=99999999999", "?lines=2", "?other=1"):
            self.expect_problem(self.server.read(b"", query), 400, "parameter")
        body, headers = multipart([("f", "x", b"x"), ("lines", None, b"x" * 100)])
        self.expect_problem(self.server.request("POST", "/v1/read", body, headers), 400, "parameter")

    def test_too_large(self):
        # The reply arrives although the client is still sending when it is refused.
        self.expect_problem(self.server.read(bytes(20 << 20)), 413, "too_large")
        self.expect_problem(self.server.request("POST", "/nothing", bytes(20 << 20)), 404, "not_found")
        chunks = (bytes(100000) for _ in range(12))
        connection = self.server.connect()
        connection.request("POST", "/v1/read", chunks, encode_chunked=True)
        self.expect_problem(Answer(connection.getresponse()), 413, "too_large")
        connection.close()

    def test_unknown_paths_and_methods(self):
        self.expect_problem(self.server.get("/nothing"), 404, "not_found")
        self.expect_problem(self.server.get("/v1/read/"), 404, "not_found")
        answer = self.server.get("/v1/read")
        self.expect_problem(answer, 405, "method")
        self.assertEqual(answer.headers["Allow"], "POST")
        self.expect_problem(self.server.request("DELETE", "/health/live"), 405, "method")

    def test_headers(self):
        answer = self.server.get("/health/live", **{"X-Request-Id": "abc-1.2_3"})
        self.assertEqual(answer.headers["X-Request-Id"], "abc-1.2_3")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        other = self.server.get("/health/live", **{"X-Request-Id": "a b\"<"}).headers["X-Request-Id"]
        self.assertRegex(other, "^[0-9a-f]{32}$")

    def test_connection_is_kept(self):
        connection = self.server.connect()
        for _ in range(3):
            connection.request("POST", "/v1/read", b"text")
            self.assertEqual(Answer(connection.getresponse()).status, 415)
        connection.close()

    def test_log_has_requests(self):
        self.server.read(b"text", **{"X-Request-Id": "find-me"})
        lines = until(lambda: [json.loads(line) for line in self.server.log().splitlines() if "find-me" in line],
                      "a line in the log")
        self.assertEqual([lines[0][key] for key in ("path", "status", "bytes", "code")],
                         ["/v1/read", 415, 4, "unknown_type"])


class Workers(WithServer):
    """Workers that end or hang, and clients that go away."""
    settings = ("queue=2", "refuse_s=1000")

    def test_dead_worker_is_replaced(self):
        first = self.server.signal_worker(signal.SIGKILL)
        until(lambda: self.server.workers() not in ([], [first]), "another worker")
        self.assertEqual(self.server.read(b"text").status, 415)

    def kill_while_reading(self):
        """Stops the worker, so that it has what is sent next, and later kills it."""
        until(lambda: self.server.get("/health/ready").status == 200, "ready")
        return self.server.signal_worker(signal.SIGSTOP)

    def test_picture_is_tried_again(self):
        pid = self.kill_while_reading()
        connection = self.server.send(b"text 1")
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(Answer(connection.getresponse()).code(), "unknown_type")
        connection.close()

    def test_picture_that_kills_is_refused(self):
        """Two clients send the same picture, and each time a worker ends."""
        for _ in range(2):
            pid = self.kill_while_reading()
            connection = self.server.send(b"text 2")
            time.sleep(0.3)
            os.kill(pid, signal.SIGKILL)
            answer = Answer(connection.getresponse())
            connection.close()
        self.expect_problem(answer, 422, "refused")
        self.expect_problem(self.server.read(b"text 2"), 422, "refused")
        self.assertEqual(self.server.read(b"text 7").code(), "unknown_type")

    def test_overload_is_told_at_the_headers(self):
        pid = self.kill_while_reading()
        waiting = [self.server.send(b"text 3"), self.server.send(b"text 4")]
        time.sleep(0.3)
        with self.server.socket() as client:
            client.sendall(b"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            response = http.client.HTTPResponse(client)
            response.begin()
            answer = Answer(response)
        self.expect_problem(answer, 503, "overload")
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertEqual(self.server.get("/health/live").status, 200)
        os.kill(pid, signal.SIGCONT)
        for connection in waiting:
            self.assertEqual(Answer(connection.getresponse()).code(), "unknown_type")
            connection.close()

    def test_client_that_leaves_makes_room(self):
        pid = self.kill_while_reading()
        first = self.server.send(b"text 5")
        time.sleep(0.3)
        self.server.send(b"text 6").close()

        def admitted():
            with self.server.socket() as client:
                client.sendall(b"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n"
                               b"Expect: 100-continue\r\n\r\n")
                return client.recv(100).startswith(b"HTTP/1.1 100")

        until(admitted, "room in the queue")
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(Answer(first.getresponse()).code(), "unknown_type")
        first.close()


class Limits(WithServer):
    settings = ("header_s=1", "upload_s=1", "deadline_ms=700", "stuck_ms=60000", "connections_per_address=20")

    def test_slow_headers_are_cut_off(self):
        with self.server.socket() as client:
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost:")
            self.assertEqual(client.recv(100), b"")

    def test_slow_body_is_cut_off(self):
        with self.server.socket() as client:
            client.sendall(b"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
            self.assertEqual(client.recv(100), b"")

    def test_deadline(self):
        pid = self.server.signal_worker(signal.SIGSTOP)
        running = self.server.send(b"text")
        time.sleep(0.2)
        answer = self.server.read(b"text that waits")
        self.expect_problem(answer, 503, "deadline")
        self.assertIn("Retry-After", answer.headers)
        # The one that is being read is given up, too, and its worker, which hangs, replaced.
        self.expect_problem(Answer(running.getresponse()), 503, "deadline")
        running.close()
        until(lambda: pid not in self.server.workers(), "the end of the worker that hangs")

    def test_connections_of_one_address(self):
        clients = [self.server.socket() for _ in range(30)]
        closed = 0
        for client in clients[20:]:
            closed += client.recv(1) == b""
        for client in clients:
            client.close()
        self.assertGreaterEqual(closed, 10)
        until(lambda: self.alive(), "connections again")

    def alive(self):
        try:
            return self.server.get("/health/live").status == 200
        except OSError:
            return False


class Life(unittest.TestCase):
    """Start and end."""

    def test_drains(self):
        server = Server()
        pid = server.signal_worker(signal.SIGSTOP)
        connection = server.send(b"text")
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)

        def refused():
            try:
                server.socket().close()
                return False
            except ConnectionRefusedError:
                return True

        until(lambda: "drain" in server.log(), "drain")
        os.kill(pid, signal.SIGCONT)
        answer = Answer(connection.getresponse())
        self.assertEqual(answer.code(), "unknown_type")
        connection.close()
        until(refused, "connections refused")
        self.assertEqual(server.stop(), 0)

    def test_what_keeps_it_from_starting(self):
        server = Server(ready=False)
        try:
            run = subprocess.run([PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(server.port)],
                                 capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertEqual(run.returncode, 2)
            self.assertIn("Address already in use", run.stderr)
        finally:
            server.stop()
        run = subprocess.run([PROGRAM, "serve", "--port", "0", "--set", "detector=/nowhere"],
                             capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(run.returncode, 2)
        self.assertIn("/nowhere", run.stderr)
        for arguments in (["--set", "body_mb=20", "--set", "queue_mb=10"], ["--port", "70000"], ["more"]):
            run = subprocess.run([PROGRAM, "serve", *arguments], capture_output=True, text=True,
                                 timeout=PATIENCE, check=False)
            self.assertEqual((run.returncode, run.stdout), (2, ""))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
