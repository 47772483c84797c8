"""An ONNX file as a function of PyTorch: the operations of the PP-OCR networks, opset 11, and no others.

    network = load(path)            # {"nodes": …, "weights": …}
    module = Network(network)       # a torch.nn.Module; module.half().cuda() as usual
    y = module(x)                   # [n, c, h, w]

The file is read by hand (protocol buffers, wire format), so that torch alone is needed. What the file computes
from shapes is computed on the CPU in plain Python numbers, as a graph capture asks for.
"""
import math
import struct

# Field numbers of onnx.proto3.
FLOAT, INT32, INT64 = 1, 6, 7


def fields(data):
    """(number, value) of a message: integers, or bytes of what has a length."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            yield number, varint()
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            yield number, data[at:at + size]
            at += size
        elif kind == 2:
            size = varint()
            if at + size > len(data):
                raise ValueError(f"field {number} of {size} bytes ends behind the message")
            yield number, data[at:at + size]
            at += size
        else:
            raise ValueError(f"wire type {kind}")


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def packed(value):
    """Integers of a repeated field, packed or not."""
    if isinstance(value, int):
        return [signed(value)]
    return [signed(number) for _, number in fields(b"".join(b"\x08" + piece for piece in varints(value)))]


def varints(data):
    start = 0
    for at, byte in enumerate(data):
        if byte < 128:
            yield data[start:at + 1]
            start = at + 1


def tensor(data):
    """(name, dims, type, list of numbers)"""
    dims, kind, name, raw, numbers = [], 0, "", None, []
    for number, value in fields(data):
        if number == 1:
            dims += packed(value)
        elif number == 2:
            kind = value
        elif number == 4:
            numbers += struct.unpack(f"<{len(value) // 4}f", value)
        elif number in (5, 7):
            numbers += packed(value)
        elif number == 8:
            name = value.decode()
        elif number == 9:
            raw = value
    if raw is not None:
        form, size = {FLOAT: ("f", 4), INT32: ("i", 4), INT64: ("q", 8)}[kind]
        numbers = list(struct.unpack(f"<{len(raw) // size}{form}", raw))
    return name, dims, kind, numbers


def attribute(data):
    """(name, value)"""
    name, found, ints, floats = "", None, [], []
    for number, value in fields(data):
        if number == 1:
            name = value.decode()
        elif number == 2:
            found = struct.unpack("<f", value)[0]
        elif number == 3:
            found = signed(value)
        elif number == 4:
            found = value.decode()
        elif number == 5:
            found = tensor(value)
        elif number == 7:
            floats += struct.unpack(f"<{len(value) // 4}f", value)
        elif number == 8:
            ints += packed(value)
    return name, ints or floats or found


def load(path):
    """{"nodes": [(op, inputs, outputs, attributes)], "weights": {name: tensor}, "input", "output"}"""
    nodes, weights, inputs, outputs = [], {}, [], []
    with open(path, "rb") as file:
        model = file.read()
    graph = next(value for number, value in fields(model) if number == 7)
    for number, value in fields(graph):
        if number == 1:
            parts = list(fields(value))
            nodes.append((next(v.decode() for n, v in parts if n == 4),
                          [v.decode() for n, v in parts if n == 1],
                          [v.decode() for n, v in parts if n == 2],
                          dict(attribute(v) for n, v in parts if n == 5)))
        elif number == 5:
            one = tensor(value)
            weights[one[0]] = one
        elif number in (11, 12):
            name = next(v.decode() for n, v in fields(value) if n == 1)
            (inputs if number == 11 else outputs).append(name)
    return {"nodes": nodes, "weights": weights,
            "input": next(name for name in inputs if name not in weights), "output": outputs[0]}


def operations():
    """The set of operations that Network knows, for a test without torch."""
    return {name[3:] for name in dir(Operations) if name.startswith("op_")}


class Operations:
    """op_NAME(inputs, attributes): what ONNX says of it. Shapes are lists of Python integers, or numbers."""

    def __init__(self, torch):
        self.torch, self.f = torch, torch.nn.functional

    def same_pads(self, x, a, kernel, strides, dilations):
        pads = []
        for size, k, s, d in zip(x.shape[2:], kernel, strides, dilations):
            total = max(0, (math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size)
            before = total // 2 if a["auto_pad"] == "SAME_UPPER" else total - total // 2
            pads.append((before, total - before))
        return pads

    def padded(self, x, a, kernel, value=0.0):
        """x with its padding in front of a window; the window then needs none."""
        rank = len(kernel)
        strides, dilations = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
        if a.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
            pads = self.same_pads(x, a, kernel, strides, dilations)
        else:
            flat = a.get("pads", [0] * 2 * rank)
            pads = list(zip(flat[:rank], flat[rank:]))
        if any(p for pair in pads for p in pair):
            x = self.f.pad(x, [p for pair in reversed(pads) for p in pair], value=value)
        return x, strides, dilations

    def op_Conv(self, i, a):
        kernel = list(i[1].shape[2:])
        x, strides, dilations = self.padded(i[0], a, kernel)
        return self.f.conv2d(x, i[1], i[2] if len(i) > 2 else None, strides, 0, dilations,
                             a.get("group", 1))

    def op_ConvTranspose(self, i, a):
        if any(a.get("pads", [0])) or a.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            raise NotImplementedError("padded transposed convolution")
        return self.f.conv_transpose2d(i[0], i[1], i[2] if len(i) > 2 else None,
                                       a.get("strides", [1, 1]), groups=a.get("group", 1))

    def op_MaxPool(self, i, a):
        x, strides, dilations = self.padded(i[0], a, a["kernel_shape"], -math.inf)
        return self.f.max_pool2d(x, a["kernel_shape"], strides, 0, dilations,
                                 bool(a.get("ceil_mode", 0)))

    def op_AveragePool(self, i, a):
        if any(a.get("pads", [0])):
            raise NotImplementedError("padded average")
        return self.f.avg_pool2d(i[0], a["kernel_shape"], a.get("strides"),
                                 ceil_mode=bool(a.get("ceil_mode", 0)))

    def op_GlobalAveragePool(self, i, a):
        return i[0].mean((2, 3), keepdim=True)

    def op_BatchNormalization(self, i, a):
        return self.f.batch_norm(i[0], i[3], i[4], i[1], i[2], eps=a.get("epsilon", 1e-5))

    def op_Resize(self, i, a):
        if a.get("mode", "nearest") != "nearest":
            raise NotImplementedError("Resize of mode " + a["mode"])
        size = i[3] if len(i) > 3 and i[3] is not None else [
            math.floor(n * s) for n, s in zip(i[0].shape, i[2])]
        return self.f.interpolate(i[0], size=[int(n) for n in size[2:]], mode="nearest")

    def op_MatMul(self, i, a):
        return self.torch.matmul(i[0], i[1])

    def op_Softmax(self, i, a):
        return self.torch.softmax(i[0], a.get("axis", -1))

    def op_ReduceMean(self, i, a):
        return i[0].mean(a["axes"], keepdim=bool(a.get("keepdims", 1)))

    def op_Relu(self, i, a):
        return self.torch.relu(i[0])

    def op_Sigmoid(self, i, a):
        return self.torch.sigmoid(i[0])

    def op_HardSigmoid(self, i, a):
        return self.torch.clamp(i[0] * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1)

    def op_Erf(self, i, a):
        return self.torch.erf(i[0])

    def op_Sqrt(self, i, a):
        return self.torch.sqrt(i[0])

    def pair(self, i, apply):
        """Of tensors, or of shapes, element by element."""
        if not any(isinstance(x, list) for x in i):
            return apply(i[0], i[1])
        a, b = (x if isinstance(x, list) else [x] for x in i)
        a, b = (x * max(len(a), len(b)) if len(x) == 1 else x for x in (a, b))
        return [apply(x, y) for x, y in zip(a, b, strict=True)]

    def op_Add(self, i, a):
        return self.pair(i, lambda x, y: x + y)

    def op_Sub(self, i, a):
        return self.pair(i, lambda x, y: x - y)

    def op_Mul(self, i, a):
        return self.pair(i, lambda x, y: x * y)

    def op_Div(self, i, a):
        return self.pair(i, lambda x, y: x // y if isinstance(x, int) else x / y)

    def op_Pow(self, i, a):
        return self.torch.pow(i[0], i[1])

    def op_Shape(self, i, a):
        return list(i[0].shape)

    def op_Cast(self, i, a):
        return i[0]

    def op_Identity(self, i, a):
        return i[0]

    def op_Gather(self, i, a):
        picked = i[1]
        return [i[0][k] for k in picked] if isinstance(picked, list) else i[0][int(picked)]

    def op_Concat(self, i, a):
        if all(not hasattr(x, "shape") for x in i):
            return [n for x in i for n in (x if isinstance(x, list) else [x])]
        return self.torch.cat(i, a["axis"])

    def op_Reshape(self, i, a):
        if not hasattr(i[0], "shape"):
            return i[0] if isinstance(i[0], list) else [i[0]]
        return i[0].reshape([i[0].shape[k] if n == 0 else int(n) for k, n in enumerate(i[1])])

    def op_Flatten(self, i, a):
        axis = a.get("axis", 1)
        return i[0].reshape(math.prod(i[0].shape[:axis]), -1)

    def op_Transpose(self, i, a):
        return i[0].permute(a.get("perm", list(reversed(range(i[0].dim())))))

    def op_Squeeze(self, i, a):
        if isinstance(i[0], list):
            return i[0][0] if len(i[0]) == 1 else i[0]
        axes = a.get("axes", i[1] if len(i) > 1 else None)
        return i[0].squeeze(tuple(axes)) if axes else i[0].squeeze()

    def op_Unsqueeze(self, i, a):
        x, axes = i[0], a.get("axes", i[1] if len(i) > 1 else None)
        if not hasattr(x, "shape"):
            return x if isinstance(x, list) else [x]
        for axis in sorted(axes):
            x = x.unsqueeze(axis)
        return x

    def op_Slice(self, i, a):
        starts, ends = i[1], i[2]
        axes = i[3] if len(i) > 3 else list(range(len(starts)))
        steps = i[4] if len(i) > 4 else [1] * len(starts)
        x = i[0]
        for start, end, axis, step in zip(starts, ends, axes, steps):
            if isinstance(x, list):
                x = x[start:min(end, len(x)):step]
                continue
            size = x.shape[axis]
            start, end = (max(0, n + size) if n < 0 else min(n, size) for n in (start, end))
            x = x.narrow(axis, start, max(0, end - start))
            if step != 1:
                x = x[tuple([slice(None)] * (axis % x.dim()) + [slice(None, None, step)])]
        return x


def make_module(network, torch):
    """A torch.nn.Module of a loaded network."""

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.known = {}
            for number, (name, (_, dims, kind, values)) in enumerate(network["weights"].items()):
                self.keep(f"w{number}", name, dims, kind, values)
            for number, (op, _, outputs, a) in enumerate(network["nodes"]):
                if op == "Constant":
                    _, dims, kind, values = a["value"]
                    self.keep(f"c{number}", outputs[0], dims, kind, values)
            self.operations = Operations(torch)

        def keep(self, label, name, dims, kind, values):
            """Floats as a buffer, which .half() and .cuda() take along; integers as Python's."""
            if kind == FLOAT:
                self.register_buffer(label, torch.tensor(values).reshape(dims))
                self.known[name] = label
            else:
                self.known[name] = list(values) if dims else values[0]

        def value(self, values, name):
            if name == "":
                return None
            if name in values:
                return values[name]
            kept = self.known[name]
            return getattr(self, kept) if isinstance(kept, str) else kept

        def forward(self, x):
            values = {network["input"]: x}
            for op, inputs, outputs, a in network["nodes"]:
                if op == "Constant":
                    continue
                function = getattr(self.operations, "op_" + op, None)
                if function is None:
                    raise NotImplementedError(op)
                values[outputs[0]] = function([self.value(values, name) for name in inputs], a)
            return values[network["output"]]

    return Network()
