"""Checks that files stay under 800 lines and functions under 80.  usage: sizes.py ROOT

Tables that a program writes, and says so in their first words, may be as long as they are.
"""
import pathlib
import sys

import sources

MAX_FILE, MAX_FUNCTION = 800, 80
WRITTEN = " * Written by tools/"


def long_functions(lines):
    """(line, length) of functions that are too long: bodies are braces in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            if number - start + 1 >= MAX_FUNCTION:
                yield start, number - start + 1
            start = None


def main():
    root = pathlib.Path(sys.argv[1])
    faults = []
    for path in sources.files(root):
        name = path.relative_to(root)
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) >= MAX_FILE and not lines[1].startswith(WRITTEN):
            faults.append(f"{name}: {len(lines)} lines, less than {MAX_FILE} wanted")
        for start, length in long_functions(lines):
            faults.append(f"{name}:{start}: function of {length} lines, less than {MAX_FUNCTION} wanted")
    sources.finish(faults)


main()
