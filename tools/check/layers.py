"""Checks that folders depend one way only, as docs/design.md says.  usage: layers.py ROOT"""
import pathlib
import re
import sys

import sources

# What each folder of src/ may include besides itself and the public header.
ALLOWED = {
    "base": set(),
    "image": {"base"},
    "nn": {"base"},
    "ocr": {"base", "image", "nn"},
    "serial": {"base"},
    "code": {"base", "image"},
    "reader": {"base", "image", "nn", "ocr", "serial", "code"},
    "diag": {"base", "image", "nn", "ocr", "serial", "code", "reader"},
    "serve": {"base"},
    "cli": {"base", "diag", "serve"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def faults_of(path, folder, root):
    """Includes of `path` that its folder may not have."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match or match[1] == "serialeye.h":
            continue
        if (path.parent / match[1]).is_file():
            continue  # beside it
        target = match[1].split("/")[0]
        where = f"{path.relative_to(root)}:{number}"
        if target not in ALLOWED:
            yield f"{where}: {match[1]} is in no folder of src"
        elif target != folder and target not in ALLOWED[folder]:
            yield f"{where}: src/{folder} may not use src/{target}"


def main():
    root = pathlib.Path(sys.argv[1])
    faults = []
    for path in sources.files(root):
        parts = path.relative_to(root).parts
        if parts[0] != "src":
            continue
        if parts[1] not in ALLOWED:
            faults.append(f"{path.relative_to(root)}: tools/check/layers.py does not know src/{parts[1]}")
        else:
            faults.extend(faults_of(path, parts[1], root))
    sources.finish(faults)


main()
