"""Writes the recognizer's shortlist: which columns of its head are likely besides the chosen ones.

    python3 tools/calibrate/shortlist.py --program build/bench/int8_ranges --detector MODEL.onnx \\
        --recognizer MODEL.onnx --work build/int8 --table src/ocr/shortlist_table.c

Needs python3-numpy and python3-onnx. The pictures are those that int8.py has rendered into --work.
Of every step of their lines where the printable characters of ASCII and the blank come to RECOGNIZED at
least, each other column counts with its probability against them; the --count columns that count most
are listed. --enough is the logarithm of the summed exp(logit) from which on chosen and listed columns
suffice; what that costs on these pictures is printed.
"""
import argparse
import hashlib
import pathlib
import subprocess
import textwrap

import numpy
import onnx
import onnx.numpy_helper

RECOGNIZED = 13
ROWS = 5000  # at a time

TABLE = """\
/*
 * Written by tools/calibrate/shortlist.py from {rows} steps of lines in rendered pictures.
 */
#include "ocr/shortlist.h"

/* clang-format off */
static const int32_t columns[] = {{
{columns}}};
/* clang-format on */

const struct shortlist_table shortlist_table = {{
    .sha256 = "{sha256}",
    .list = {{columns, sizeof(columns) / sizeof(columns[0]), {enough}}},
}};
"""


def head_of(path):
    """Weights [classes, inputs] and bias [classes] of the last layer, and its printable classes of ASCII
    with the blank."""
    model = onnx.load(path)
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor)
                 for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    words = {entry.key: entry.value for entry in model.metadata_props}["character"].split("\n")
    classes = len(words) + 2
    weights = [c for c in constants.values() if c.ndim == 2 and c.shape[1] == classes]
    biases = [c for c in constants.values() if c.shape == (classes,)]
    if len(weights) != 1 or len(biases) != 1:
        raise SystemExit(f"{path}: has {len(weights)} last layers and {len(biases)} biases of {classes}")
    printable = [0, classes - 1] + [1 + i for i, word in enumerate(words)
                                    if len(word) == 1 and "!" <= word <= "~"]
    return weights[0].T.copy(), biases[0], numpy.array(printable)


def rows_of(options):
    """What the last layer meets: [steps, inputs]."""
    names = (options.work / "truth.tsv").read_text(encoding="utf-8").splitlines()[1:]
    pictures = "".join(f"{options.work / name.split(chr(9))[0]}\n" for name in names)
    path = options.work / "head.bin"
    command = [options.program, "--head", path, options.detector, options.recognizer,
               *options.sides.split(",")]
    subprocess.run(command, check=True, input=pictures, text=True, stdout=subprocess.DEVNULL)
    return numpy.fromfile(path, numpy.float32)


def log_sum(logits):
    """Logarithm of the summed exp of each row."""
    largest = logits.max(1)
    return numpy.log(numpy.exp(logits - largest[:, None]).sum(1)) + largest


def count_columns(x, weights, bias, chosen):
    """How much each column counts; the chosen ones not at all."""
    counts = numpy.zeros(len(weights))
    for first in range(0, len(x), ROWS):
        logits = x[first:first + ROWS] @ weights.T + bias
        known = log_sum(logits[:, chosen])
        rows = known >= RECOGNIZED
        counts += numpy.minimum(numpy.exp(logits[rows] - known[rows][:, None]), 1).sum(0)
    counts[chosen] = -1
    return counts


def report(x, weights, bias, kept, enough):
    """Prints what is left out where the kept columns come to `enough`."""
    others = numpy.ones(len(weights), bool)
    others[kept] = False
    errors, skipped, missed = [], 0, 0
    for first in range(0, len(x), ROWS):
        logits = x[first:first + ROWS] @ weights.T + bias
        known = log_sum(logits[:, kept])
        rows = known >= enough
        skipped += rows.sum()
        rest = logits[rows][:, others]
        missed += (rest.max(1) > logits[rows][:, kept].max(1)).sum()
        errors.append(numpy.logaddexp(log_sum(rest), known[rows]) - known[rows])
    errors = numpy.concatenate(errors)
    print(f"{len(x)} steps, others left out in {skipped / len(x):.1%}: log-probabilities too large by "
          f"{errors.mean():.1e} in the mean, {numpy.quantile(errors, 0.999):.1e} in one of 1,000, "
          f"{errors.max():.1e} at most; {missed} best columns missed")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="build/bench/int8_ranges")
    parser.add_argument("--detector", required=True, help="ONNX file")
    parser.add_argument("--recognizer", required=True, help="ONNX file")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder of the pictures")
    parser.add_argument("--table", type=pathlib.Path, required=True, help="C file to be written")
    parser.add_argument("--count", type=int, default=1000, help="columns to be listed")
    parser.add_argument("--enough", type=float, default=17.0)
    parser.add_argument("--sides", default="640,1280", help="longer sides, separated by commas")
    options = parser.parse_args()
    weights, bias, chosen = head_of(options.recognizer)
    x = rows_of(options).reshape(-1, weights.shape[1])
    counts = count_columns(x, weights, bias, chosen)
    listed = numpy.sort(numpy.argsort(-counts, kind="stable")[:options.count])
    report(x, weights, bias, numpy.concatenate([chosen, listed]), options.enough)
    columns = textwrap.fill(", ".join(str(column) for column in listed), 100, initial_indent="    ",
                            subsequent_indent="    ")
    sha256 = hashlib.sha256(pathlib.Path(options.recognizer).read_bytes()).hexdigest()
    options.table.write_text(TABLE.format(rows=len(x), columns=columns, sha256=sha256,
                                          enough=f"{options.enough:.1f}F"), encoding="utf-8")


main()
