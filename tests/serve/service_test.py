"""The service from outside, over sockets, as its clients see it.

usage: service_test.py PROGRAM PICTURE TEXT

PICTURE shows the serial number TEXT. Workers that hang or die are made by signals to them, so that
no test depends on how fast this machine is.
"""
import contextlib
import csv
import http.client
import io
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import zipfile

from running_service import (PATIENCE, PICTURE, PICTURE_PATH, PROGRAM, TEXT, Answer, Server, WithServer, main,
                             multipart, until)


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
        body, headers = multipart([("lines", None, b"true")])
        self.expect_problem(self.server.request("POST", "/v1/batch", body, headers), 400, "body")
        self.expect_problem(self.server.request("POST", "/v1/batch", PICTURE), 415, "media_type")

    def device(self, pictures, *fields, path="/v1/batch"):
        body, headers = multipart([*pictures, *fields])
        return self.server.request("POST", path, body, headers)

    def test_pictures_of_one_device(self):
        pictures = [("f", "a.jpg", PICTURE), ("f", "b.jpg", b"text"), ("f", "", PICTURE), ("f", "d.jpg", b"")]
        flag = ("same_device", None, b"true")
        for answer in (self.device(pictures, flag), self.device(pictures, path="/v1/batch?same_device=true")):
            self.assertEqual(answer.status, 200, answer.body)
            (result,), (id_,) = answer.json()["results"], answer.json()["reading_ids"]
            self.assertEqual(result["files"], ["a.jpg", "b.jpg", None, "d.jpg"])
            self.assertEqual([one.get("error", {}).get("code") for one in result["pictures"]],
                             [None, "unknown_type", None, "empty"])
            reading = result["readings"][0]
            self.assertEqual((reading["text"], [seen["picture"] for seen in reading["seen"]]), (TEXT, [0, 2]))
            self.expect_same_as_command(result)
            kept = self.server.get(f"/v1/readings/{id_}").json()
            self.assertEqual((kept["text"], kept["file"], kept["result"]), (TEXT, "a.jpg, b.jpg, d.jpg", result))
        self.assertEqual(len(self.device(pictures, ("same_device", None, b"false")).json()["results"]), 4)

    def expect_same_as_command(self, result):
        """What `read --same-device` says of the same pictures."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, str(i)) for i in range(4)]
            for path, data in zip(paths, (PICTURE, b"text", PICTURE, b"")):
                with open(path, "wb") as file:
                    file.write(data)
            run = subprocess.run([PROGRAM, "read", "--json", "--same-device", "--set", "time_limit_ms=0", *paths],
                                 capture_output=True, text=True, timeout=PATIENCE, check=False)
        other = json.loads(run.stdout)
        for one in (other, result := json.loads(json.dumps(result))):
            for part in (one, *one["pictures"]):
                part.pop("ms", None)
            del one["files"]
            for reading in one["readings"]:
                for seen in reading["seen"]:
                    seen.pop("file", None)
        self.assertEqual(result, other)

    def test_device_limits(self):
        flag = ("same_device", None, b"true")
        answer = self.device([("f", "x", b"x")] * 32, flag)
        self.assertEqual([one["error"]["code"] for one in answer.json()["results"]], ["unknown_type"])
        self.expect_problem(self.device([("f", "x", b"x")] * 33, flag), 400, "body")
        self.expect_problem(self.device([("f", "x", b"x")], flag, ("lines", None, b"true")), 400, "parameter")
        self.expect_problem(self.device([("f", "x", b"x")], ("same_device", None, b"1")), 400, "parameter")
        for path in ("/v1/read", "/v1/jobs", "/process-serial", "/scan"):
            self.expect_problem(self.device([("f", "x", b"x")], flag, path=path), 400, "parameter")

    def test_broken_multipart(self):
        body, headers = multipart([("f", "x.jpg", PICTURE)])
        self.expect_problem(self.server.request("POST", "/v1/read", body[:-30], headers), 400, "body")
        self.expect_problem(self.server.request("POST", "/v1/read", b"", headers), 400, "body")
        self.expect_problem(
            self.server.request("POST", "/v1/read", body, {"Content-Type": "multipart/form-data"}), 400, "body")
        body, headers = multipart([("f", "x.jpg", PICTURE)] * 2)
        self.expect_problem(self.server.request("POST", "/v1/read", body, headers), 400, "body")

    def test_options(self):
        self.assertEqual(self.server.read(b"", "?lines=false&time_limit_ms=5").status, 422)
        for query in ("?time_limit_ms=-1", "?time_limit_ms=", "?time_limit_ms=99999999999", "?lines=1", "?other=1",
                      "?lines=true&lines=true", "?lines"):
            self.expect_problem(self.server.read(b"", query), 400, "parameter")
        body, headers = multipart([("f", "x", b"x"), ("lines", None, b"x" * 100)])
        self.expect_problem(self.server.request("POST", "/v1/read", body, headers), 400, "parameter")

    def test_pattern(self):
        shape = re.sub("[0-9]", "[0-9]", re.sub("[A-Z]", "[A-Z]", TEXT))
        query = "?pattern=" + urllib.parse.quote(shape)
        self.assertTrue(self.server.read(query=query).json()["readings"][0]["matches_pattern"])
        self.assertNotIn("matches_pattern", self.server.read().json()["readings"][0])
        self.expect_problem(self.server.read(query="?pattern=%5B"), 400, "setting")
        self.expect_problem(self.server.read(query="?pattern=" + 256 * "A"), 400, "parameter")
        fields = [("f", "x.jpg", PICTURE), ("pattern", None, shape.encode())]
        body, headers = multipart(fields)
        for path in ("/v1/batch", "/v1/jobs"):
            answer = self.server.request("POST", path, body, headers).json()
            if path == "/v1/jobs":
                url = "/v1/jobs/" + answer["id"]
                until(lambda url=url: self.server.get(url).json()["state"] == "done", "the end of the job")
                answer = self.server.get(url).json()
            self.assertTrue(answer["results"][0]["readings"][0]["matches_pattern"], path)
        again, headers = multipart(fields[:1])
        key = {"Idempotency-Key": "pattern"}
        self.assertEqual(self.server.request("POST", "/v1/jobs", body, {**headers, **key}).status, 202)
        self.expect_problem(self.server.request("POST", "/v1/jobs", again, {**headers, **key}), 422, "idempotency")

    def test_preset(self):
        self.assertEqual(self.server.read(query="?preset=sticker").json()["readings"][0]["text"], TEXT)
        self.expect_problem(self.server.read(query="?preset=none-such"), 400, "setting")
        for query in ("?preset=", "?preset=" + 33 * "a"):
            self.expect_problem(self.server.read(query=query), 400, "parameter")
        self.expect_problem(self.server.request("POST", "/v1/jobs?preset=none-such", PICTURE), 400, "setting")
        self.assertEqual(self.server.request("POST", "/v1/jobs?preset=screen", PICTURE).status, 202)

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
            client.sendall(b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
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
                client.sendall(b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n"
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
            client.sendall(b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
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


class Store(WithServer):
    """Jobs, readings, tables."""
    settings = ("max_jobs=3",)

    def add(self, pictures, **headers):
        body, form = multipart(pictures)
        return self.server.request("POST", "/v1/jobs", body, {**form, **headers})

    def finished(self, job):
        def check():
            answer = self.server.get("/v1/jobs/" + job)
            return answer.json() if answer.json()["state"] == "done" else None
        return until(check, "the end of the job")

    def readings(self, query, count):
        """The readings of a query, once there are `count` of them: they are written a moment later."""
        def check():
            rows = self.server.get("/v1/readings" + query).json()["readings"]
            return (rows,) if len(rows) == count else None
        return until(check, f"{count} readings")[0]

    def test_job(self):
        answer = self.add([("f", "a.txt", b"text"), ("f", "b.jpg", PICTURE), ("f", "c", b"")])
        self.assertEqual(answer.status, 202, answer.body)
        self.assertEqual([answer.json()[key] for key in ("state", "total", "done")], ["queued", 3, 0])
        job = answer.json()["id"]
        done = self.finished(job)
        self.assertEqual([done[key] for key in ("total", "done", "failed")], [3, 3, 2])
        self.assertEqual(done["results"][0]["error"]["code"], "unknown_type")
        self.assertEqual(done["results"][1]["readings"][0]["text"], TEXT)
        self.assertEqual(done["results"][2]["error"]["code"], "empty")
        self.assertEqual(self.server.get("/result/" + job).json(), done)
        self.assertIn(job, [one["id"] for one in self.server.get("/v1/jobs").json()["jobs"]])
        self.assertEqual(len(self.readings("?job=" + job, 3)), 3)
        self.assertEqual(self.server.request("DELETE", "/v1/jobs/" + job).status, 204)
        self.expect_problem(self.server.request("DELETE", "/jobs/" + job), 404, "not_found")
        self.expect_problem(self.server.get("/v1/jobs/" + job), 404, "not_found")
        self.readings("?job=" + job, 0)

    def test_one_key_makes_one_job(self):
        pictures = [("f", "a", b"text k")]
        first = self.add(pictures, **{"Idempotency-Key": "k1"})
        again = self.add(pictures, **{"Idempotency-Key": "k1"})
        self.assertEqual((first.status, again.status), (202, 200))
        self.assertEqual(first.json()["id"], again.json()["id"])
        self.assertNotEqual(self.add(pictures, **{"Idempotency-Key": "k2"}).json()["id"], first.json()["id"])
        other = self.add([("f", "a", b"text other")], **{"Idempotency-Key": "k1"})
        self.expect_problem(other, 422, "idempotency")
        self.expect_problem(self.add(pictures, **{"Idempotency-Key": "k" * 200}), 400, "parameter")

    def test_events(self):
        pid = self.server.signal_worker(signal.SIGSTOP)
        job = self.add([("f", "a", b"text e"), ("f", "b", b"")]).json()["id"]
        connection = self.server.connect()
        connection.request("GET", f"/v1/jobs/{job}/events")
        response = connection.getresponse()
        self.assertEqual(response.headers["Content-Type"], "text/event-stream")
        self.assertEqual(response.readline(), b"retry: 2000\n")
        os.kill(pid, signal.SIGCONT)
        text = response.read().decode()
        connection.close()
        self.assertEqual([line for line in text.splitlines() if line.startswith("event:")],
                         ["event: result", "event: result", "event: done"])
        ids = [line[4:] for line in text.splitlines() if line.startswith("id: ")]
        later = self.server.get(f"/v1/jobs/{job}/events", **{"Last-Event-ID": ids[0]}).body.decode()
        self.assertNotIn("id: " + ids[0], later)
        self.assertIn("id: " + ids[1], later)
        self.expect_problem(self.server.get("/v1/jobs/none/events"), 404, "not_found")
        for last in ("-1", "x", "1x"):
            self.expect_problem(self.server.get(f"/v1/jobs/{job}/events", **{"Last-Event-ID": last}), 400, "parameter")

    def test_too_many_jobs(self):
        pid = self.server.signal_worker(signal.SIGSTOP)
        jobs = [self.add([("f", "a", b"text m%d" % i)]) for i in range(4)]
        self.assertEqual([answer.status for answer in jobs], [202, 202, 202, 503])
        self.assertEqual(self.server.request("DELETE", "/v1/jobs/" + jobs[0].json()["id"]).status, 204)
        os.kill(pid, signal.SIGCONT)
        for answer in jobs[1:3]:
            self.finished(answer.json()["id"])

    def test_reading_is_kept_and_corrected(self):
        answer = self.server.read(query="?name=kept.jpg")
        id_ = answer.headers["X-Reading-Id"]
        row = self.readings("?q=kept.jpg", 1)[0]
        self.assertEqual([str(row["id"]), row["text"], row["corrected"]], [id_, TEXT, None])
        self.assertEqual(self.server.get("/v1/readings/" + id_).json()["result"], answer.json())
        path = f"/v1/readings/{id_}/correction"
        fixed = self.server.request("PUT", path, b'{"text": "ABC-123"}')
        self.assertEqual(fixed.json()["corrected"], "ABC-123")
        self.readings("?q=abc-123", 1)
        for body in (b"", b"{}", b'{"text": 1}', b'{"text": ""}', b'{"text": "a\\nb"}', b'{"text": "a", "b": 1}'):
            self.expect_problem(self.server.request("PUT", path, body), 400, "body")
        self.assertIsNone(self.server.request("PUT", path, b'{"text": null}').json()["corrected"])
        self.expect_problem(
            self.server.request("PUT", "/v1/readings/99999/correction", b'{"text": "A"}'), 404, "not_found")
        for path in ("/v1/readings/99999", "/v1/readings/x", "/v1/readings/0"):
            self.expect_problem(self.server.get(path), 404, "not_found")

    def test_what_was_answered_is_found(self):
        for i in range(20):
            id_ = self.server.read(b"text %d" % i).headers["X-Reading-Id"]
            self.assertEqual(self.server.get("/v1/readings/" + id_).status, 200)

    def test_batch_has_ids(self):
        body, headers = multipart([("f", "ids1", b"t"), ("f", "ids2", b"")])
        ids = self.server.request("POST", "/v1/batch", body, headers).json()["reading_ids"]
        rows = self.readings("?q=ids", 2)
        self.assertEqual([row["id"] for row in rows], ids[::-1])
        first = self.server.get("/v1/readings?q=ids&limit=1").json()
        self.assertEqual(first["next_before"], ids[1])
        self.assertEqual(self.server.get(f"/v1/readings?q=ids&before={ids[1]}").json()["readings"], rows[1:])

    def test_parameters(self):
        for query in ("?limit=0", "?limit=x", "?from=yesterday", "?other=1", "?before=-1", "?limit=", "?limit=1&limit=1",
                      "?from=", "?to=2026-1", "?to=2026-01-31Z", "?from=2026-01-31T12:00ZZ"):
            self.expect_problem(self.server.get("/v1/readings" + query), 400, "parameter")
        self.server.read(b"text", "?name=time-of-day")
        at = self.readings("?q=time-of-day", 1)[0]["at"]
        for start in (4, 7, 10, 13, 16, 19, 23):
            for end in ("", "Z") if start > 10 else ("",):
                found = self.server.get(f"/v1/readings?q=time-of-day&from={at[:start]}{end}").json()["readings"]
                self.assertEqual(len(found), 1, (at, start, end))
                before = self.server.get(f"/v1/readings?q=time-of-day&to={at[:start]}{end}").json()["readings"]
                self.assertEqual(before, [], (at, start, end))
        self.assertEqual(self.server.get("/v1/readings?from=2999-01-01").json()["readings"], [])
        self.expect_problem(self.server.get("/v1/export?format=pdf"), 400, "parameter")

    def test_export(self):
        self.server.read(b"text", "?name=" + "%3Dx,%22y")
        self.readings("?q=%3Dx", 1)
        rows = list(csv.reader(io.StringIO(self.server.get("/v1/export?format=csv&q=%3Dx").body.decode())))
        self.assertEqual(rows[0][:4], ["id", "at", "file", "text"])
        self.assertEqual([len(rows), rows[1][2], rows[1][10]], [2, "'=x,\"y", "unknown_type"])
        line = json.loads(self.server.get("/v1/export?format=jsonl&q=%3Dx").body)
        self.assertEqual([line["file"], line["error"]["code"]], ["=x,\"y", "unknown_type"])
        answer = self.server.get("/export?q=%3Dx")
        self.assertIn("readings.xlsx", answer.headers["Content-Disposition"])
        with zipfile.ZipFile(io.BytesIO(answer.body)) as book:
            self.assertIsNone(book.testzip())
            sheet = book.read("xl/worksheets/sheet1.xml").decode()
        self.assertIn("=x,", sheet)
        self.assertNotIn("<f>", sheet)

    def test_long_export_is_complete(self):
        body, headers = multipart([("f", "long", b"x")] * 64)
        for _ in range(8):
            self.server.request("POST", "/v1/batch", body, headers)
        self.readings("?q=long&limit=1000", 512)
        lines = self.server.get("/v1/export?format=jsonl&q=long").body.splitlines()
        self.assertEqual(len({json.loads(line)["id"] for line in lines}), 512)

    def test_counts_and_settings(self):
        stats = self.server.get("/v1/stats").json()
        self.assertGreaterEqual(stats["readings"], 0)
        self.assertEqual(self.server.get("/config").json()["max_jobs"]["value"], "3")
        self.assertEqual(self.server.get("/health").json()["status"], "ready")

    def test_names_of_the_origin(self):
        """The same data as under the names of this service."""
        expect = [self.server.read().json(), self.server.request("POST", "/process-serial", PICTURE).json()]
        for one in expect:
            del one["ms"]
        self.assertEqual(*expect)
        self.expect_problem(self.server.request("POST", "/process-serial", b"text"), 415, "unknown_type")
        answer = self.server.request("POST", "/scan", b"text o")
        self.assertEqual(answer.status, 202)
        job = answer.json()["id"]
        self.finished(job)
        self.assertEqual(self.server.get("/result/" + job).json(), self.server.get("/v1/jobs/" + job).json())
        for path, own in (("/jobs", "/v1/jobs"), ("/jobs?limit=1", "/v1/jobs?limit=1"), ("/history", "/v1/readings"),
                          ("/history?q=x", "/v1/readings?q=x"), ("/stats", "/v1/stats"), ("/config", "/v1/config"),
                          ("/export?format=csv", "/v1/export?format=csv")):
            first, second = self.server.get(path), self.server.get(own)
            self.assertEqual((first.status, first.body), (200, second.body), path)
        self.assertTrue(self.server.get("/export").body.startswith(b"PK"))
        health = self.server.get("/health").json()
        self.assertEqual([health["status"], health["workers"], health["workers_ready"]], ["ready", 1, 1])
        self.assertEqual(self.server.request("DELETE", "/jobs/" + job).status, 204)
        self.expect_problem(self.server.get("/result/" + job), 404, "not_found")


class Metrics(WithServer):
    workers = 2

    def metrics(self):
        """Values by name and labels; every line has the form that Prometheus wants."""
        answer = self.server.get("/metrics")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        values, types = {}, {}
        for line in answer.body.decode().splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                self.assertNotIn(name, types)
                types[name] = kind
                continue
            if line.startswith("# HELP "):
                continue
            sample = re.fullmatch(r'([a-z_]+)(\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? (\S+)', line)
            self.assertTrue(sample, line)
            name = sample[1]
            self.assertTrue(name in types or re.sub("_(bucket|sum|count)$", "", name) in types, line)
            self.assertNotIn((name, sample[2]), values)
            values[name, sample[2]] = float(sample[3])
        return values

    def test_what_happened_is_counted(self):
        self.assertEqual(self.server.read(b"text").status, 415)
        self.assertEqual(self.server.read().status, 200)
        self.assertEqual(self.server.get("/nothing").status, 404)
        self.assertEqual(self.server.request("DELETE", "/v1/readings/3").status, 405)
        job, headers = multipart([("f", "a", b"text m")])
        self.server.request("POST", "/v1/jobs", job, headers)

        def counted():
            values = self.metrics()
            return values if values.get(("serialeye_pictures_total", '{result="unknown_type"}')) == 2 else None

        values = until(counted, "the count of pictures")
        requests = "serialeye_http_requests_total"
        self.assertEqual(values[requests, '{method="POST",route="/v1/read",code="415"}'], 1)
        self.assertEqual(values[requests, '{method="POST",route="/v1/read",code="200"}'], 1)
        self.assertEqual(values[requests, '{method="",route="",code="404"}'], 1)
        self.assertEqual(values[requests, '{method="",route="",code="405"}'], 1)
        self.assertEqual(sum(value for (name, labels), value in values.items() if name == "serialeye_pictures_total"), 3)
        duration = "serialeye_http_request_duration_seconds"
        read = 'method="POST",route="/v1/read"'
        self.assertEqual(values[duration + "_count", "{" + read + "}"], 2)
        self.assertEqual(values[duration + "_bucket", "{" + read + ',le="+Inf"}'], 2)
        self.assertEqual(values["serialeye_picture_duration_seconds_count", None], 3)
        self.assertEqual([values["serialeye_request_pictures_" + part, None] for part in ("count", "sum")], [3, 3])
        self.assertEqual(values["serialeye_request_pictures_bucket", '{le="1"}'], 3)
        stages = {labels: value for (name, labels), value in values.items() if name == "serialeye_stage_seconds_total"}
        self.assertEqual(list(stages), [f'{{stage="{stage}"}}' for stage in
                                        ("decode", "barcodes", "detect", "crop", "recognize", "serial")])
        self.assertGreater(stages['{stage="detect"}'], 0)
        self.assertLessEqual(sum(stages.values()), values["serialeye_picture_duration_seconds_sum", None])
        for name in ("serialeye_pictures_waiting", "serialeye_jobs_open", "serialeye_job_pictures_open",
                     "serialeye_worker_restarts_total", "serialeye_overloads_total"):
            self.assertEqual(values[name, None], 0, name)
        self.assertEqual([values["serialeye_workers", None], values["serialeye_store_up", None]], [2, 1])
        self.assertGreater(values["process_resident_memory_bytes", None], 1e6)
        self.assertGreater(values["process_open_fds", None], 5)
        self.assertLess(abs(values["process_start_time_seconds", None] - time.time()), 3600)
        self.assertGreater(values["serialeye_worker_resident_memory_bytes", '{worker="0"}'], 1e6)
        self.assertNotIn('"/metrics"', self.server.log())

    def test_what_waits(self):
        until(lambda: self.metrics()["serialeye_workers_ready", None] == 2, "two workers")
        pids = self.server.workers()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        body, headers = multipart([("f", "a", b"text w")] * 5)
        connection = self.server.connect()
        connection.request("POST", "/v1/batch", body, headers)

        def state():
            values = self.metrics()
            return [values["serialeye_pictures_" + name, None] for name in ("running", "waiting")] == [2, 3]

        until(state, "two being read, three waiting")
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(Answer(connection.getresponse()).status, 200)
        connection.close()


class Killed(unittest.TestCase):
    def test_no_job_is_lost_or_read_twice(self):
        """The front process is killed again and again while jobs come in."""
        chance = random.Random(7)
        folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        jobs = {}
        try:
            for round_ in range(4):
                # More jobs than a busy machine reads in that time.
                server = Server("max_jobs=100000", folder=folder, ready=False)
                end = time.monotonic() + chance.uniform(0.2, 1.0)
                while time.monotonic() < end:
                    name = f"{round_}-{len(jobs)}"
                    body, headers = multipart([("f", name, b"text " + name.encode()), ("f", name, b"")])
                    answer = server.request("POST", "/v1/jobs", body, headers)
                    self.assertEqual(answer.status, 202)
                    jobs[answer.json()["id"]] = name
                server.process.kill()
                server.stop()
            server = Server(folder=folder)
            for job, name in jobs.items():
                def done(job=job):
                    one = server.get("/v1/jobs/" + job).json()
                    return one if one["state"] == "done" else None
                result = until(done, "the end of " + name)
                self.assertEqual([one["error"]["code"] for one in result["results"]], ["unknown_type", "empty"])
                self.assertEqual([one["file"] for one in result["results"]], [name, name])
            self.assertEqual(server.get("/v1/stats").json()["readings"], 2 * len(jobs))
            self.assertEqual(server.stop(), 0)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def test_store_of_an_earlier_version(self):
        folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        try:
            server = Server(folder=folder)
            job = server.request("POST", "/v1/jobs", b"text").json()["id"]
            self.assertEqual(server.stop(), 0)
            with contextlib.closing(sqlite3.connect(folder + "/service.db")) as store:
                store.executescript("ALTER TABLE jobs DROP COLUMN pattern; DROP TABLE kept; DROP INDEX jobs_notify;"
                                    + "".join(f"ALTER TABLE jobs DROP COLUMN {name};" for name in
                                              ("preset", "known", "webhook", "notified", "notify_at", "notify_tries"))
                                    + "PRAGMA user_version = 1")
            server = Server(folder=folder)
            until(lambda: server.get("/v1/jobs/" + job).json()["state"] == "done", "the end of the job")
            self.assertEqual(server.request("POST", "/v1/jobs?pattern=A", b"text").status, 202)
            self.assertEqual(server.stop(), 0)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def test_work_goes_on_after_a_restart(self):
        """What is not read when the service is told to end is read later."""
        folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        try:
            server = Server("drain_s=0", folder=folder)
            pid = server.signal_worker(signal.SIGSTOP)
            job = server.request("POST", "/v1/jobs", b"text").json()["id"]
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "drain" in server.log(), "drain")
            os.kill(pid, signal.SIGCONT)
            self.assertEqual(server.stop(), 0)
            server = Server(folder=folder)
            until(lambda: server.get("/v1/jobs/" + job).json()["state"] == "done", "the end of the job")
            self.assertEqual(server.stop(), 0)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


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
            except ConnectionResetError:  # it came in and was not taken any more
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
            other = ["--set", f"store={server.folder}/other.db"]
            run = subprocess.run([PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(server.port), *other],
                                 capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertEqual(run.returncode, 2)
            self.assertIn("Address already in use", run.stderr)
            run = subprocess.run([PROGRAM, "serve", "--port", "0", "--set", f"store={server.folder}/service.db"],
                                 capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertEqual(run.returncode, 2)
            self.assertIn("another service uses", run.stderr)
            picture = shutil.copy(PICTURE_PATH, server.folder)
            run = subprocess.run([PROGRAM, "serve", "--port", "0", "--set", f"store={picture}"],
                                 capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertEqual(run.returncode, 2)
            self.assertIn("not a database", run.stderr)
        finally:
            server.stop()
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run([PROGRAM, "serve", "--port", "0", "--set", "detector=/nowhere",
                                  "--set", f"store={folder}/x.db"],
                                 capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(run.returncode, 2)
        self.assertIn("/nowhere", run.stderr)
        for arguments in (["--set", "body_mb=20", "--set", "queue_mb=10"], ["--port", "70000"], ["more"]):
            run = subprocess.run([PROGRAM, "serve", *arguments], capture_output=True, text=True,
                                 timeout=PATIENCE, check=False)
            self.assertEqual((run.returncode, run.stdout), (2, ""))


if __name__ == "__main__":
    main()
