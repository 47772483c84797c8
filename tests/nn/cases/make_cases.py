#!/usr/bin/env python3
"""Makes the small models of this folder, with the results ONNX Runtime gives for them.

Each case is NAME.onnx and NAME.tensors (format: tools/oracle/FORMAT.md; the input "x", then the
output). test_ref_cases.c runs them; they are also seeds of the fuzz target fuzz_onnx.

    pip install numpy onnx onnxruntime
    python make_cases.py
"""
import struct
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
random = np.random.default_rng(20240607)


def floats(*shape, low=-1.0, high=1.0):
    return random.uniform(low, high, shape).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


def scalar(number):
    return np.array(number, np.float32)


class Model:
    """Collects nodes; the last node's output is the model's."""

    def __init__(self, name, shape, opset=11):
        self.name, self.shape, self.opset = name, shape, opset
        self.nodes, self.constants = [], []

    def const(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind, *inputs, **attributes):
        names = [i if isinstance(i, str) else self.const(i) for i in inputs]
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [out], name=f"{kind}.{len(self.nodes)}",
                                           **attributes))
        return out

    def save(self):
        out = self.nodes[-1].output[0]
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", self.shape[1], "h", "w"])],
            [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)],
                                  ir_version=7)
        data = model.SerializeToString()
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(data, options, ["CPUExecutionProvider"])
        x = floats(*self.shape, low=-2, high=2)
        (result,) = session.run(None, {"x": x})
        (FOLDER / f"{self.name}.onnx").write_bytes(data)
        dump = b"SETENSR1" + struct.pack("<I", 2)
        for name, array in (("x", x), (out, result)):
            dump += struct.pack("<I", len(name)) + name.encode()
            dump += struct.pack(f"<I{array.ndim}I", array.ndim, *array.shape)
            dump += np.ascontiguousarray(array, np.float32).tobytes()
        (FOLDER / f"{self.name}.tensors").write_bytes(dump)


def single(name, shape, kind, *inputs, opset=11, **attributes):
    model = Model(name, shape, opset)
    model.node(kind, "x", *inputs, **attributes)
    model.save()


def convolutions():
    single("conv_3x3", (2, 3, 6, 7), "Conv", floats(5, 3, 3, 3), floats(5), pads=[1, 1, 1, 1])
    single("conv_stride", (1, 3, 7, 9), "Conv", floats(4, 3, 3, 3), strides=[2, 2],
           pads=[1, 1, 1, 1])
    single("conv_same_upper", (1, 2, 5, 6), "Conv", floats(3, 2, 2, 2), auto_pad="SAME_UPPER")
    single("conv_same_lower", (1, 2, 6, 5), "Conv", floats(3, 2, 4, 2), auto_pad="SAME_LOWER",
           strides=[2, 1])
    single("conv_valid", (1, 2, 6, 5), "Conv", floats(3, 2, 3, 2), auto_pad="VALID")
    single("conv_groups", (1, 6, 5, 5), "Conv", floats(4, 3, 3, 3), floats(4), group=2,
           pads=[1, 0, 1, 2])
    single("conv_dilation", (1, 2, 9, 9), "Conv", floats(3, 2, 3, 3), dilations=[2, 3],
           pads=[2, 3, 1, 0])
    single("conv_1x1", (2, 5, 3, 4), "Conv", floats(7, 5, 1, 1), floats(7))
    single("conv_1x1_stride", (1, 5, 5, 4), "Conv", floats(7, 5, 1, 1), strides=[2, 2])
    single("conv_depthwise", (1, 6, 6, 5), "Conv", floats(6, 1, 3, 3), floats(6), group=6,
           pads=[1, 1, 1, 1], strides=[2, 1])
    single("conv_depthwise_7", (1, 5, 9, 8), "Conv", floats(5, 1, 7, 7), group=5,
           pads=[3, 3, 3, 3])
    single("conv_depthwise_1x7", (2, 9, 1, 12), "Conv", floats(9, 1, 1, 7), group=9,
           pads=[0, 3, 0, 3])
    single("conv_multiplier", (1, 3, 5, 5), "Conv", floats(6, 1, 3, 3), group=3, pads=[1, 1, 1, 1])
    single("deconv_2x2", (2, 4, 3, 5), "ConvTranspose", floats(4, 3, 2, 2), floats(3),
           strides=[2, 2])
    single("deconv_one", (1, 24, 4, 4), "ConvTranspose", floats(24, 1, 2, 2), strides=[2, 2])
    single("deconv_general", (1, 4, 4, 5), "ConvTranspose", floats(4, 2, 3, 4), strides=[2, 3],
           pads=[1, 0, 1, 2], output_padding=[1, 0], dilations=[1, 2], group=2)


def pools():
    single("maxpool_same", (1, 3, 5, 6), "MaxPool", kernel_shape=[2, 2], auto_pad="SAME_UPPER")
    single("maxpool_ceil", (1, 3, 6, 7), "MaxPool", kernel_shape=[3, 3], strides=[2, 2],
           pads=[1, 1, 1, 1], ceil_mode=1)
    single("maxpool_dilated", (1, 2, 7, 7), "MaxPool", kernel_shape=[2, 3], dilations=[2, 2])
    single("avgpool", (2, 4, 6, 8), "AveragePool", kernel_shape=[3, 2], strides=[3, 2])
    single("avgpool_pad", (1, 2, 5, 5), "AveragePool", kernel_shape=[3, 3], strides=[2, 2],
           pads=[1, 1, 1, 1])
    single("avgpool_include", (1, 2, 5, 5), "AveragePool", kernel_shape=[3, 3], strides=[2, 2],
           pads=[1, 1, 1, 1], count_include_pad=1)
    single("avgpool_global", (2, 7, 5, 3), "GlobalAveragePool")


def resizes():
    scales = np.array([1, 1, 2, 2], np.float32)
    uneven = np.array([1, 1, 1.7, 0.6], np.float32)
    roi = np.array([], np.float32)
    for coord in ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"):
        for mode in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
            single(f"resize_{coord}_{mode}", (1, 3, 5, 7), "Resize", roi, uneven, mode="nearest",
                   coordinate_transformation_mode=coord, nearest_mode=mode)
    single("resize_double", (1, 5, 3, 4), "Resize", roi, scales, mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    single("resize_sizes", (1, 2, 3, 4), "Resize", roi, np.array([], np.float32),
           ints(1, 2, 7, 3), mode="nearest", coordinate_transformation_mode="asymmetric",
           nearest_mode="floor")
    single("resize_opset10", (1, 2, 3, 4), "Resize", scales, mode="nearest", opset=10)


def elementwise():
    shape = (2, 3, 4, 5)
    for kind in ("Relu", "Sigmoid", "Erf"):
        single(kind.lower(), shape, kind)
    single("hardsigmoid", shape, "HardSigmoid", alpha=0.3, beta=0.4)
    for name, other in (("same", floats(2, 3, 4, 5)), ("channel", floats(1, 3, 1, 1)),
                        ("row", floats(5)), ("image", floats(2, 1, 4, 1)), ("scalar", scalar(1.5)),
                        ("longer", floats(2, 1, 3, 1, 5))):
        for kind in ("Add", "Sub", "Mul", "Div"):
            if kind == "Div":
                other = np.abs(other) + np.float32(0.5)
            single(f"{kind.lower()}_{name}", shape, kind, other)
    model = Model("sub_from", shape)
    model.node("Sub", floats(3, 1, 5), "x")
    model.save()
    model = Model("pow_sqrt", shape)
    a = model.node("Pow", "x", scalar(2))
    b = model.node("Add", a, scalar(0.25))
    model.node("Sqrt", b)
    model.save()


def shapes():
    shape = (2, 6, 4, 5)
    single("reduce_23", shape, "ReduceMean", axes=[2, 3], keepdims=1)
    single("reduce_1", shape, "ReduceMean", axes=[1], keepdims=0)
    single("reduce_mixed", shape, "ReduceMean", axes=[0, -1], keepdims=0)
    single("reduce_all", shape, "ReduceMean")
    single("transpose", shape, "Transpose", perm=[3, 0, 2, 1])
    single("transpose_default", shape, "Transpose")
    single("reshape_copy", shape, "Reshape", ints(0, 3, -1))
    single("slice", shape, "Slice", ints(1, -3), ints(6, 2**31), ints(1, 3), ints(2, 1))
    single("slice_back", shape, "Slice", ints(-1, 10), ints(-100, 0), ints(2, 3), ints(-1, -2))
    single("softmax_last", shape, "Softmax", axis=3)
    single("softmax_13", shape, "Softmax", axis=-1, opset=13)
    model = Model("concat_channels", shape)
    a = model.node("Relu", "x")
    b = model.node("Sigmoid", "x")
    model.node("Concat", a, b, "x", a, axis=1)
    model.save()
    model = Model("concat_rows", shape)
    a = model.node("Relu", "x")
    model.node("Concat", a, "x", axis=-2)
    model.save()
    model = Model("concat_of_concat", shape)
    a = model.node("Relu", "x")
    b = model.node("Concat", a, "x", axis=1)
    c = model.node("Concat", b, b, axis=1)
    model.node("Conv", c, floats(3, 24, 1, 1))
    model.save()
    model = Model("flatten_like", shape)
    s = model.node("Shape", "x")
    head = model.node("Slice", s, ints(0), ints(2), ints(0))
    t = model.node("Concat", head, ints(-1), axis=0)
    r = model.node("Reshape", "x", t)
    model.node("Transpose", r, perm=[0, 2, 1])
    model.save()
    model = Model("squeeze", (2, 6, 1, 5))
    a = model.node("Squeeze", "x", axes=[2])
    b = model.node("Unsqueeze", a, axes=[0, 4])
    model.node("Relu", b)
    model.save()
    model = Model("squeeze_13", (2, 6, 1, 5), 13)
    a = model.node("Squeeze", "x", ints(-2))
    model.node("Unsqueeze", a, ints(1))
    model.save()


def products():
    model = Model("matmul_constant", (2, 3, 4, 5))
    model.node("MatMul", "x", floats(5, 6))
    model.save()
    model = Model("matmul_first", (2, 3, 5, 4))
    model.node("MatMul", floats(3, 6, 5), "x")
    model.save()
    model = Model("matmul_batched", (2, 3, 4, 5))
    t = model.node("Transpose", "x", perm=[0, 1, 3, 2])
    model.node("MatMul", "x", t)
    model.save()
    model = Model("matmul_broadcast", (2, 3, 4, 5))
    model.node("MatMul", "x", floats(1, 3, 5, 2))
    model.save()
    model = Model("linear", (2, 3, 4, 5))
    a = model.node("MatMul", "x", floats(5, 6))
    b = model.node("Add", a, floats(6))
    model.node("Relu", b)
    model.save()


def gelu(model, x, variant=0):
    e = model.node("Erf", model.node("Div", x, scalar(np.sqrt(2))) if variant != 1 else
                   model.node("Mul", scalar(np.sqrt(0.5)), x))
    t = model.node("Add", e, scalar(1)) if variant != 1 else model.node("Add", scalar(1), e)
    if variant == 1:
        return model.node("Mul", t, model.node("Mul", x, scalar(0.5)))
    return model.node("Mul", model.node("Mul", x, t), scalar(0.5))


def norm(model, x, channels, epsilon=1e-5, square="Pow"):
    m = model.node("ReduceMean", x, axes=[-1])
    d = model.node("Sub", x, m)
    p = model.node("Pow", d, scalar(2)) if square == "Pow" else model.node("Mul", d, d)
    v = model.node("ReduceMean", p, axes=[-1])
    r = model.node("Sqrt", model.node("Add", v, scalar(epsilon)))
    n = model.node("Mul", model.node("Div", d, r), floats(channels))
    return model.node("Add", n, floats(channels))


def bias(channels):
    return floats(1, channels, 1, 1)


def squeeze_excite(model, x, channels, pool="ReduceMean"):
    p = (model.node("ReduceMean", x, axes=[2, 3], keepdims=1) if pool == "ReduceMean" else
         model.node("GlobalAveragePool", x))
    a = model.node("Add", model.node("Conv", p, floats(3, channels, 1, 1)), bias(3))
    b = model.node("Conv", model.node("Relu", a), floats(channels, 3, 1, 1))
    return model.node("HardSigmoid", model.node("Add", b, bias(channels)))


def blocks():
    """What fusion looks for, and near misses of it."""
    model = Model("block_bias_relu", (2, 3, 5, 6))
    c = model.node("Conv", "x", floats(4, 3, 3, 3))
    model.node("Relu", model.node("Add", c, bias(4)))
    model.save()
    model = Model("block_bias_wrong_axis", (2, 3, 5, 6))
    c = model.node("Conv", "x", floats(4, 3, 3, 3))
    model.node("Relu", model.node("Add", c, floats(1, 1, 1, 4)))
    model.save()
    model = Model("block_bias_twice_read", (2, 3, 5, 6))
    c = model.node("Conv", "x", floats(4, 3, 3, 3))
    a = model.node("Add", c, bias(4))
    model.node("Mul", a, c)
    model.save()
    for kind in ("Conv", "ConvTranspose"):
        for group in (1, 2):
            model = Model(f"block_batch_norm_{kind.lower()}_{group}", (2, 4, 4, 5))
            shape = (6, 4 // group, 3, 3) if kind == "Conv" else (4, 6 // group, 3, 3)
            c = model.node(kind, "x", floats(*shape), floats(6), group=group)
            n = model.node("BatchNormalization", c, floats(6), floats(6), floats(6),
                           floats(6, low=0.2))
            model.node("Mul", n, model.node("Sigmoid", n))
            model.save()
    model = Model("block_batch_norm_alone", (2, 4, 4, 5))
    r = model.node("Relu", "x")
    model.node("BatchNormalization", r, floats(4), floats(4), floats(4), floats(4, low=0.2),
               epsilon=0.01)
    model.save()
    for variant, name in enumerate(("gelu", "gelu_halved_first")):
        model = Model(f"block_{name}", (2, 4, 4, 5))
        gelu(model, model.node("Conv", "x", floats(6, 4, 1, 1)), variant)
        model.save()
    model = Model("block_not_gelu", (2, 4, 4, 5))
    e = model.node("Erf", model.node("Div", "x", scalar(1.5)))
    t = model.node("Add", e, scalar(1))
    model.node("Mul", model.node("Mul", "x", t), scalar(0.5))
    model.save()
    for pool in ("ReduceMean", "GlobalAveragePool"):
        model = Model(f"block_ffn_{pool.lower()}", (2, 4, 4, 5))
        d = model.node("Conv", "x", floats(4, 1, 3, 3), group=4, pads=[1, 1, 1, 1])
        g = model.node("Mul", d, squeeze_excite(model, d, 4, pool))
        h = model.node("Add", model.node("Conv", g, floats(8, 4, 1, 1)), bias(8))
        o = model.node("Conv", gelu(model, h), floats(4, 8, 1, 1))
        model.node("Add", g, model.node("Add", o, bias(4)))
        model.save()
    model = Model("block_ffn_wide", (1, 4, 4, 5))
    h = model.node("Relu", model.node("Conv", "x", floats(8, 4, 1, 1)))
    model.node("Conv", h, floats(5, 8, 1, 1), floats(5))
    model.save()
    model = Model("block_gate", (2, 4, 4, 5))
    c = model.node("Conv", "x", floats(6, 4, 1, 1))
    model.node("Add", c, model.node("Mul", c, squeeze_excite(model, c, 6)))
    model.save()
    model = Model("block_residual_act", (2, 4, 4, 5))
    c = model.node("Conv", "x", floats(4, 4, 1, 1))
    r = model.node("Relu", model.node("Add", model.node("Sigmoid", "x"), c))
    d = model.node("Relu", model.node("Conv", r, floats(4, 4, 1, 1)))
    e = model.node("Add", d, "x")
    f = model.node("Relu", model.node("Conv", e, floats(4, 4, 1, 1)))
    model.node("Sigmoid", model.node("Add", f, e))
    model.save()
    model = Model("block_residual_broadcast", (2, 4, 4, 5))
    c = model.node("Conv", "x", floats(4, 4, 1, 1))
    p = model.node("Sigmoid", model.node("GlobalAveragePool", "x"))
    a = model.node("Relu", model.node("Add", c, p))
    d = model.node("Relu", model.node("Conv", p, floats(4, 4, 1, 1)))
    model.node("Add", d, a)
    model.save()
    model = Model("block_resize_add", (1, 3, 4, 5))
    c = model.node("Conv", "x", floats(3, 3, 2, 2), strides=[2, 2], pads=[0, 0, 0, 1])
    r = model.node("Resize", c, np.array([], np.float32), np.array([1, 1, 2, 2], np.float32),
                   mode="nearest", coordinate_transformation_mode="asymmetric",
                   nearest_mode="floor")
    s = model.node("Slice", r, ints(0), ints(5), ints(3))
    a = model.node("Add", "x", s)
    t = model.node("Resize", a, np.array([], np.float32), np.array([1, 1, 2, 2], np.float32),
                   mode="nearest", coordinate_transformation_mode="asymmetric",
                   nearest_mode="floor")
    model.node("Add", t, model.node("Relu", t))
    model.save()
    model = Model("block_resize_residual", (1, 3, 4, 6))
    c = model.node("Conv", "x", floats(3, 3, 2, 2), strides=[2, 2])
    r = model.node("Resize", c, np.array([], np.float32), np.array([1, 1, 2, 2], np.float32),
                   mode="nearest", coordinate_transformation_mode="asymmetric",
                   nearest_mode="floor")
    model.node("Add", "x", r)
    model.save()
    for square in ("Pow", "Mul"):
        model = Model(f"block_norm_{square.lower()}", (2, 3, 4, 7))
        norm(model, "x", 7, 1e-3, square)
        model.save()
    model = Model("block_attention", (2, 12, 1, 7))
    t = model.node("Transpose", model.node("Squeeze", "x", axes=[2]), perm=[0, 2, 1])
    n = norm(model, t, 12)
    q = model.node("Add", model.node("MatMul", n, floats(12, 36)), floats(36))
    r = model.node("Transpose", model.node("Reshape", q, ints(0, -1, 3, 4, 3)),
                   perm=[2, 0, 3, 1, 4])
    parts = [model.node("Squeeze", model.node("Slice", r, ints(i), ints(i + 1), ints(0), ints(1)),
                        axes=[0]) for i in range(3)]
    scaled = model.node("Add", model.node("Mul", parts[0], floats(1)), scalar(0))
    k = model.node("Transpose", parts[1], perm=[0, 1, 3, 2])
    a = model.node("Softmax", model.node("MatMul", scaled, k), axis=3)
    o = model.node("Transpose", model.node("MatMul", a, parts[2]), perm=[0, 2, 1, 3])
    o = model.node("MatMul", model.node("Reshape", o, ints(0, -1, 12)), floats(12, 12))
    y = model.node("Add", t, model.node("Add", o, floats(12)))
    h = model.node("Add", model.node("MatMul", norm(model, y, 12), floats(12, 20)), floats(20))
    s = model.node("Mul", h, model.node("Sigmoid", h))
    o = model.node("Add", model.node("MatMul", s, floats(20, 12)), floats(12))
    model.node("Add", y, o)
    model.save()
    model = Model("block_head", (2, 6, 1, 5))
    t = model.node("Transpose", model.node("Squeeze", "x", axes=[2]), perm=[0, 2, 1])
    h = model.node("Identity", model.node("Add", model.node("MatMul", t, floats(6, 11)),
                                          floats(11)))
    model.node("Softmax", h, axis=2)
    model.save()


def scalars():
    model = Model("scalar_steps", (2, 3, 4, 5))
    s = model.node("ReduceMean", "x", keepdims=0)
    t = model.node("Sqrt", model.node("ReduceMean", model.node("Mul", s, s), keepdims=0))
    model.node("Div", "x", model.node("Unsqueeze", t, axes=[0]))
    model.save()


def winograd():
    """Channels enough for Winograd's method; outputs that are no whole number of tiles."""
    model = Model("conv_winograd", (2, 34, 9, 7))
    model.node("Relu", model.node("Conv", "x", floats(18, 34, 3, 3), floats(18),
                                  pads=[1, 1, 1, 1]))
    model.save()
    single("conv_winograd_pads", (1, 32, 6, 13), "Conv", floats(16, 32, 3, 3), pads=[0, 2, 1, 0])


if __name__ == "__main__":
    for old in list(FOLDER.glob("*.onnx")) + list(FOLDER.glob("*.tensors")):
        old.unlink()
    convolutions()
    pools()
    resizes()
    elementwise()
    shapes()
    products()
    blocks()
    scalars()
    winograd()
    print(len(list(FOLDER.glob("*.onnx"))), "cases with onnxruntime", onnxruntime.__version__,
          "and onnx", onnx.__version__)
