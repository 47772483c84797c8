"""Checks that the shared library exports the public header's functions, all of them and no others.

usage: exports.py LIBRARY ROOT
"""
import pathlib
import re
import subprocess
import sys

import sources

DECLARATION = re.compile(r"^SE_API[^;(]*?\b(se_\w+)\(", re.MULTILINE)


def main():
    library, root = sys.argv[1:]
    declared = set(DECLARATION.findall(pathlib.Path(root, "include/serialeye.h").read_text(encoding="utf-8")))
    names = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True)
    exported = {line.split()[-1].split("@")[0] for line in names.stdout.splitlines()}
    faults = [f"{library} exports {name}, which include/serialeye.h does not declare"
              for name in sorted(exported - declared)]
    faults += [f"include/serialeye.h declares {name}, which {library} does not export"
               for name in sorted(declared - exported)]
    print(f"{len(exported)} exported")
    sources.finish(faults)


main()
