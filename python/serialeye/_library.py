"""libserialeye as ctypes sees it: include/serialeye.h, the part that the package uses.

Structures repeat the header's. Pointers to opaque objects are c_void_p.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import threading
from ctypes import POINTER, c_char, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path

_NAME = "libserialeye.so.0"


class SerialEyeError(Exception):
    """A call failed, or a picture could not be read.

    code: the header's name of the status, such as "truncated". str(): what, where, what to do.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.code = load().se_status_name(status).decode()


class Error(ctypes.Structure):  # se_error
    _fields_ = [("code", c_int), ("message", c_char * 512)]


class Picture(ctypes.Structure):  # se_picture
    _fields_ = [("bytes", c_char_p), ("size", c_size_t), ("name", c_char_p)]


class ReadOptions(ctypes.Structure):  # se_read_options; the library takes `size` as the extent
    _fields_ = [("size", c_size_t), ("name", c_char_p), ("lines", c_int), ("time_limit_ms", c_int),
                ("cancel", c_void_p)]


_SIGNATURES = {
    "se_version": (c_char_p, []),
    "se_status_name": (c_char_p, [c_int]),
    "se_settings_new": (c_int, [POINTER(c_void_p), POINTER(Error)]),
    "se_settings_free": (None, [c_void_p]),
    "se_settings_set": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, POINTER(Error)]),
    "se_settings_load_environment": (c_int, [c_void_p, POINTER(Error)]),
    "se_open": (c_int, [POINTER(c_void_p), c_void_p, POINTER(Error)]),
    "se_close": (None, [c_void_p]),
    "se_trim": (None, [c_void_p]),
    "se_read": (c_int, [c_void_p, c_char_p, c_size_t, POINTER(ReadOptions), POINTER(c_void_p),
                        POINTER(Error)]),
    "se_read_batch": (c_int, [c_void_p, POINTER(Picture), c_size_t, POINTER(ReadOptions),
                              POINTER(c_void_p), POINTER(Error)]),
    "se_read_device": (c_int, [c_void_p, POINTER(Picture), c_size_t, POINTER(ReadOptions),
                               POINTER(c_void_p), POINTER(Error)]),
    "se_result_free": (None, [c_void_p]),
    "se_result_status": (c_int, [c_void_p, POINTER(c_char_p)]),
    "se_result_json": (c_char_p, [c_void_p]),
}

_loaded: ctypes.CDLL | None = None
_lock = threading.Lock()


def _path() -> str:
    named = os.environ.get("LIBSERIALEYE")
    if named:
        return named
    beside = Path(__file__).with_name(_NAME)
    if beside.exists():
        return str(beside)
    return ctypes.util.find_library("serialeye") or _NAME


def load() -> ctypes.CDLL:
    """The library, loaded once. OSError when there is none."""
    global _loaded
    with _lock:
        if _loaded is None:
            path = _path()
            try:
                library = ctypes.CDLL(path)
            except OSError as error:
                raise OSError(f"{error}; LIBSERIALEYE can name the file, "
                              "`make install` puts it where it is found") from None
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
            _loaded = library
        return _loaded


def read_options(lines: bool, time_limit_ms: int | None) -> ReadOptions:
    limit = -1 if time_limit_ms is None else time_limit_ms
    return ReadOptions(ctypes.sizeof(ReadOptions), None, lines, limit, None)
