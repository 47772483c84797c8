"""The page's files and the description of the routes, as browsers and programs fetch them.

usage: files_test.py PROGRAM PICTURE TEXT
"""
import pathlib
import re

from running_service import WithServer, main

WEB = pathlib.Path(__file__).parents[2] / "web"
TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


class Files(WithServer):
    def files(self):
        """Path and content of each."""
        for path in sorted(WEB.iterdir()):
            if path.suffix[1:] in TYPES:
                yield ("/" if path.name == "index.html" else "/page/" + path.name), path

    def test_files_of_the_page(self):
        for url, path in self.files():
            with self.subTest(url=url):
                answer = self.server.get(url)
                self.assertEqual((answer.status, answer.body), (200, path.read_bytes()))
                self.assertEqual(answer.headers["Content-Type"], TYPES[path.suffix[1:]])
                self.assertEqual(answer.headers["Cache-Control"], "no-cache")
                policy = answer.headers["Content-Security-Policy"]
                self.assertIn("default-src 'none'", policy)
                self.assertNotIn("unsafe", policy)
                self.assertNotIn("http", policy)
        self.expect_problem(self.server.get("/page/nothing.js"), 404, "not_found")
        self.expect_problem(self.server.get("/page/..%2Fserve.js"), 404, "not_found")

    def test_nothing_comes_from_elsewhere(self):
        for url, _ in self.files():
            text = self.server.get(url).body.decode()
            self.assertEqual(re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\s\"'`]*", text), [], url)

    def test_what_has_not_changed_is_not_sent_again(self):
        for url in ("/", "/page/page.js", "/openapi.json"):
            first = self.server.get(url)
            again = self.server.get(url, **{"If-None-Match": first.headers["ETag"]})
            self.assertEqual((again.status, again.body), (304, b""), url)
            other = self.server.get(url, **{"If-None-Match": '"another"'})
            self.assertEqual((other.status, other.body), (200, first.body), url)

    def test_description(self):
        answer = self.server.get("/openapi.json")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        self.assertTrue(answer.json()["openapi"].startswith("3.1."))

    def test_heads(self):
        """Of each route without a part that varies: the headers of GET, no body."""
        routes = [path for path, methods in self.server.get("/openapi.json").json()["paths"].items()
                  if "get" in methods and "{" not in path]
        self.assertGreater(len(routes), 12)
        for path in (*routes, "/", "/page/page.css"):
            with self.subTest(path=path):
                get, head = self.server.get(path), self.server.request("HEAD", path)
                self.assertEqual((head.status, head.body), (200, b""))
                self.assertEqual(head.headers["Content-Type"], get.headers["Content-Type"])

    def test_settings_as_the_command_shows_them(self):
        settings = self.server.get("/v1/config").json()
        self.assertEqual(settings["workers"]["value"], "1")
        for name in ("port", "detect_side", "keep_days", "tls"):
            self.assertEqual(set(settings[name]), {"value", "origin", "description"}, name)
        self.assertEqual(settings["detect_side"]["origin"], "default")


if __name__ == "__main__":
    main()
