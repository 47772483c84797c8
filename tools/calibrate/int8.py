"""Writes the table of 8-bit ranges of both networks, from pictures that are rendered for it.

    python3 tools/calibrate/int8.py --program build/bench/int8_ranges --detector MODEL.onnx \\
        --recognizer MODEL.onnx --work build/int8 --table src/ocr/int8_table.c

The pictures (--count, --seed) are looked at in float32 with the longer sides of --sides, and the lines
found are read. The range of a channel goes from the least to the largest number seen, in a stem to
STEM_SHARE of that. Pictures that lie in --work from before are used again.
"""
import argparse
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import textwrap

UNIT = 200  # NN_RANGE_UNIT of src/nn/nn.h
STEM = ("Conv.1", "Conv.2", "Conv.3")  # of both networks, as cpu_int8_stem.c has them
WINDOWS = ("Conv.0", *STEM, "Conv.82")
# What a stem holds of the largest numbers seen, those of hard black on white: so faint text has more
# levels (docs/decisions/0027-int8-stem.md).
STEM_SHARE = 0.7
ROOT = pathlib.Path(__file__).resolve().parents[2]

HEAD = """\
/*
 * Written by tools/calibrate/int8.py: {count} rendered pictures, seed {seed}, longer side {sides}.
 * Of every channel the least, the largest (in a stem, a part of it) and the mean number.
 */
#include "ocr/int8_table.h"

#include <string.h>

/* clang-format off */
"""

TAIL = """\
/* clang-format on */

static const struct int8_model models[] = {{
    {{"{detector}", detector_ranges,
     sizeof(detector_ranges) / sizeof(detector_ranges[0])}},
    {{"{recognizer}", recognizer_ranges,
     sizeof(recognizer_ranges) / sizeof(recognizer_ranges[0])}},
}};

const struct int8_model *int8_model_find(const char *sha256)
{{
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
        if (strcmp(models[i].sha256, sha256) == 0)
            return &models[i];
    return NULL;
}}
"""


def render(options):
    """Paths of the pictures, rendered if they are not there."""
    truth = options.work / "truth.tsv"
    if not truth.is_file():
        command = [sys.executable, ROOT / "tools/render/render.py", "--seed", str(options.seed),
                   "--count", str(options.count), "--jobs", str(os.cpu_count()), "--out",
                   options.work]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = truth.read_text(encoding="utf-8").splitlines()[1:]
    return [str(options.work / row.split("\t")[0]) for row in rows]


def observe(options, pictures):
    """Rows of int8_ranges: {network: {node: {"x": [(low, high, mean), …], "hidden": …}}} in the
    networks' order."""
    command = [options.program, options.detector, options.recognizer, *options.sides.split(",")]
    found = subprocess.run(command, check=True, input="\n".join(pictures) + "\n", text=True,
                           stdout=subprocess.PIPE).stdout
    networks = {"detector": {}, "recognizer": {}}
    for row in found.splitlines():
        network, node, what, *ranges = row.split(" ")
        channels = [tuple(float(number) for number in channel.split(":")) for channel in ranges]
        print(f"{network} {node:24} {what:6} {len(channels):4} channels, "
              f"{min(low for low, _, _ in channels):8.3f} … "
              f"{max(high for _, high, _ in channels):8.3f}")
        networks[network].setdefault(node, {})[what] = channels
    return networks


def is_gate(ranges):
    """Two layers with a ReLU between: they see one pixel a picture, 8 bits would gain nothing."""
    return "hidden" in ranges and min(low for low, _, _ in ranges["hidden"]) >= 0


def is_wanted(network, node, nodes):
    """All linear layers of the detector; of the recognizer the blocks of two convolutions and the last
    layer: the rest would gain little, and attention is what 8 bits disturb. Of convolutions over
    windows those of the stem, but for the first, which sees the picture itself."""
    if node in WINDOWS:
        return node in STEM
    block = "hidden" in nodes[node] and node.startswith("Conv")
    return not is_gate(nodes[node]) and (network == "detector" or block or node == list(nodes)[-1])


def cut(node, ranges):
    """The ranges as they go into the table."""
    share = STEM_SHARE if node in STEM else 1
    return {what: [(low, high * share, mean) for low, high, mean in channels]
            for what, channels in ranges.items()}


def array(name, channels):
    """C text of an array of numbers in UNITs, none of the ranges empty."""
    numbers = []
    for low, high, mean in channels:
        first = round(low * UNIT)
        last = max(round(high * UNIT), first + 1, 1)
        numbers += [first, last, min(max(round(mean * UNIT), first), last)]
    lines = textwrap.wrap(", ".join(f"{number}" for number in numbers), 112)
    lines = [line.replace(" ", "") for line in lines]
    return f"static const int16_t {name}[] = {{\n    " + "\n    ".join(lines) + "};\n"


def table(network, nodes):
    """C text of the arrays of a network and of the list of its nodes."""
    arrays, rows = [], []
    for node, ranges in nodes.items():
        name = network + "_" + re.sub(r"\W", "_", node).lower()
        row = [f'"{node}"']
        for what in ("x", "hidden"):
            if what in ranges:
                arrays.append(array(f"{name}_{what}", ranges[what]))
                row += [f"{name}_{what}", f"sizeof({name}_{what})"]
            else:
                row += ["NULL", "0"]
        rows.append(f"    {{{', '.join(row)}}},\n")
    return ("".join(arrays) + f"\nstatic const struct nn_range {network}_ranges[] = {{\n" +
            "".join(rows) + "};\n")


def sha256(path):
    """Of a file, in hexadecimal."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="build/bench/int8_ranges")
    parser.add_argument("--detector", required=True, help="ONNX file")
    parser.add_argument("--recognizer", required=True, help="ONNX file")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder of the pictures")
    parser.add_argument("--table", type=pathlib.Path, required=True, help="C file to be written")
    parser.add_argument("--seed", type=int, default=52001)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--sides", default="640,1280", help="longer sides, separated by commas")
    options = parser.parse_args()
    networks = observe(options, render(options))
    text = HEAD.format(count=options.count, seed=options.seed,
                       sides=options.sides.replace(",", " and "))
    for network, nodes in networks.items():
        text += table(network, {node: cut(node, ranges) for node, ranges in nodes.items()
                                if is_wanted(network, node, nodes)})
    text += TAIL.format(detector=sha256(options.detector), recognizer=sha256(options.recognizer))
    options.table.write_text(text, encoding="utf-8")


main()
