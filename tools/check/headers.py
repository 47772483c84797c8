"""Checks that each header compiles alone, as C and, where C++ uses it, as C++.

usage: headers.py ROOT

A header is for C++ when it is public or when a C++ file includes it, directly or not.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import sources

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# Bodies of the kernels: tier_*.c defines the macros that they need and is what compiles them.
PARTS = re.compile(r"src/nn/cpu/(vec|kernel_\w+)\.h")
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
DEFINES = ["-D_POSIX_C_SOURCE=200809L"]


def included(path, folders):
    """Headers of the project that `path` includes."""
    for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
        for folder in (path.parent, *folders):
            if (folder / name).is_file():
                yield (folder / name).resolve()
                break


def used_by_cpp(files, folders):
    seen, todo = set(), [path for path in files if path.suffix in (".cc", ".cpp")]
    while todo:
        for header in included(todo.pop(), folders):
            if header not in seen:
                seen.add(header)
                todo.append(header)
    return seen


def compile_alone(command, path, folders):
    flags = [f"-I{folder}" for folder in folders]
    # The header is included, not compiled, so that #pragma once and the like are no matter.
    run = subprocess.run([*command, *WARNINGS, *DEFINES, *flags, f"-I{path.parent}", "-fsyntax-only", "-"],
                         input=f'#include "{path}"\ntypedef int not_empty;\n', capture_output=True, text=True)
    return run.stderr.strip() if run.returncode else ""


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    folders = [root / "include", root / "src", root / "tests/support"]
    cc = shlex.split(os.environ.get("CC", "cc"))
    cxx = shlex.split(os.environ.get("CXX", "c++"))
    files = sources.files(root)
    cpp = used_by_cpp(files, folders)
    jobs = []
    for path in files:
        if path.suffix != ".h" or PARTS.fullmatch(str(path.relative_to(root))):
            continue
        public = path.parent == root / "include"
        jobs += [([*cc, f"-std={standard}", "-xc"], path) for standard in (["c99", "c11"] if public else ["c11"])]
        if public or path.resolve() in cpp:
            jobs.append(([*cxx, "-std=c++11" if public else "-std=c++17", "-xc++"], path))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: compile_alone(*job, folders), jobs)
    sources.finish([f"{path.relative_to(root)} ({' '.join(command)}):\n{text}"
                    for (command, path), text in zip(jobs, results) if text])


main()
