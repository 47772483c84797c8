"""What the service keeps: for how long, under which filters, and once.

usage: store_test.py PROGRAM PICTURE TEXT
"""
import contextlib
import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import tempfile
import threading
import unittest
import zipfile

from running_service import PICTURE, TEXT, Server, WithServer, main, multipart, until


class Retention(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, days):
        return Server("keep_pictures=true", f"keep_days={days}", folder=self.folder)

    def counts(self):
        with contextlib.closing(sqlite3.connect(self.folder + "/service.db")) as store:
            return [store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                    for table in ("readings", "kept", "jobs", "pictures")]

    def test_what_is_old_goes(self):
        server = self.start(30)
        server.read(query="?name=old.jpg")
        server.read(query="?name=new.jpg")
        job = server.request("POST", "/v1/jobs", b"text").json()["id"]
        until(lambda: server.get("/v1/jobs/" + job).json()["state"] == "done", "the job")
        until(lambda: len(server.get("/v1/readings").json()["readings"]) == 3, "three readings")
        server.signal_worker(signal.SIGSTOP)
        waiting = server.request("POST", "/v1/jobs", b"text that waits").json()["id"]
        server.process.kill()
        server.stop()
        self.assertEqual(self.counts(), [3, 3, 2, 1])
        with contextlib.closing(sqlite3.connect(self.folder + "/service.db")) as store, store:
            store.execute("UPDATE readings SET at = '2020-01-01T00:00:00.000Z' WHERE file = 'old.jpg' OR job = ?", (job,))
            store.execute("UPDATE jobs SET created = '2020-01-01T00:00:00.000Z'")
            store.execute("UPDATE jobs SET finished = '2020-01-01T00:00:00.000Z' WHERE id = ?", (job,))
        for days, left in ((0, 3), (30, 1)):
            server = self.start(days)
            # The old job that is not finished is not forgotten.
            until(lambda: server.get("/v1/jobs/" + waiting).json()["state"] == "done", "the job that waited")
            names = [one["file"] for one in server.get("/v1/readings").json()["readings"] if one["job"] != waiting]
            self.assertEqual(len(names), left)
            self.assertEqual(server.get("/v1/jobs/" + job).status, 200 if days == 0 else 404)
            self.assertEqual(server.stop(), 0)
        self.assertEqual(names, ["new.jpg"])
        self.assertEqual(self.counts(), [2, 2, 1, 0])


class Filters(WithServer):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first = cls.server.read(query="?name=read.jpg").json()["readings"][0]
        cls.server.read(b"text", "?name=failed.jpg")
        cls.job = cls.server.request("POST", "/v1/jobs?name=job.jpg", PICTURE).json()["id"]
        cls.rows = until(lambda: (rows := cls.server.get("/v1/readings").json()["readings"]) and len(rows) == 3 and rows,
                         "three readings")

    def filters(self):
        at = {row["file"]: row["at"] for row in self.rows}
        later = at["failed.jpg"]
        return ((f"kind={self.first['kind']}", {"read.jpg", "job.jpg"}), ("kind=none", set()),
                (f"status={self.first['status']}", {"read.jpg", "job.jpg"}), (f"job={self.job}", {"job.jpg"}),
                ("q=FAILED", {"failed.jpg"}), (f"q={TEXT[1:5].lower()}", {"read.jpg", "job.jpg"}),
                (f"from={later}", {"failed.jpg", "job.jpg"} if at["job.jpg"] >= later else {"failed.jpg"}),
                (f"to={later}", {name for name, time in at.items() if time < later}),
                (f"kind={self.first['kind']}&job={self.job}", {"job.jpg"}))

    def test_lists_and_tables_choose_the_same(self):
        for query, expected in self.filters():
            with self.subTest(query=query):
                listed = self.server.get("/v1/readings?" + query).json()["readings"]
                self.assertEqual({row["file"] for row in listed}, expected)
                lines = self.server.get("/v1/export?format=jsonl&" + query).body.splitlines()
                self.assertEqual({json.loads(line)["file"] for line in lines}, expected)
                table = csv.DictReader(io.StringIO(self.server.get("/v1/export?format=csv&" + query).body.decode()))
                self.assertEqual({row["file"] for row in table}, expected)
                with zipfile.ZipFile(io.BytesIO(self.server.get("/v1/export?" + query).body)) as book:
                    text = "".join(book.read(name).decode() for name in book.namelist() if "sheet1" in name
                                   or "sharedStrings" in name)
                for name in ("read.jpg", "failed.jpg", "job.jpg"):
                    self.assertEqual(name in text, name in expected, name)


class Counts(WithServer):
    def test_counts(self):
        id_ = self.server.read().headers["X-Reading-Id"]
        self.server.read(b"text")
        self.server.read(b"")
        job = self.server.request("POST", "/v1/jobs", b"text").json()["id"]
        until(lambda: self.server.get("/v1/jobs/" + job).json()["state"] == "done", "the job")
        self.server.signal_worker(signal.SIGSTOP)
        self.server.request("POST", "/v1/jobs", b"text")
        self.server.request("PUT", f"/v1/readings/{id_}/correction", b'{"text": "A1"}')
        kind = self.server.get("/v1/readings/" + id_).json()["kind"]
        self.assertEqual(self.server.get("/v1/stats").json(),
                         {"readings": 4, "failed": 3, "corrected": 1, "jobs": 2, "jobs_open": 1, "kinds": {kind: 1},
                          "errors": {"unknown_type": 2, "empty": 1}})


class Kept(WithServer):
    settings = ("keep_pictures=true",)

    def test_kept_picture(self):
        id_ = self.server.read().headers["X-Reading-Id"]
        answer = self.server.get(f"/v1/readings/{id_}/picture")
        self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body), (200, "image/jpeg", PICTURE))
        self.expect_problem(self.server.get("/v1/readings/99999/picture"), 404, "not_found")
        body, headers = multipart([("f", "front.jpg", b"text"), ("f", "back.jpg", PICTURE),
                                   ("same_device", None, b"true")])
        id_, = self.server.request("POST", "/v1/batch", body, headers).json()["reading_ids"]
        self.assertTrue(self.server.get(f"/v1/readings/{id_}").json()["picture"])
        # The one that the reading is in.
        self.assertEqual(self.server.get(f"/v1/readings/{id_}/picture").body, PICTURE)
        self.assertEqual(self.server.request("GET", f"/v1/readings/{id_}/picture?x=1").code(), "parameter")


class Gathered(unittest.TestCase):
    """Readings of requests are written several at a time."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.server = Server(folder=self.folder)
        self.addCleanup(self.server.stop)

    def names(self):
        """What another process finds in the database."""
        with contextlib.closing(sqlite3.connect(self.folder + "/service.db")) as store:
            return [name for name, in store.execute("SELECT file FROM readings ORDER BY id")]

    def read(self, count, what):
        names = [f"{what}-{i}" for i in range(count)]
        for name in names:
            self.assertEqual(self.server.read(b"text", "?name=" + name).code(), "unknown_type")
        return names

    def test_written_though_nobody_asks(self):
        names = self.read(3, "alone")
        until(lambda: self.names() == names, "three readings")

    def test_whoever_asks_finds_them(self):
        for i in range(5):
            for format_ in ("csv", "jsonl"):
                name, = self.read(1, f"{format_}-{i}")
                self.assertIn(name, self.server.get("/v1/export?format=" + format_).body.decode())
        self.read(2, "counted")
        self.assertEqual(self.server.get("/v1/stats").json()["readings"], 12)
        self.read(1, "metric")
        self.assertIn('serialeye_pictures_total{result="unknown_type"} 13\n',
                      self.server.get("/metrics").body.decode())

    def test_written_at_the_end(self):
        names = self.read(20, "end")
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(self.names(), names)


class Once(WithServer):
    def test_one_key_makes_one_job_at_the_same_time(self):
        answers = []

        def add():
            answers.append(self.server.request("POST", "/v1/jobs", PICTURE, {"Idempotency-Key": "same"}))

        threads = [threading.Thread(target=add) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answer.status for answer in answers), [200] * 11 + [202])
        self.assertEqual(len({answer.json()["id"] for answer in answers}), 1)
        self.assertEqual(len(self.server.get("/v1/jobs").json()["jobs"]), 1)

    def test_events_of_a_job_that_is_deleted(self):
        pid = self.server.signal_worker(signal.SIGSTOP)
        job = self.server.request("POST", "/v1/jobs", b"text").json()["id"]
        connection = self.server.connect()
        connection.request("GET", f"/v1/jobs/{job}/events")
        response = connection.getresponse()
        self.assertEqual(response.readline(), b"retry: 2000\n")
        self.assertEqual(self.server.request("DELETE", "/v1/jobs/" + job).status, 204)
        self.assertIn(b"event: deleted", response.read())
        connection.close()
        os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    main()
