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
    faults = []
    for path in sources.files(sys.argv[1]):
        run = subprocess.run([tool, "--dry-run", "-Werror", str(path)], capture_output=True, text=True)
        if run.returncode:
            line = run.stderr.splitlines()[0] if run.stderr else str(path)
            faults.append(f"{line} (clang-format -i {path})")
    sources.finish(faults)


main()
