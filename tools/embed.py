"""Writes files as C source, so that they are part of the program.

    embed.py OUTPUT HEADER ARRAY FILE…

ARRAY is defined as `const struct embedded_file ARRAY[]` of HEADER, ended by a row without a name.
Same files, same output.
"""
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".json": "application/json"}
BYTES_A_LINE = 20


def array(name, data):
    lines = [", ".join(str(byte) for byte in data[at:at + BYTES_A_LINE]) + ","
             for at in range(0, len(data), BYTES_A_LINE)]
    return f"static const unsigned char {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def main():
    output, header, name, *paths = sys.argv[1:]
    parts, rows = [f'#include "{header}"\n'], []
    for i, path in enumerate(map(pathlib.Path, paths)):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()[:32]
        parts.append(array(f"file{i}", data))
        rows.append(f'    {{"{path.name}", "{TYPES[path.suffix]}", "\\"{digest}\\"", file{i}, {len(data)}}},')
    parts.append(f"const struct embedded_file {name}[] = {{\n" + "\n".join(rows) + "\n    {0},\n};\n")
    pathlib.Path(output).write_text("\n".join(parts), encoding="utf-8")


main()
