"""Checks that the manual page formats without warnings and names this version.

usage: man.py ROOT VERSION
"""
import os
import pathlib
import shutil
import subprocess
import sys

import sources


def main():
    root, version = sys.argv[1:]
    page = pathlib.Path(root, "docs/serialeye.1")
    if not shutil.which("man"):
        sources.skip("man is not installed")
    environment = {**os.environ, "MANROFFSEQ": "", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    run = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    faults = run.stderr.splitlines() + ([f"man: exit status {run.returncode}"] if run.returncode else [])
    if f'"serialeye {version}"' not in page.read_text(encoding="utf-8"):
        faults.append(f"{page}: the first line does not say \"serialeye {version}\"")
    sources.finish(faults)


main()
