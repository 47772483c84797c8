"""Both networks in PyTorch on the GPU, in fp16 and channels_last, as a CUDA graph and compiled: what tools/gpu/measure
compares with. Prints one JSON object.

    torch_bench.py MODELS [--compile] [--rounds N] [--shapes det:736x736:1,…]

A round is one replay, input already on the GPU. Exit status 77 with the reason where torch or a GPU is missing.
"""
import argparse
import json
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import onnx_torch  # pylint: disable=wrong-import-position

FILES = {"det": "PP-OCRv6_det_small.onnx", "rec": "PP-OCRv6_rec_small.onnx"}
SHAPES = "det:736x736:1,det:736x736:8,rec:48x320:1,rec:48x320:8,rec:48x320:64"


def parse_shapes(text):
    """[(name, height, width, batch)]"""
    out = []
    for part in text.split(","):
        name, shape, batch = part.split(":")
        height, width = shape.split("x")
        if name not in FILES:
            raise ValueError(part)
        out.append((name, int(height), int(width), int(batch)))
    return out


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(77)


def time_rounds(torch, run, rounds):
    """Milliseconds of one round: (shortest, median) by the GPU's own clock."""
    times = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return {"ms_min": min(times), "ms_median": statistics.median(times)}


def as_graph(torch, function, x):
    """The function on x as one CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            function(x)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function(x)
    return graph.replay


def measure(torch, module, height, width, batch, args):
    x = torch.randn(batch, 3, height, width, device="cuda", dtype=torch.float16)
    x = x.contiguous(memory_format=torch.channels_last)
    row = {"graph": time_rounds(torch, as_graph(torch, module, x), args.rounds)}
    if args.compile:
        compiled = torch.compile(module, mode="max-autotune-no-cudagraphs", dynamic=False)
        row["compiled"] = time_rounds(torch, as_graph(torch, compiled, x), args.rounds)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models")
    parser.add_argument("--compile", action="store_true", help="also torch.compile: minutes")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--shapes", default=SHAPES)
    args = parser.parse_args()
    shapes = parse_shapes(args.shapes)
    try:
        import torch  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        skip(f"no PyTorch: {error}")
    if not torch.cuda.is_available():
        skip("PyTorch finds no GPU")
    torch.backends.cudnn.benchmark = True
    rows, modules = [], {}
    with torch.inference_mode():
        for name, height, width, batch in shapes:
            if name not in modules:
                network = onnx_torch.load(pathlib.Path(args.models) / FILES[name])
                modules[name] = onnx_torch.make_module(network, torch).half().cuda().to(
                    memory_format=torch.channels_last).eval()
            row = measure(torch, modules[name], height, width, batch, args)
            rows.append({"name": name, "shape": f"{height}x{width}", "batch": batch, **row})
    print(json.dumps({"torch": torch.__version__, "device": torch.cuda.get_device_name(),
                      "rows": rows}))


if __name__ == "__main__":
    main()
