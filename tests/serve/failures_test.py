"""What the service answers when it cannot do what it was asked, and who waits for whom.

usage: failures_test.py PROGRAM PICTURE TEXT
"""
import http.client
import os
import signal
import struct
import subprocess
import threading
import time
import unittest
import zlib

from running_service import PATIENCE, PICTURE, PROGRAM, TEXT, Answer, Server, WithServer, main, multipart, until


def png(width, height, data=b""):
    """A PNG of one grey channel with this content, its checksums right."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


class Pictures(WithServer):
    settings = ("max_pixels=100000", "body_mb=1")

    def test_codes_of_pictures(self):
        self.expect_problem(self.server.read(png(400, 300)), 413, "limit")
        self.expect_problem(self.server.read(png(0, 10)), 422, "corrupt")
        self.expect_problem(self.server.read(png(100, 100)[:40]), 422, "truncated")
        self.expect_problem(self.server.read(b""), 422, "empty")
        self.expect_problem(self.server.read(b"%PDF-1.7 no picture"), 415, "unknown_type")
        blank = self.server.read(png(10, 10, bytes(11 * 10)))
        self.assertEqual((blank.status, blank.json()["readings"]), (200, []))
        self.expect_problem(self.server.read(query="?time_limit_ms=x"), 400, "parameter")

    def test_headers_have_a_limit(self):
        connection = self.server.connect()
        connection.request("GET", "/health/live", headers={"X-Long": "a" * 100000})
        self.assertIn(connection.getresponse().status, (413, 431))
        connection.close()
        many = self.server.socket()
        many.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for i in range(20000):
                many.sendall(b"X-%d: a\r\n" % i)
        except OSError:
            pass  # cut off
        many.close()
        self.assertEqual(self.server.get("/health/live").status, 200)

    def test_too_many_parts(self):
        body, headers = multipart([(f"field{i}", None, b"x") for i in range(100)])
        self.expect_problem(self.server.request("POST", "/v1/batch", body, headers), 400, "parameter")
        body, headers = multipart([("f", f"{i}.jpg", b"x") for i in range(100)])
        self.expect_problem(self.server.request("POST", "/v1/batch", body, headers), 400, "body")


class Life(unittest.TestCase):
    def expect_retry(self, answer, code):
        self.assertEqual((answer.status, answer.code()), (503, code))
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)

    def test_not_ready(self):
        """A worker that is stopped before it is ready."""
        for _ in range(10):
            server = Server(ready=False)
            self.addCleanup(server.stop)
            server.signal_worker(signal.SIGSTOP)
            answer = server.get("/health/ready")
            if answer.status != 200:
                break
            server.stop()  # it was faster
        self.expect_retry(answer, "not_ready")
        self.assertEqual(server.get("/health/live").status, 200)
        self.assertEqual(server.get("/health").json()["status"], "starting")
        os.kill(server.worker(), signal.SIGCONT)
        until(lambda: server.get("/health/ready").status == 200, "ready")

    def test_draining(self):
        server = Server()
        self.addCleanup(server.stop)
        pid = server.signal_worker(signal.SIGSTOP)
        waiting = server.send(b"text")
        kept = server.connect()
        kept.request("GET", "/health/live")
        Answer(kept.getresponse())
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "drain" in server.log(), "drain")
        kept.request("POST", "/v1/read", b"text")
        self.expect_retry(Answer(kept.getresponse()), "draining")
        kept.close()
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(Answer(waiting.getresponse()).code(), "unknown_type")
        waiting.close()
        self.assertEqual(server.stop(), 0)


class Fairness(WithServer):
    settings = ("key_on_loopback=true",)

    def key(self, name):
        run = subprocess.run([PROGRAM, "keys", "add", name, "--set", f"store={self.server.folder}/service.db"],
                             capture_output=True, text=True, timeout=PATIENCE, check=True)
        headers = {"Authorization": "Bearer " + run.stdout.strip()}
        until(lambda: self.server.get("/health", **headers).status == 200, "the key")
        return headers

    def test_many_pictures_of_one_keep_no_other_waiting(self):
        """The single picture of one client is read before the rest of another's batch."""
        greedy, modest = self.key("greedy"), self.key("modest")
        body, form = multipart([("f", str(i), PICTURE) for i in range(8)])
        pid = self.server.signal_worker(signal.SIGSTOP)
        ends = {}

        def post(name, path, data, headers):
            answer = self.server.request("POST", path, data, headers)
            ends[name] = (answer.status, len(ends))

        threads = [threading.Thread(target=post, args=("greedy", "/v1/batch", body, {**greedy, **form}))]
        threads[0].start()
        time.sleep(0.5)
        threads.append(threading.Thread(target=post, args=("modest", "/v1/read", PICTURE, modest)))
        threads[1].start()
        time.sleep(0.5)
        os.kill(pid, signal.SIGCONT)
        for thread in threads:
            thread.join()
        self.assertEqual(ends, {"modest": (200, 0), "greedy": (200, 1)})


if __name__ == "__main__":
    main()
