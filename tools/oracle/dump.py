"""Reads and writes the tensor dumps that FORMAT.md describes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

MAGIC = b"SETENSR1"
MAX_NAME = 4096
MAX_DIMS = 8

Tensors = dict[str, np.ndarray]


class DumpError(Exception):
    """A file is not a tensor dump; the message says where it goes wrong."""


def write(path: Path, tensors: Tensors) -> None:
    """Write `tensors` in their order as float32."""
    with open(path, "wb") as file:
        file.write(MAGIC + struct.pack("<I", len(tensors)))
        for name, tensor in tensors.items():
            raw = name.encode()
            file.write(struct.pack("<I", len(raw)) + raw)
            file.write(struct.pack(f"<I{tensor.ndim}I", tensor.ndim, *tensor.shape))
            file.write(np.ascontiguousarray(tensor, "<f4").tobytes())


def read(path: Path) -> Tensors:
    """The tensors of a dump, in the order of the file."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        def take(count: int) -> bytes:
            at = file.tell()
            if count > size - at:
                raise DumpError(f"{path}: {count} bytes wanted at byte {at} of {size}")
            return file.read(count)

        def number(limit: int, what: str) -> int:
            value = struct.unpack("<I", take(4))[0]
            if value > limit:
                raise DumpError(f"{path}: {what} {value} above {limit} at byte {file.tell() - 4}")
            return value

        if take(8) != MAGIC:
            raise DumpError(f"{path}: does not start with {MAGIC.decode()}")
        tensors: Tensors = {}
        for _ in range(number(1 << 24, "count")):
            name = take(number(MAX_NAME, "length of name")).decode()
            dims = number(MAX_DIMS, "dimensions")
            shape = struct.unpack(f"<{dims}I", take(4 * dims))
            count = 1
            for length in shape:
                count *= length
            if name in tensors:
                raise DumpError(f"{path}: two tensors are called {name}")
            tensors[name] = np.frombuffer(take(4 * count), "<f4").reshape(shape)
        _expect_end(file, path, size)
    return tensors


def _expect_end(file: BinaryIO, path: Path, size: int) -> None:
    if file.tell() != size:
        raise DumpError(f"{path}: {size - file.tell()} bytes after the last tensor")
