"""Checks that clang-format 14 would change nothing.  usage: format.py ROOT"""
import shutil
import subprocess
import sys

import sources


def main():
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool:
        sources.skip("clang-format is not installed")
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    if " 14." not in version:
        sources.skip(f"{version.strip()} formats differently from 14")
    paths = [str(path) for path in sources.files(sys.argv[1])]
    run = subprocess.run([tool, "--dry-run", "-Werror", *paths], capture_output=True, text=True)
    faults = [line for line in run.stderr.splitlines() if "clang-format-violations" in line]
    if run.returncode and not faults:
        faults = run.stderr.splitlines() or [f"{tool}: exit status {run.returncode}"]
    sources.finish(faults)


main()
