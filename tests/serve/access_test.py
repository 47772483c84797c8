"""Who is let in by the service, and with what.

usage: access_test.py PROGRAM PICTURE TEXT
"""
import http.client
import os
import socket
import subprocess
import tempfile
import time
import unittest

from running_service import PATIENCE, PROGRAM, Server, WithServer, main, until


def other_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address


class WithoutKeys(WithServer):
    """Clients on this machine need no key, others are refused."""

    def test_who_may_speak_for_this_machine(self):
        for host in ("localhost:8000", "LOCALHOST", "127.0.0.1", "[::1]:8000", "10.0.0.1:1"):
            self.assertEqual(self.server.get("/health", Host=host).status, 200, host)
        for host in ("evil.example", "localhost.evil.example:8000", "", "[::1.evil.example"):
            answer = self.server.get("/health", Host=host)
            self.expect_problem(answer, 401, "unauthorized")
            self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
        self.expect_problem(self.server.read(b"x", Origin="https://evil.example"), 403, "forbidden")
        self.expect_problem(self.server.read(b"x", Origin="null"), 403, "forbidden")
        own = f"http://127.0.0.1:{self.server.port}"
        self.expect_problem(self.server.read(b"x", Origin=own), 415, "unknown_type")
        self.assertEqual(self.server.get("/", Host="evil.example").status, 200)


class OtherMachines(WithServer):
    settings = ("key_on_loopback=true", "body_mb=1")

    def test_refused_at_the_headers(self):
        for method, path in (("POST", "/v1/read"), ("GET", "/v1/readings"), ("GET", "/config"), ("GET", "/health")):
            self.expect_problem(self.server.request(method, path), 401, "unauthorized")
        self.expect_problem(self.server.read(bytes(900000)), 401, "unauthorized")
        for path in ("/", "/page/page.js", "/health/live", "/health/ready"):
            self.assertEqual(self.server.get(path).status, 200, path)

    def test_another_address(self):
        address = other_address()
        if not address:
            self.skipTest("this machine has no address besides loopback")
        server = Server("host=0.0.0.0")
        try:
            for host, status in (("127.0.0.1", 200), (address, 401)):
                connection = http.client.HTTPConnection(host, server.port, timeout=PATIENCE)
                connection.request("GET", "/health")
                self.assertEqual(connection.getresponse().status, status, host)
                connection.close()
        finally:
            server.stop()


class Keys(WithServer):
    settings = ("key_on_loopback=true",)

    def keys(self, *arguments, status=0):
        run = subprocess.run([PROGRAM, "keys", *arguments, "--set", f"store={self.server.folder}/service.db"],
                             capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(run.returncode, status, run.stderr)
        return run.stdout.strip()

    def add(self, name, *arguments):
        """A key that the service knows."""
        secret = self.keys("add", *arguments, name)
        self.addCleanup(self.keys, "remove", name)
        until(lambda: self.call("GET", "/health", secret).status != 401, "the service to see the key")
        return secret

    def call(self, method, path, secret, body=None, scheme="Bearer"):
        return self.server.request(method, path, body, {"Authorization": f"{scheme} {secret}"})

    def test_scopes(self):
        routes = (("GET", "/health", None, 1), ("POST", "/v1/read", b"text", 1), ("POST", "/v1/jobs", b"text", 2),
                  ("GET", "/v1/readings", None, 2), ("GET", "/export", None, 2), ("GET", "/v1/config", None, 3))
        for level, scope in enumerate(("read", "jobs", "admin"), 1):
            secret = self.add("of-" + scope, "--scope", scope)
            for method, path, body, needed in routes:
                answer = self.call(method, path, secret, body)
                if level < needed:
                    self.expect_problem(answer, 403, "forbidden")
                else:
                    self.assertIn(answer.status, (200, 202, 415), path)

    def test_keys_that_are_not_known(self):
        secret = self.add("mine")
        for wrong in ("", "x", secret[:-1], secret + "0", secret.upper(), secret[3:], "se_" + 64 * "0"):
            self.expect_problem(self.call("GET", "/health", wrong), 401, "unauthorized")
        self.expect_problem(self.call("GET", "/health", secret, scheme="Basic"), 401, "unauthorized")
        self.assertEqual(self.call("GET", "/health", secret, scheme="bearer").status, 200)
        self.assertEqual(self.call("GET", "/health", " " + secret).status, 200)

    def test_a_key_speaks_for_any_page_and_host(self):
        headers = {"Authorization": "Bearer " + self.add("page"), "Host": "serials.example", "Origin": "https://a.example"}
        self.assertEqual(self.server.get("/health", **headers).status, 200)

    def test_removed(self):
        secret = self.keys("add", "gone")
        until(lambda: self.call("GET", "/health", secret).status == 200, "the key")
        self.keys("remove", "gone")
        until(lambda: self.call("GET", "/health", secret).status == 401, "the end of the key")

    def test_rate(self):
        secret = self.add("slow", "--rate", "1")
        limited = self.call("GET", "/health", secret)
        self.expect_problem(limited, 429, "rate")
        self.assertIn(int(limited.headers["Retry-After"]), range(1, 62))
        # A key added later does not fill it up again.
        self.add("another")
        self.assertEqual(self.call("GET", "/health", secret).status, 429)

    def test_readings_say_by_which_key(self):
        secret = self.add("till-3")
        self.assertEqual(self.call("POST", "/v1/read", secret, b"by key").status, 415)
        readings = until(lambda: self.call("GET", "/v1/readings", secret).json()["readings"], "the reading")
        self.assertEqual(readings[0]["client"], "key:till-3")
        self.assertIn('"address":"127.0.0.1","client":"key:till-3"', self.server.log())

    def test_only_the_hash_is_kept(self):
        secret = self.add("hashed")
        path = os.path.join(self.server.folder, "keys")
        with open(path, encoding="ascii") as file:
            self.assertNotIn(secret[3:], file.read())
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertNotIn(secret, self.server.log())

    def test_a_broken_file_changes_nothing(self):
        secret = self.add("kept")
        path = os.path.join(self.server.folder, "keys")
        with open(path, encoding="ascii") as file:
            good = file.read()
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write(good + "nonsense\n")
            until(lambda: self.call("GET", "/health", secret).status == 200 and "is no key" in self.server.log(),
                  "the complaint")
            self.assertEqual(self.call("GET", "/health", secret).status, 200)
        finally:
            with open(path, "w", encoding="ascii") as file:
                file.write(good)
        time.sleep(1.1)  # it is looked at once a second

    def test_a_wrong_key_on_the_own_machine(self):
        server = Server()
        try:
            wrong = {"Authorization": "Bearer x"}
            self.assertEqual(server.get("/health", **wrong).status, 401)
            self.assertEqual(server.get("/health").status, 200)
            self.assertEqual(server.get("/health/live", **wrong).status, 200)
        finally:
            server.stop()


class Start(unittest.TestCase):
    def test_a_broken_file_keeps_it_from_starting(self):
        for text in ("nonsense\n", "a read 0 now " + 63 * "0", "a open 0 now " + 64 * "0", "a read -1 now " + 64 * "0",
                     "a read 0 now " + 64 * "g", 2 * ("a read 0 now " + 64 * "0" + "\n"), "a read 0 now " + 64 * "0" + "\0"):
            with self.subTest(text=text), tempfile.TemporaryDirectory() as folder:
                with open(os.path.join(folder, "keys"), "w", encoding="ascii") as file:
                    file.write(text)
                run = subprocess.run([PROGRAM, "serve", "--port", "0", "--set", f"store={folder}/x.db"],
                                     capture_output=True, text=True, timeout=PATIENCE, check=False)
                self.assertEqual(run.returncode, 2)
                self.assertIn("keys:", run.stderr)


if __name__ == "__main__":
    main()
