"""`serialeye watch` from outside: python3 watch_test.py PROGRAM PICTURE TEXT

PICTURE shows the serial number TEXT. Skipped (exit status 77) without the models.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, PICTURE_PATH, TEXT = sys.argv[1:4]
PROGRAM = os.path.abspath(PROGRAM)
PICTURE = pathlib.Path(PICTURE_PATH).read_bytes()
PATIENCE = 300  # seconds after which something will never happen
OLD = time.time() - 100
# The small picture's reading is worth a look only; what is sure is a matter of the risk taken.
SETTINGS = ("--set", "time_limit_ms=0", "--set", "max_error=0.4")


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for: {what}")


class Watch(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.inbox = self.folder / "in"
        self.inbox.mkdir()
        self.addCleanup(shutil.rmtree, self.folder)

    def put(self, name, data=PICTURE):
        """A file that was written long ago."""
        path = self.inbox / name
        path.write_bytes(data)
        os.utime(path, (OLD, OLD))
        return path

    def names(self):
        return sorted(path.name for path in self.inbox.iterdir() if path.name[0] != ".")

    def run_once(self, status, *arguments):
        done = subprocess.run([PROGRAM, "watch", "--once", *SETTINGS, *arguments,
                               self.inbox], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_renames_and_never_writes_over(self):
        self.put("a.JPG")
        self.put("b.jpg")
        self.put("c.jpg")
        self.put("notes.txt", b"no picture")
        self.put(f"{TEXT}.jpg", b"in the way")
        first = self.run_once(1, "--rename")
        self.assertEqual(self.names(), sorted(["notes.txt", f"{TEXT}.JPG", f"{TEXT}.jpg",
                                               f"{TEXT}_2.jpg", f"{TEXT}_3.jpg"]))
        self.assertEqual((self.inbox / f"{TEXT}.jpg").read_bytes(), b"in the way")
        for name in (f"{TEXT}.JPG", f"{TEXT}_2.jpg", f"{TEXT}_3.jpg"):
            self.assertEqual((self.inbox / name).read_bytes(), PICTURE)
        self.assertIn(f"{TEXT}.jpg: ", first.stderr)
        self.assertIn(f"a.JPG -> {TEXT}.JPG", first.stdout)
        again = self.run_once(1, "--rename")
        self.assertEqual(again.stdout, "")
        self.assertIn("0 pictures done", again.stderr)
        # Another picture under a name that is done is not done.
        self.put(f"{TEXT}_2.jpg", PICTURE + b"more")
        self.assertIn("1 pictures done", self.run_once(1, "--rename").stderr)

    def test_a_lost_note_does_no_harm(self):
        self.put("a.jpg")
        self.run_once(0, "--rename")
        journal = self.inbox / ".serialeye-watch"
        journal.write_bytes(journal.read_bytes()[:-3])  # ended while it was written
        self.run_once(0, "--rename")
        self.assertEqual(self.names(), [f"{TEXT}.jpg"])
        self.assertEqual(self.run_once(0, "--rename").stdout, "")

    def test_only_what_is_sure_unless_all(self):
        self.put("a.jpg")
        never = ("--set", "max_error=0")
        done = self.run_once(0, "--rename", *never)
        self.assertEqual(self.names(), ["a.jpg"])
        self.assertIn(f"a.jpg  not renamed: {TEXT}", done.stdout)
        self.assertIn("1 left as they were", done.stderr)
        self.assertEqual(self.run_once(0, "--rename", *never).stdout, "")
        self.run_once(0, "--rename", "--all", *never)
        self.assertEqual(self.names(), [f"{TEXT}.jpg"])

    def start(self, *arguments):
        process = subprocess.Popen([PROGRAM, "watch", *SETTINGS, *arguments,
                                    self.inbox], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.kill)
        return process

    def stop(self, process):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        return out, err

    def test_appends_what_arrives_once(self):
        table = self.folder / "table.jsonl"
        self.put("early.jpg")

        def rows():
            if not table.exists():
                return []
            lines = table.read_text().split("\n")
            return [json.loads(line)["file"] for line in lines[:-1]]

        process = self.start("--append", table)
        until(lambda: rows() == ["early.jpg"], "the picture that was there")
        with open(self.inbox / "slow.jpg", "wb") as slow:
            slow.write(PICTURE[:len(PICTURE) // 2])
            slow.flush()
            moved = self.folder / "moved.jpg"
            moved.write_bytes(PICTURE)
            moved.rename(self.inbox / "moved.jpg")
            until(lambda: "moved.jpg" in rows(), "the picture that was moved in")
            self.assertEqual(rows(), ["early.jpg", "moved.jpg"])
            slow.write(PICTURE[len(PICTURE) // 2:])
        until(lambda: "slow.jpg" in rows(), "the picture that was written slowly")
        (self.inbox / "broken.jpg").write_bytes(b"garbage")
        (self.inbox / "last.jpg").write_bytes(PICTURE)
        until(lambda: "last.jpg" in rows(), "a picture behind a broken one")
        out, err = self.stop(process)
        self.assertEqual(rows(), ["early.jpg", "moved.jpg", "slow.jpg", "last.jpg"])
        self.assertIn(f"early.jpg  {TEXT}", out)
        self.assertIn("broken.jpg: ", err)
        self.assertIn("4 pictures done", err)
        self.assertEqual((self.inbox / "broken.jpg").read_bytes(), b"garbage")
        # Ended in the middle of a line: that picture is read again, the others are not.
        table.write_bytes(table.read_bytes()[:-5])
        self.run_once(1, "--append", table)
        self.assertEqual(rows(), ["early.jpg", "moved.jpg", "slow.jpg", "last.jpg"])

    def test_a_table_of_values(self):
        table = self.folder / "table.csv"
        self.put("a.jpg")
        self.run_once(0, "--append", table)
        self.run_once(0, "--append", table)
        lines = table.read_text().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertEqual(lines[0].split(",")[:2], ["file", "text"])
        self.assertEqual(lines[1].split(",")[:2], ["a.jpg", TEXT])

    def test_a_folder_that_goes_ends_it(self):
        table = self.folder / "table.csv"
        process = self.start("--append", table)
        until(table.exists, "the table")
        self.inbox.rename(self.folder / "gone")
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertIn("the folder is gone", err)

    def test_wrong_use(self):
        for arguments, why in ((["--rename", "--append", "t.csv", "."], "say what to do"),
                               (["."], "say what to do"),
                               (["--rename"], "takes one folder"),
                               (["--append", "t.txt", "."], ".csv or .jsonl"),
                               (["--all", "--append", "t.csv", "."], "--all belongs to --rename"),
                               (["--rename", "/nonexistent"], "No such file"),
                               (["--rename", PICTURE_PATH], "Not a directory")):
            done = subprocess.run([PROGRAM, "watch", *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    listed = subprocess.run([PROGRAM, "models", "verify"], capture_output=True, text=True)
    if listed.returncode != 0:
        print(f"SKIP: {listed.stderr}")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
