"""Installs into an empty folder, compiles and runs the example there, and takes all away again.

usage: install.py ROOT BUILD_FOLDER
"""
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

import sources


def run(command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def main():
    root, build = map(os.path.abspath, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", folder])
        installed = {path.name: path for path in pathlib.Path(folder).rglob("*") if not path.is_dir()}
        wanted = {"serialeye", "serialeye.h", "serialeye.1", "serialeye.pc", "libserialeye.so", "LICENSE"}
        faults = [f"{name} was not installed" for name in sorted(wanted - set(installed))]
        if not faults:
            environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": folder,
                           "PKG_CONFIG_PATH": str(installed["serialeye.pc"].parent),
                           "LD_LIBRARY_PATH": str(installed["libserialeye.so"].parent)}
            flags = run(["pkg-config", "--cflags", "--libs", "serialeye"], env=environment).split()
            example = str(pathlib.Path(folder, "read_one"))
            compiler = shlex.split(os.environ.get("CC", "cc"))
            run([*compiler, f"{root}/examples/read_one.c", *flags, "-o", example])
            said = subprocess.run([example], env=environment, capture_output=True, text=True)
            if said.returncode != 2 or "usage" not in said.stderr:
                faults.append(f"the example ends with {said.returncode}: {said.stderr}")
            os.unlink(example)
        run([sys.executable, f"{root}/tools/uninstall", build], env={**os.environ, "DESTDIR": folder})
        left = [str(path) for path in pathlib.Path(folder).rglob("*") if not path.is_dir()]
        faults += [f"{path} is left over" for path in left]
    sources.finish(faults)


main()
