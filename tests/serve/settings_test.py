"""TLS, keys for telephones, and settings that change while the service runs.

usage: settings_test.py PROGRAM PICTURE TEXT
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import time
import unittest

from running_service import PATIENCE, PICTURE, PROGRAM, TEXT, Answer, Server, batches, main, until


class WithFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="serialeye-serve-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def refused(self, *settings):
        """What a service says that does not start."""
        arguments = [flag for one in (f"store={self.folder}/x.db", *settings) for flag in ("--set", one)]
        run = subprocess.run([PROGRAM, "serve", "--host", "127.0.0.1", "--port", "0", *arguments],
                             capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual((run.returncode, run.stdout), (2, ""))
        return run.stderr


class Tls(WithFolder):
    def start(self, *settings):
        server = Server("tls=auto", "key_on_loopback=true", *settings, folder=self.folder, ready=False)
        self.addCleanup(server.stop)
        return server

    def secure(self, server, method, path, body=None, host="127.0.0.1", ca="tls.crt", **headers):
        context = ssl.create_default_context(cafile=os.path.join(self.folder, ca))
        connection = http.client.HTTPSConnection(host, server.port, timeout=PATIENCE, context=context)
        try:
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def code(self, server):
        line = server.process.stdout.readline()
        self.assertRegex(line, rf"^For a telephone, once: https://[^/]+:{server.port}/#code=[0-9a-f]{{32}}$")
        picture = [server.process.stdout.readline() for _ in range(2)]
        self.assertTrue(all("█" in row or "▀" in row for row in picture), picture)
        while "\033[97" in picture[-1] and len(picture) < 19:
            picture.append(server.process.stdout.readline())
        self.assertEqual(len({len(row) for row in picture}), 1)
        return line.rsplit("=", 1)[1].strip()

    def pair(self, server, code):
        return self.secure(server, "POST", "/v1/pair", json.dumps({"code": code}))

    def test_certificate_of_its_own(self):
        server = self.start()
        until(lambda: self.secure(server, "GET", "/health/ready").status == 200, "ready")
        self.assertEqual(self.secure(server, "GET", "/health/live").status, 200)
        # By name, too, wherever that leads.
        context = ssl.create_default_context(cafile=self.folder + "/tls.crt")
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            context.wrap_socket(raw, server_hostname="localhost").close()
        self.assertEqual(stat.S_IMODE(os.stat(self.folder + "/tls.key").st_mode), 0o600)
        with self.assertRaises((http.client.BadStatusLine, ConnectionError)):
            server.get("/health/live")
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(self.folder + "/tls.crt")
            context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, version
            context.set_ciphers("ALL:@SECLEVEL=0")
            with self.assertRaises((ssl.SSLError, ConnectionError)), socket.create_connection(
                    ("127.0.0.1", server.port)) as raw:
                context.wrap_socket(raw, server_hostname="localhost")
        before = pathlib.Path(self.folder, "tls.crt").read_bytes()
        self.assertEqual(server.stop(), 0)
        server = self.start()
        self.assertEqual(pathlib.Path(self.folder, "tls.crt").read_bytes(), before, "the certificate is kept")
        server.stop()
        pathlib.Path(self.folder, "tls.crt").write_bytes(b"nonsense")
        server = self.start()
        self.assertEqual(self.secure(server, "GET", "/health/live").status, 200)

    def test_a_code_is_a_key_once(self):
        server = self.start()
        until(lambda: self.secure(server, "GET", "/health/ready").status == 200, "ready")
        code = self.code(server)
        for wrong in ("", "0" * 32, code[:-1], code + "0"):
            answer = self.pair(server, wrong)
            self.assertEqual((answer.status, answer.code()), (403, "forbidden"))
        self.assertEqual(self.secure(server, "POST", "/v1/pair", b'{"code": 1}').code(), "body")
        self.assertEqual(self.secure(server, "POST", "/v1/pair", bytes(100000)).code(), "too_large")
        self.assertEqual(self.secure(server, "POST", "/v1/read", PICTURE).code(), "unauthorized")
        key = self.pair(server, code).json()["key"]
        self.assertEqual(self.pair(server, code).code(), "forbidden")
        bearer = {"Authorization": "Bearer " + key}
        answer = until(lambda: (one := self.secure(server, "POST", "/v1/read", PICTURE, **bearer)).status == 200 and one,
                       "the key")
        self.assertEqual(answer.json()["readings"][0]["text"], TEXT)
        self.assertEqual(self.secure(server, "GET", "/v1/config", **bearer).code(), "forbidden")
        second = self.code(server)
        self.assertNotEqual(second, code)
        self.assertEqual(self.pair(server, second).status, 200)

    def test_no_codes_without_tls(self):
        server = Server()
        self.addCleanup(server.stop)
        answer = server.request("POST", "/v1/pair", b'{"code": "x"}')
        self.assertEqual((answer.status, answer.code()), (404, "not_found"))

    def test_large_bodies_and_clients_that_leave(self):
        server = self.start("body_mb=1", "key_on_loopback=false")
        until(lambda: self.secure(server, "GET", "/health/ready").status == 200, "ready")
        self.assertEqual(self.secure(server, "POST", "/v1/read", bytes(900000)).code(), "unknown_type")
        pid = server.signal_worker(signal.SIGSTOP)
        context = ssl.create_default_context(cafile=self.folder + "/tls.crt")
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=PATIENCE, context=context)
        connection.request("POST", "/v1/read", PICTURE)
        time.sleep(0.3)
        connection.close()
        until(lambda: "client_left" in server.log() or "cancelled" in server.log(), "the end of its request")
        with contextlib.suppress(ProcessLookupError): # one that does not give up is replaced
            os.kill(pid, signal.SIGCONT)

    def test_files(self):
        other = tempfile.mkdtemp(prefix="serialeye-serve-")
        self.addCleanup(shutil.rmtree, other, ignore_errors=True)
        server = self.start()
        server.stop()
        shutil.copy(self.folder + "/tls.key", other + "/first.key")
        for name in ("tls.key", "tls.crt"):
            os.remove(os.path.join(self.folder, name))
        self.start().stop()
        pair = (f"tls_cert={self.folder}/tls.crt", f"tls_key={self.folder}/tls.key")
        server = Server("tls=files", *pair, ready=False)
        self.addCleanup(server.stop)
        self.assertEqual(self.secure(server, "GET", "/health/live").status, 200)
        self.assertIn("certificate and key", self.refused("tls=files", pair[0], f"tls_key={other}/first.key"))
        self.assertIn("/nowhere", self.refused("tls=files", pair[0], "tls_key=/nowhere"))
        self.assertIn("needs tls_cert", self.refused("tls=files"))
        self.assertIn("for tls = files", self.refused(*pair))


class Reload(WithFolder):
    def start(self, text, workers=1, ready=True):
        self.file = os.path.join(self.folder, "serialeye.ini")
        pathlib.Path(self.file).write_text(text, encoding="utf-8")
        server = Server(folder=self.folder, workers=workers, config=self.file, ready=ready)
        self.addCleanup(server.stop)
        return server

    def reload(self, server, text, words):
        """Waits until the log says `words` once more."""
        before = server.log().count(words)
        pathlib.Path(self.file).write_text(text, encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log().count(words) > before, words)

    def test_settings_of_reading(self):
        shape = re.sub("[0-9]", "[0-9]", re.sub("[A-Z]", "[A-Z]", TEXT))
        server = self.start("", workers=2)
        before = set(server.workers())
        self.assertNotIn("matches_pattern", server.read().json()["readings"][0])
        self.reload(server, f"pattern = {shape}\n", "all workers have the new settings")
        self.assertTrue(server.read().json()["readings"][0]["matches_pattern"])
        self.assertFalse(before & set(server.workers()))
        self.assertEqual(server.get("/v1/config").json()["pattern"]["value"], shape)

    def make_pairs(self, count):
        """Certificates and keys that a service made for itself: paths without .crt and .key."""
        pairs = []
        for i in range(count):
            folder = os.path.join(self.folder, f"pair-{i}")
            os.mkdir(folder)
            Server("tls=auto", folder=folder, ready=False).stop()
            pairs.append(os.path.join(folder, "tls"))
        return pairs

    def use(self, pair, parts=("crt", "key")):
        for part in parts:
            shutil.copy(f"{pair}.{part}", f"{self.folder}/now.{part}")

    def connection(self, server, pair):
        """A connection to a service that shows this very certificate."""
        context = ssl.create_default_context(cafile=pair + ".crt")
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=PATIENCE, context=context)
        self.addCleanup(connection.close)
        connection.connect()
        shown = ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(binary_form=True))
        self.assertEqual(shown, pathlib.Path(pair + ".crt").read_text(encoding="ascii"))
        return connection

    def alive(self, connection):
        connection.request("GET", "/health/live")
        self.assertEqual(Answer(connection.getresponse()).status, 200)

    def test_certificate(self):
        first, second, third = self.make_pairs(3)
        self.use(first)
        text = f"tls = files\ntls_cert = {self.folder}/now.crt\ntls_key = {self.folder}/now.key\n"
        server = self.start(text, ready=False)
        old = self.connection(server, first)
        self.alive(old)
        self.use(second)
        self.connection(server, first).close()  # until it is told
        self.reload(server, text, "the certificate was read again")
        new = self.connection(server, second)
        for connection in (old, new):  # one that was there before goes on
            self.alive(connection)
        with self.assertRaises(ssl.SSLError):
            self.connection(server, first)
        # Half of a pair, and nonsense, change nothing.
        self.use(third, parts=("crt",))
        self.reload(server, text, '"level":"error","event":"tls"')
        self.alive(self.connection(server, second))
        pathlib.Path(self.folder, "now.crt").write_text("nonsense", encoding="ascii")
        self.reload(server, text, '"level":"error","event":"tls"')
        self.alive(self.connection(server, second))
        # Other files.
        self.reload(server, f"tls = files\ntls_cert = {third}.crt\ntls_key = {third}.key\n",
                    "the certificate was read again")
        self.alive(self.connection(server, third))
        self.reload(server, "tls = off\n", "until the next start")
        self.alive(self.connection(server, third))

    def test_certificate_of_its_own(self):
        server = Server("tls=auto", folder=self.folder, ready=False)
        self.addCleanup(server.stop)
        pair = self.folder + "/tls"
        before = pathlib.Path(pair + ".crt").read_bytes()
        self.alive(self.connection(server, pair))
        for removed in (False, True):
            if removed:
                os.remove(pair + ".crt")
            count = server.log().count("the certificate was read again")
            server.process.send_signal(signal.SIGHUP)
            until(lambda count=count: server.log().count("the certificate was read again") > count, "the certificate")
            self.assertEqual(pathlib.Path(pair + ".crt").read_bytes() == before, not removed)
            self.alive(self.connection(server, pair))

    def test_settings_of_the_service(self):
        server = self.start("")
        self.assertEqual(server.read(bytes(2 << 20)).code(), "unknown_type")
        self.reload(server, "body_mb = 1\nkeep_pictures = true\n", "all workers have the new settings")
        self.assertEqual(server.read(bytes(2 << 20)).code(), "too_large")
        self.assertTrue(server.get("/health").json()["keeps_pictures"])
        self.reload(server, "body_mb = 2\nconnections = 100\n", "until the next start")

    def batches_of_four(self, server):
        """How many batches one picture makes, and three that come while it is read: of one at most, of three, all."""
        before = batches(server)
        pid = server.signal_worker(signal.SIGSTOP)
        connections = []
        for i in range(4):
            connections.append(server.send(b"text %d" % i))
            until(lambda: sum((health := server.get("/health").json())[name] for name in
                              ("pictures_running", "pictures_waiting")) == len(connections)
                  and health["pictures_running"] == 1, "the pictures sent")
        os.kill(pid, signal.SIGCONT)
        for connection in connections:
            self.assertEqual(Answer(connection.getresponse()).code(), "unknown_type")
            connection.close()
        after = batches(server)
        return [after[most] - before[most] for most in ("1", "3", "+Inf")]

    def test_pictures_at_once(self):
        server = self.start("")
        self.assertEqual(self.batches_of_four(server), [4, 4, 4])
        self.reload(server, "batch_pictures = 3\n", "all workers have the new settings")
        self.assertEqual(self.batches_of_four(server), [1, 2, 2])
        self.reload(server, "batch_pictures = 2\n", "all workers have the new settings")
        self.assertEqual(self.batches_of_four(server), [2, 3, 3])
        self.reload(server, "", "all workers have the new settings")
        self.assertEqual(self.batches_of_four(server), [4, 4, 4])
        self.assertEqual(server.read().json()["readings"][0]["text"], TEXT)

    def test_no_request_is_lost(self):
        server = self.start("", workers=2)
        for limit in range(5, 9):
            self.reload(server, f"batch_size = {limit}\n", "the settings were read again")
            self.assertEqual(server.read().json()["readings"][0]["text"], TEXT)

    def test_what_is_not_understood_changes_nothing(self):
        server = self.start("body_mb = 3\n")
        pid = server.worker()
        self.reload(server, "body_mb = much\n", '"level":"error","event":"reload"')
        self.assertEqual(server.worker(), pid)
        self.assertEqual(server.get("/v1/config").json()["body_mb"]["value"], "3")

    def test_settings_that_no_worker_starts_with(self):
        server = self.start("", workers=2)
        self.reload(server, "detector = /nowhere\n", "those before stay")
        self.assertEqual(server.read().json()["readings"][0]["text"], TEXT)
        until(lambda: server.get("/health").json()["workers_ready"] == 2, "two workers")


class Sandbox(WithFolder):
    def seccomp(self, server):
        pid = server.worker()
        return {line.split()[1] for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                for line in (task / "status").read_text(encoding="ascii").splitlines() if line.startswith("Seccomp:")}

    def test_workers_are_locked_in(self):
        server = Server(folder=self.folder)
        self.addCleanup(server.stop)
        self.assertEqual(self.seccomp(server), {"2"})
        self.assertEqual(server.read().json()["readings"][0]["text"], TEXT)

    def test_without(self):
        with open("/proc/self/status", encoding="ascii") as status:
            if "Seccomp:\t0" not in status.read():
                self.skipTest("this test runs in a sandbox itself")
        server = Server("sandbox=false", folder=self.folder)
        self.addCleanup(server.stop)
        self.assertEqual(self.seccomp(server), {"0"})


class Heif(WithFolder):
    """Pictures of telephones, decoded by a library that is loaded when the process starts, in the sandbox."""

    @staticmethod
    def pictures():
        folder = pathlib.Path(__file__).parent / "data"
        return [(name, (folder / name).read_bytes()) for name in ("small.heic", "small.avif")]

    def expect_sandbox(self, server):
        status = pathlib.Path(f"/proc/{server.worker()}/status").read_text(encoding="ascii")
        self.assertIn("Seccomp:\t2", status)

    def test_read_in_the_sandbox(self):
        run = subprocess.run([PROGRAM, "doctor"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        if "need libheif" in run.stdout:
            self.skipTest("libheif is not installed")
        server = Server(folder=self.folder)
        self.addCleanup(server.stop)
        self.expect_sandbox(server)
        pid = server.worker()
        for name, data in self.pictures():
            answer = server.read(data)
            self.assertEqual(answer.status, 200, (name, answer.body))
            self.assertEqual(answer.json()["readings"][0]["text"], TEXT, name)
            answer = server.read(data[:len(data) // 2])
            self.assertIn(answer.code(), ("truncated", "corrupt"), name)
        self.assertEqual(server.worker(), pid)

    def test_without_the_library(self):
        nowhere = pathlib.Path(self.folder, "nowhere")
        nowhere.mkdir()
        (nowhere / "libheif.so.1").write_bytes(b"no library")
        server = Server(folder=self.folder, environment={"LD_LIBRARY_PATH": str(nowhere)})
        self.addCleanup(server.stop)
        self.expect_sandbox(server)
        for name, data in self.pictures():
            answer = server.read(data)
            self.assertEqual((answer.status, answer.code()), (415, "unsupported"), name)
            self.assertIn("libheif1", answer.json()["detail"])
        self.assertEqual(server.read().json()["readings"][0]["text"], TEXT)


class Known(WithFolder):
    def test_lists_by_name(self):
        lists = pathlib.Path(self.folder, "lists")
        lists.mkdir()
        (lists / "has").write_text(TEXT + "\n", encoding="utf-8")
        (lists / "near").write_text(TEXT[:-1] + ("X" if TEXT[-1] != "X" else "K") + "\n", encoding="utf-8")
        pathlib.Path(self.folder, "outside").write_text(TEXT + "\n", encoding="utf-8")
        server = Server(f"known_lists={lists}", folder=self.folder)
        self.addCleanup(server.stop)
        self.assertEqual(server.read(query="?known=has").json()["readings"][0]["known"], "exact")
        self.assertIn(server.read(query="?known=near").json()["readings"][0]["known"], ("new", "nearest"))
        self.assertNotIn("known", server.read().json()["readings"][0])
        job = server.request("POST", "/v1/jobs?known=has", PICTURE).json()["id"]
        done = until(lambda: (one := server.get("/v1/jobs/" + job).json())["state"] == "done" and one, "the job")
        self.assertEqual(done["results"][0]["readings"][0]["known"], "exact")
        answer = server.read(query="?known=other")
        self.assertEqual((answer.status, answer.code()), (400, "setting"))
        for name in ("", "..%2Foutside", "..", ".hidden", "a" * 65, "%2Fetc%2Fpasswd"):
            answer = server.read(query="?known=" + name)
            self.assertEqual((answer.status, answer.code()), (400, "parameter"), name)

    def test_without_lists(self):
        server = Server(folder=self.folder)
        self.addCleanup(server.stop)
        answer = server.read(query="?known=has")
        self.assertEqual((answer.status, answer.code()), (400, "setting"))
        self.assertIn("known_lists", answer.json()["detail"])


if __name__ == "__main__":
    main()
