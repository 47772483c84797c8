"""The service with its store in a real PostgreSQL server.

usage: postgres_test.py PROGRAM PICTURE TEXT

Starts a server of its own, from Debian's package; without it this is skipped (exit status 77). The
server does not run as root: root lends it the user postgres.
"""
import csv
import glob
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

from running_service import PATIENCE, PICTURE, PROGRAM, TEXT, Server, WithServer, main, multipart, until

FOLDERS = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
if not FOLDERS:
    print("SKIP: there is no PostgreSQL server (package postgresql)")
    sys.exit(77)


class Postgres:
    """A server in a folder of its own, called through a socket there."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="serialeye-pg-")
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self.as_user:
            shutil.chown(self.folder, "postgres")
            os.chmod(self.folder, 0o755)
        self.run("initdb", "-D", self.folder + "/data", "-A", "trust", "-U", "se", "-E", "UTF8", "--no-sync")
        self.start()

    def run(self, program, *arguments):
        subprocess.run([*self.as_user, os.path.join(FOLDERS[-1], program), *arguments], check=True,
                       stdout=subprocess.DEVNULL, cwd="/")

    def start(self):
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "-D", self.folder + "/data", "-w", "-l", self.folder + "/data/log", "-o", options, "start")

    def stop(self, mode="fast"):
        self.run("pg_ctl", "-D", self.folder + "/data", "-w", "-m", mode, "stop")

    def make(self, name):
        """The address of a new database."""
        self.run("createdb", "-h", self.folder, "-U", "se", name)
        return f"postgresql://se@/{name}?host={urllib.parse.quote(self.folder, safe='')}"

    def end(self):
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)


def setUpModule():  # pylint: disable=invalid-name
    global POSTGRES  # pylint: disable=global-statement
    POSTGRES = Postgres()


def tearDownModule():  # pylint: disable=invalid-name
    POSTGRES.end()


class Store(WithServer):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.settings = (f"store={POSTGRES.make('store')}", f"keys={cls.folder}/keys", "keep_pictures=true")
        super().setUpClass()

    def readings(self, query, count):
        path = "/v1/readings" + query
        until(lambda: len(self.server.get(path).json()["readings"]) == count, f"{count} readings of {query}")
        return self.server.get(path).json()["readings"]

    def job(self, parts, **headers):
        body, kind = multipart(parts)
        return self.server.request("POST", "/v1/jobs", body, {**kind, **headers})

    def done(self, id_):
        return until(lambda: (job := self.server.get("/v1/jobs/" + id_).json())["state"] == "done" and job, "the job")

    def test_reading(self):
        id_ = self.server.read(query="?name=one.jpg").headers["X-Reading-Id"]
        row = self.server.get("/v1/readings/" + id_).json()
        self.assertEqual([row["text"], row["file"], row["client"]], [TEXT, "one.jpg", "127.0.0.1"])
        self.assertEqual(row["result"]["readings"][0]["text"], TEXT)
        self.assertEqual(self.server.get(f"/v1/readings/{id_}/picture").body, PICTURE)
        self.server.request("PUT", f"/v1/readings/{id_}/correction", b'{"text": "ABC-99"}')
        self.assertEqual(self.readings("?q=bc-9", 1)[0]["corrected"], "ABC-99")

    def test_search_takes_signs_as_they_are(self):
        self.server.read(b"x", "?name=50%25_of!it")
        self.server.read(b"x", "?name=50x-of-it")
        for words in ("50%25_", "50%25_OF!", "!it"):
            self.readings("?q=" + words, 1)

    def test_names_that_are_not_utf8(self):
        body = (b'--b\r\nContent-Disposition: form-data; name="f"; filename="a\xff\xc3b"\r\n\r\nx\r\n--b--\r\n')
        answer = self.server.request("POST", "/v1/read", body, {"Content-Type": "multipart/form-data; boundary=b"})
        self.assertIn(answer.status, (400, 415))
        self.server.read(b"x", "?name=after-it")
        self.readings("?q=after-it", 1)

    def test_job(self):
        parts = [("f", "a.jpg", PICTURE), ("f", "b.jpg", b"text")]
        first = self.job(parts, **{"Idempotency-Key": "k"})
        self.assertEqual(first.status, 202)
        self.assertEqual(self.job(parts, **{"Idempotency-Key": "k"}).json()["id"], first.json()["id"])
        self.expect_problem(self.job(parts[:1], **{"Idempotency-Key": "k"}), 422, "idempotency")
        job = self.done(first.json()["id"])
        self.assertEqual([job["done"], job["failed"]], [2, 1])
        self.assertEqual(job["results"][0]["readings"][0]["text"], TEXT)
        self.assertEqual(job["results"][1]["error"]["code"], "unknown_type")
        stream = self.server.get(f"/v1/jobs/{job['id']}/events").body.decode()
        self.assertEqual([stream.count("event: result"), stream.count("event: done")], [2, 1])
        row = self.readings("?job=" + job["id"], 2)[1]
        self.assertEqual(self.server.get(f"/v1/readings/{row['id']}/picture").body, PICTURE)
        self.assertIn(job["id"], [one["id"] for one in self.server.get("/v1/jobs").json()["jobs"]])
        self.assertEqual(self.server.request("DELETE", "/v1/jobs/" + job["id"]).status, 204)
        self.readings("?job=" + job["id"], 0)
        self.expect_problem(self.server.get("/v1/jobs/" + job["id"]), 404, "not_found")

    def test_tables_and_counts(self):
        self.server.read(b"x", "?name=table")
        self.readings("?q=table", 1)
        rows = list(csv.reader(io.StringIO(self.server.get("/v1/export?format=csv&q=table").body.decode())))
        self.assertEqual([len(rows), rows[1][2]], [2, "table"])
        self.assertEqual(json.loads(self.server.get("/v1/export?format=jsonl&q=table").body)["file"], "table")
        self.assertTrue(self.server.get("/v1/export?q=table").body.startswith(b"PK"))
        stats = self.server.get("/v1/stats").json()
        self.assertGreaterEqual(stats["errors"]["unknown_type"], 1)
        self.assertIn("serialeye_store_up 1", self.server.get("/metrics").body.decode())

    def test_passwords_are_not_shown(self):
        self.assertNotIn("postgresql:", self.server.get("/v1/config").body.decode())
        line = pathlib.Path(f"/proc/{self.server.worker()}/cmdline").read_bytes()
        self.assertNotIn(b"postgresql:", line)


class Life(unittest.TestCase):
    def server(self, place, **options):
        return Server(f"store={place}", f"keys={self.folder}/keys", folder=self.folder, **options)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_one_service_at_a_time(self):
        place = POSTGRES.make("one")
        server = self.server(place)
        try:
            run = subprocess.run([PROGRAM, "serve", "--port", "0", "--set", f"store={place}"], capture_output=True,
                                 text=True, timeout=PATIENCE, check=False)
            self.assertEqual(run.returncode, 2)
            self.assertIn("another service uses", run.stderr)
        finally:
            self.assertEqual(server.stop(), 0)

    def test_what_keeps_it_from_starting(self):
        run = subprocess.run([PROGRAM, "serve", "--port", "0", "--set", "store=postgresql://se@/x?host=/nowhere"],
                             capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(run.returncode, 2)
        self.assertIn("/nowhere", run.stderr)

    def test_killed_service(self):
        place = POSTGRES.make("killed")
        jobs = set()
        for round_ in range(3):
            server = self.server(place, ready=False)
            for i in range(5):
                body, headers = multipart([("f", f"{round_}-{i}", b"text %d %d" % (round_, i)), ("f", "e", b"")])
                jobs.add(server.request("POST", "/v1/jobs", body, headers).json()["id"])
            server.process.kill()
            server.stop()
        server = self.server(place)
        for job in jobs:
            until(lambda job=job: server.get("/v1/jobs/" + job).json()["state"] == "done", "the end of a job")
        self.assertEqual(server.get("/v1/stats").json()["readings"], 2 * len(jobs))
        first = server.get("/v1/readings?limit=1").json()["readings"][0]["id"]
        for job in jobs:
            self.assertEqual(server.request("DELETE", "/v1/jobs/" + job).status, 204)
        server.stop(signal.SIGTERM)
        server = self.server(place)
        self.assertGreater(int(server.read(b"x").headers["X-Reading-Id"]), first, "ids are not used twice")
        self.assertEqual(server.stop(), 0)

    def test_server_that_goes_away(self):
        server = self.server(POSTGRES.make("away"))
        try:
            POSTGRES.stop("immediate")
            answer = server.request("POST", "/v1/jobs", b"text")
            self.assertEqual((answer.status, answer.code()), (503, "io"))
            self.assertEqual(server.read(b"text", "?name=meanwhile").status, 415)
            self.assertIn("serialeye_store_up 0", server.get("/metrics").body.decode())
            POSTGRES.start()
            until(lambda: server.request("POST", "/v1/jobs", b"text").status == 202, "a job taken again")
            until(lambda: server.get("/v1/readings?q=meanwhile").json().get("readings"), "the reading of meanwhile")
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
