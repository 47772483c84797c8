"""Compiles the GPU kernels with NVRTC, without a CUDA toolkit or a GPU, and writes them as C source.

    images.py NVRTC OUTPUT REPORT SOURCE HEADER…

NVRTC is the folder that tools/gpu/fetch made. OUTPUT defines the array of cuda_images.h: one ELF image
(cubin) for each architecture of ARCHITECTURES and PTX for later ones, each compressed with zlib. REPORT lists
registers, spilled bytes and shared memory of every kernel. What was compiled is kept in NVRTC/cache and
used again while sources, options and compiler are the same.
"""
import ctypes
import hashlib
import json
import pathlib
import re
import struct
import sys
import zlib

ARCHITECTURES = (70, 75, 80, 86, 89, 90, 100, 120)
# Code for cards newer than all of these, which their drivers compile: the features of an old one,
# so that it also serves those that lie between.
PTX = 75
BYTES_A_LINE = 20


class Nvrtc:
    """The few functions of nvrtc.h that are needed."""

    def __init__(self, folder):
        # It loads its built-in functions by name: they must be there before.
        for name in sorted((folder / "lib").glob("libnvrtc-builtins.so*")):
            ctypes.CDLL(str(name), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(folder / "lib" / "libnvrtc.so.12"))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def call(self, name, *args):
        status = getattr(self.library, name)(*args)
        if status != 0:
            reason = self.library.nvrtcGetErrorString(status).decode()
            raise RuntimeError(f"{name}: {reason}")

    def version(self):
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        return f"{major.value}.{minor.value}"

    def bytes_of(self, program, kind):
        size = ctypes.c_size_t()
        self.call(f"nvrtcGet{kind}Size", program, ctypes.byref(size))
        data = ctypes.create_string_buffer(size.value)
        self.call(f"nvrtcGet{kind}", program, data)
        return data.raw

    def compile(self, text, name, options, kind):
        """(bytes of `kind`, log); raises with the log where the text does not compile."""
        program = ctypes.c_void_p()
        self.call("nvrtcCreateProgram", ctypes.byref(program), text.encode(), name.encode(), 0, None,
                  None)
        arguments = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        try:
            status = self.library.nvrtcCompileProgram(program, len(options), arguments)
            log = self.bytes_of(program, "ProgramLog").rstrip(b"\0").decode()
            if status != 0:
                raise RuntimeError(f"{name} {' '.join(options)}\n{log}")
            return self.bytes_of(program, kind), log
        finally:
            self.library.nvrtcDestroyProgram(ctypes.byref(program))


def key_of(nvrtc, sources, options):
    digest = hashlib.sha256(nvrtc.version().encode())
    for path in sorted(sources):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update("\0".join(options).encode())
    return digest.hexdigest()


def usage_of(log):
    """[(kernel, registers, spilled bytes, shared bytes)] of ptxas's messages."""
    rows, name, spill = [], None, 0
    for line in log.splitlines():
        if match := re.search(r"Compiling entry function '(\w+)'", line):
            name, spill = match[1], 0
        elif match := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spill = int(match[1]) + int(match[2])
        elif (match := re.search(r"Used (\d+) registers", line)) and name:
            shared = re.search(r"(\d+) bytes smem", line)
            rows.append((name, int(match[1]), spill, int(shared[1]) if shared else 0))
            name = None
    return rows


def compiled(nvrtc, folder, sources, architecture, kind):
    """(image, resource usage), from the cache where it has them."""
    real = kind == "CUBIN"
    options = [f"--gpu-architecture={'sm' if real else 'compute'}_{architecture}", "--std=c++17",
               "--fmad=true", "--extra-device-vectorization"]
    if real:
        options += ["--ptxas-options=-v"]
    key = key_of(nvrtc, sources, options)
    kept = folder / "cache" / key
    if kept.is_file():
        size, = struct.unpack("<I", kept.read_bytes()[:4])
        data = kept.read_bytes()[4:]
        return data[size:], json.loads(data[:size])
    includes = [f"--include-path={sources[0].parent}", f"--include-path={folder / 'include'}"]
    image, log = nvrtc.compile(sources[0].read_text(encoding="utf-8"), sources[0].name,
                               options + includes, kind)
    usage = usage_of(log)
    head = json.dumps(usage).encode()
    kept.parent.mkdir(exist_ok=True)
    part = kept.with_suffix(".part")
    part.write_bytes(struct.pack("<I", len(head)) + head + image)
    part.replace(kept)
    return image, usage


def array(name, data):
    lines = [", ".join(str(byte) for byte in data[at:at + BYTES_A_LINE]) + ","
             for at in range(0, len(data), BYTES_A_LINE)]
    return f"static const unsigned char {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def main():
    folder, output, report, *paths = sys.argv[1:]
    folder, sources = pathlib.Path(folder), [pathlib.Path(path) for path in paths]
    nvrtc = Nvrtc(folder)
    parts, rows, lines, total = ['#include "nn/cuda/cuda_images.h"\n'], [], [], 0
    jobs = [(architecture, "CUBIN") for architecture in ARCHITECTURES] + [(PTX, "PTX")]
    for architecture, kind in jobs:
        image, usage = compiled(nvrtc, folder, sources, architecture, kind)
        packed = zlib.compress(image, 9)
        name = f"{kind.lower()}_{architecture}"
        parts.append(array(name, packed))
        rows.append(f"    {{{architecture}, {'true' if kind == 'PTX' else 'false'}, {name}, "
                    f"sizeof({name}), {len(image)}}},")
        total += len(packed)
        lines.append(f"{name}: {len(image)} bytes, {len(packed)} packed")
        for kernel, registers, spill, shared in sorted(usage):
            lines.append(f"  {kernel:16} {registers:4} registers {spill:5} bytes spilled "
                         f"{shared:6} bytes shared")
    parts.append("const struct cuda_image cuda_images[] = {\n" + "\n".join(rows) + "\n};\n\n"
                 "const size_t cuda_image_count = sizeof(cuda_images) / sizeof(cuda_images[0]);\n"
                 f'const char cuda_images_compiler[] = "NVRTC {nvrtc.version()}";\n')
    pathlib.Path(output).write_text("\n".join(parts), encoding="utf-8")
    lines.append(f"{len(jobs)} images, {total} bytes packed, NVRTC {nvrtc.version()}")
    pathlib.Path(report).write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
