"""Webhooks of jobs: delivered, signed, tried again, refused.

usage: webhook_test.py PROGRAM PICTURE TEXT
"""
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import shutil
import socket
import tempfile
import threading
import time
import unittest
import urllib.parse

from running_service import PICTURE, TEXT, Server, main, multipart, until

SECRET = b"a secret of the test"


class Receiver:
    """Answers with the statuses it was given, then with 204; a status may be an address to go to."""

    def __init__(self, *statuses, port=0):
        self.got, self.statuses, receiver = [], list(statuses), self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, self.headers, body))
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                self.send_response(308 if isinstance(status, str) else status)
                if isinstance(status, str):
                    self.send_header("Location", status)
                self.end_headers()

            def log_message(self, *_arguments):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def url(self, path="/hook", host="127.0.0.1"):
        return f"http://{host}:{self.server.server_port}{path}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Webhooks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.secret = os.path.join(self.folder, "secret")
        pathlib.Path(self.secret).write_bytes(SECRET + b"\n")

    def start(self, *settings):
        server = Server(f"webhook_secret={self.secret}", "webhook_retry_s=0", *settings, folder=self.folder)
        self.addCleanup(server.stop)
        return server

    def receiver(self, *statuses, **options):
        receiver = Receiver(*statuses, **options)
        self.addCleanup(receiver.close)
        return receiver

    def add(self, server, url, picture=b"text"):
        answer = server.request("POST", "/v1/jobs?webhook=" + urllib.parse.quote(url, safe=""), picture)
        self.assertEqual(answer.status, 202, answer.body)
        self.assertEqual(answer.json()["webhook"], {"url": url, "state": "waiting", "tries": 0})
        return answer.json()["id"]

    def state(self, server, job, state):
        return until(lambda: (hook := server.get("/v1/jobs/" + job).json()["webhook"])["state"] == state and hook, state)

    def test_delivered_and_signed(self):
        server, receiver = self.start("webhook_private=true"), self.receiver()
        job = self.add(server, receiver.url("/hook?a=1"), PICTURE)
        self.assertEqual(self.state(server, job, "delivered")["tries"], 1)
        (path, headers, body), = receiver.got
        self.assertEqual([path, headers["Content-Type"]], ["/hook?a=1", "application/json"])
        self.assertEqual(headers["X-SerialEye-Delivery"], job + "-1")
        told = json.loads(body)
        self.assertEqual([told["id"], told["state"], told["results"][0]["readings"][0]["text"]], [job, "done", TEXT])
        parts = dict(part.split("=") for part in headers["X-SerialEye-Signature"].split(","))
        self.assertLess(abs(int(parts["t"]) - time.time()), 600)
        self.assertEqual(parts["v1"], hmac.new(SECRET, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest())

    def test_field_of_the_body(self):
        server, receiver = self.start("webhook_private=true"), self.receiver()
        body, headers = multipart([("f", "a", b"text"), ("webhook", None, receiver.url().encode())])
        job = server.request("POST", "/v1/jobs", body, headers).json()["id"]
        self.state(server, job, "delivered")

    def test_tried_again(self):
        server, receiver = self.start("webhook_private=true"), self.receiver(500, 404)
        job = self.add(server, receiver.url())
        self.assertEqual(self.state(server, job, "delivered")["tries"], 3)
        self.assertEqual([got[1]["X-SerialEye-Delivery"] for got in receiver.got], [f"{job}-{i}" for i in (1, 2, 3)])

    def test_given_up(self):
        server, receiver = self.start("webhook_private=true", "webhook_tries=2"), self.receiver(500, 500, 500)
        job = self.add(server, receiver.url())
        self.assertEqual(self.state(server, job, "given_up")["tries"], 2)
        self.assertEqual(len(receiver.got), 2)
        self.assertIn("given up", server.log())

    def test_redirects(self):
        server = self.start("webhook_private=true", "webhook_tries=1")
        other = self.receiver()
        receiver = self.receiver(other.url("/there"), "ftp://127.0.0.1/", "file:///etc/passwd")
        job = self.add(server, receiver.url())
        self.state(server, job, "delivered")
        self.assertEqual(other.got[0][0], "/there")
        self.assertEqual(other.got[0][2], receiver.got[0][2])
        for _ in range(2):
            self.state(server, self.add(server, receiver.url()), "given_up")

    def test_private_addresses_are_refused(self):
        server, receiver = self.start(), self.receiver()
        # The name is refused for the address that it leads to.
        for host in ("127.0.0.1", "localhost", "0x7f000001", "[::ffff:127.0.0.1]"):
            job = self.add(server, receiver.url(host=host))
            self.assertEqual(self.state(server, job, "given_up")["tries"], 1)
        self.assertEqual(receiver.got, [])
        self.assertEqual(server.log().count("the address is not public"), 4)

    def test_survives_the_end_of_the_service(self):
        receiver = Receiver()
        url = receiver.url()
        receiver.close()
        server = Server(f"webhook_secret={self.secret}", "webhook_private=true", "webhook_retry_s=1", folder=self.folder)
        job = self.add(server, url)
        until(lambda: server.get("/v1/jobs/" + job).json()["webhook"]["tries"] > 0, "an attempt")
        server.process.kill()
        server.stop()
        receiver = self.receiver(port=int(url.split(":")[2].split("/")[0]))
        server = self.start("webhook_private=true")
        self.state(server, job, "delivered")
        self.assertEqual(len(receiver.got), 1)

    def test_one_that_never_answers_keeps_no_other_waiting(self):
        server, receiver = self.start("webhook_private=true"), self.receiver()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for _ in range(3):
                self.add(server, f"http://127.0.0.1:{silent.getsockname()[1]}/")
            self.state(server, self.add(server, receiver.url()), "delivered")

    def test_what_is_refused(self):
        server = self.start()
        for url in ("ftp://example.com/", "file:///etc/passwd", "example.com", "http://", "http://a:b@example.com/",
                    "http://example.com/" + "a" * 2000):
            answer = server.request("POST", "/v1/jobs?webhook=" + urllib.parse.quote(url, safe=""), b"x")
            self.assertEqual((answer.status, answer.code()), (400, "parameter"), url)
        answer = server.request("POST", "/v1/read?webhook=http%3A%2F%2Fexample.com", b"x")
        self.assertEqual((answer.status, answer.code()), (400, "parameter"))
        self.assertIn("only jobs", answer.json()["detail"])

    def test_without_a_secret(self):
        server = Server()
        self.addCleanup(server.stop)
        answer = server.request("POST", "/v1/jobs?webhook=http%3A%2F%2Fexample.com", b"x")
        self.assertEqual((answer.status, answer.code()), (400, "parameter"))
        self.assertIn("webhook_secret", answer.json()["detail"])
        pathlib.Path(self.secret).write_bytes(b"short\n")
        with self.assertRaisesRegex(AssertionError, "16 bytes or more"):
            Server(f"webhook_secret={self.secret}")


if __name__ == "__main__":
    main()
