"""The README's first command prints what the README says.

    readme_test.py SERIALEYE README.md

Exit status 77 (skipped) without models.
"""
import json
import pathlib
import re
import subprocess
import sys

PROGRAM, README = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])


def run(*args):
    """Standard output; an exit status other than 0 fails the test."""
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, check=True,
                          cwd=README.parent).stdout


listed = json.loads(run("models", "list", "--json"))
for model in listed["models"]:
    if model["state"] == "missing":
        print(f"SKIP: {model['message']}")
        sys.exit(77)
text = README.read_text(encoding="utf-8")
command = re.search(r"^    tools/setup && build/serialeye (.*)$", text, re.MULTILINE)
promised = re.search(r"^The first prints\n\n((?:    .*\n)+)", text, re.MULTILINE)
assert command and promised, "README.md does not say what its first command prints"
printed = run(*command[1].split())
expected = re.sub("^    ", "", promised[1], flags=re.MULTILINE)
assert printed == expected, f"README.md promises {expected!r}, printed was {printed!r}"
