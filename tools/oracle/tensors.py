#!/usr/bin/env python3
"""Runs a model in ONNX Runtime and dumps every tensor between its nodes (see FORMAT.md).

    python3 tensors.py MODEL.onnx --list
    python3 tensors.py MODEL.onnx INPUT.npy --out FILE
    python3 tensors.py MODEL.onnx --picture PHOTO.jpg --shape 736x736 --out FILE
    python3 tensors.py MODEL.onnx --random 7 --shape 48x320 --batch 2 --out FILE

INPUT may also be a dump whose first tensor is the input. Graph optimisations are off, so that the
values are those of the nodes as they stand in the file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import dump

# (x / 255 - mean) / deviation, channels blue, green, red
NORMALISATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}
INTEGERS = {onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.UINT8,
            onnx.TensorProto.INT8, onnx.TensorProto.BOOL}


def list_nodes(model: onnx.ModelProto) -> None:
    """Print inputs, nodes in order, and outputs."""
    weights = {w.name for w in model.graph.initializer}
    for value in model.graph.input:
        if value.name not in weights:
            dims = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
            print(f"input   {value.name} {dims}")
    for place, node in enumerate(model.graph.node):
        inputs = ", ".join(f"[{n}]" if n in weights else n for n in node.input)
        print(f"{place:6}  {node.op_type}: {inputs} -> {', '.join(node.output)}")
    for value in model.graph.output:
        print(f"output  {value.name}")


def expose(model: onnx.ModelProto, with_integers: bool) -> list[str]:
    """Make every node's output an output of the graph; gives their names in order of the nodes."""
    inferred = onnx.shape_inference.infer_shapes(model)
    types = {v.name: v.type.tensor_type.elem_type
             for v in (*inferred.graph.value_info, *inferred.graph.output)}
    wanted = FLOATS | INTEGERS if with_integers else FLOATS
    known = {v.name: v for v in model.graph.output}
    names = []
    for node in model.graph.node:
        for name in node.output:
            kind = types.get(name, onnx.TensorProto.UNDEFINED)
            if name and (kind in wanted or kind == onnx.TensorProto.UNDEFINED):
                names.append(name)
                if name not in known:
                    model.graph.output.append(onnx.ValueInfoProto(name=name))
    return names


def picture(path: Path, shape: tuple[int, int], norm: str) -> np.ndarray:
    """A picture stretched to `shape` (height, width), normalised, [1, 3, height, width]."""
    from PIL import Image, ImageOps
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    image = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    mean, deviation = (np.array(v, np.float32) for v in NORMALISATIONS[norm])
    bgr = np.asarray(image, np.float32)[:, :, ::-1] / 255
    return ((bgr - mean) / deviation).transpose(2, 0, 1)[None]


def load_input(options: argparse.Namespace) -> np.ndarray:
    """The input that the command line describes, float32."""
    if options.picture:
        values = picture(options.picture, options.shape, options.norm)
    elif options.random is not None:
        source = np.random.default_rng(options.random)
        values = source.uniform(-1, 1, (1, 3, *options.shape))
    elif options.input.suffix == ".npy":
        values = np.load(options.input, allow_pickle=False)
    else:
        values = next(iter(dump.read(options.input).values()))
    if options.batch > 1:
        values = np.repeat(values, options.batch, 0)
    return np.ascontiguousarray(values, np.float32)


def run(model: onnx.ModelProto, values: np.ndarray, with_integers: bool) -> dump.Tensors:
    """Every tensor of one run: the input first, then the nodes' outputs."""
    names = expose(model, with_integers)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0].name
    results = dict(zip(names, session.run(names, {feed: values})))
    tensors = {feed: values}
    for name, value in results.items():
        if with_integers or np.issubdtype(value.dtype, np.floating):
            tensors[name] = value.astype(np.float32)
    return tensors


def parse_shape(text: str) -> tuple[int, int]:
    """HxW as numbers."""
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is not HxW, such as 736x736")
    return int(height), int(width)


def main() -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("input", type=Path, nargs="?", help=".npy or a dump, NCHW, normalised")
    parser.add_argument("--list", action="store_true", help="print the nodes, run nothing")
    parser.add_argument("--picture", type=Path, help="make the input from a picture")
    parser.add_argument("--random", type=int, metavar="SEED", help="random input from -1 to 1")
    parser.add_argument("--shape", type=parse_shape, metavar="HxW",
                        help="size for --picture and --random")
    parser.add_argument("--norm", choices=tuple(NORMALISATIONS), default="half",
                        help="normalisation of --picture (default half)")
    parser.add_argument("--batch", type=int, default=1, help="repeat the input (default 1)")
    parser.add_argument("--integers", action="store_true",
                        help="dump integer and boolean tensors as well, as float32")
    parser.add_argument("--out", type=Path, help="the dump to write")
    options = parser.parse_args()
    model = onnx.load(options.model)
    if options.list:
        list_nodes(model)
        return 0
    given = [options.input, options.picture, options.random]
    if sum(v is not None for v in given) != 1 or not options.out:
        parser.error("give one of INPUT, --picture, --random, and --out")
    if options.input is None and not options.shape:
        parser.error("--picture and --random need --shape")
    tensors = run(model, load_input(options), options.integers)
    dump.write(options.out, tensors)
    print(f"{options.out}: {len(tensors)} tensors, {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
