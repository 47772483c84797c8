"""Checks what ships the program: packages, image, unit, manifests.

usage: deploy.py ROOT VERSION

They name each other's files, routes and ports; this holds them together.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import sources


def setup_packages(root):
    """The packages of tools/setup that the program is built with."""
    text = pathlib.Path(root, "tools/setup").read_text(encoding="utf-8")
    return re.sub(r"#.*", "", re.search(r"^packages=\((.*?)\)", text, re.S | re.M).group(1)).split()


def package_faults(root, version):
    control = pathlib.Path(root, "debian/control").read_text(encoding="utf-8")
    wanted = {name for name in setup_packages(root) if name.endswith("-dev")}
    built_with = set(re.findall(r"[\w.+-]+-dev\b", control.split("\n\n")[0]))
    for name in sorted(wanted ^ built_with):
        yield f"{name}: in one of tools/setup and debian/control"
    changelog = pathlib.Path(root, "debian/changelog").read_text(encoding="utf-8")
    if not changelog.startswith(f"serialeye ({version})"):
        yield f"debian/changelog does not begin with version {version}"


def image_faults(root):
    rules = pathlib.Path(root, "debian/rules").read_text(encoding="utf-8")
    image = pathlib.Path(root, "Dockerfile").read_text(encoding="utf-8")
    for path in re.findall(r'"(/(?:usr|etc)/[^"]+)"', image):
        if f"debian/serialeye{path}" not in rules:
            yield f"Dockerfile: {path} is not installed by debian/rules"


def unit_faults(root):
    """What systemd thinks of the unit; its program is one that exists here."""
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not installed: the unit was not verified")
        return
    unit = pathlib.Path(root, "debian/serialeye.service").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "serialeye.service")
        path.write_text(unit.replace("/usr/bin/serialeye", sys.executable), encoding="utf-8")
        run = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                              str(path)], capture_output=True, text=True)
        yield from (line for line in run.stderr.splitlines() if "serialeye" in line)


def manifest_faults(root):
    try:
        import yaml
    except ImportError:
        print("python3-yaml is not installed: the manifests were not parsed")
        return
    routes = json.loads(pathlib.Path(root, "src/serve/openapi.json").read_text(encoding="utf-8"))["paths"]
    files = [*pathlib.Path(root, "deploy").rglob("*.yaml"), *pathlib.Path(root).glob("docker-compose*.yml")]
    if len(files) < 5:
        yield f"only {len(files)} manifests were found"
    for path in files:
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            for route in probed_routes(document):
                if route not in routes:
                    yield f"{path}: {route} is no route of the service"


def probed_routes(node):
    if isinstance(node, dict):
        if "httpGet" in node:
            yield node["httpGet"]["path"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from probed_routes(part)


def main():
    root, version = sys.argv[1:]
    sources.finish([*package_faults(root, version), *image_faults(root), *unit_faults(root),
                    *manifest_faults(root)])


main()
