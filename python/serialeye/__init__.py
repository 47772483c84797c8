"""Reads serial numbers off photographs of devices: a binding of libserialeye.

    import serialeye

    serialeye.extract_serials(jpeg_bytes)      # [("5CG3274HKW", 0.998), …], the likeliest first
    serialeye.process_batch([first, second])   # one such list a picture

    with serialeye.Reader(time_limit_ms=500) as reader:
        result = reader.read(jpeg_bytes)       # the dict of docs/contract.md

Nothing but the standard library and libserialeye.so is needed. The library is the file that the
environment's LIBSERIALEYE names, or else the one beside this package, or else the system's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from ctypes import byref, c_char_p, c_void_p

from . import _library
from ._library import SerialEyeError

__all__ = ["Reader", "SerialEyeError", "extract_serials", "process_batch", "version"]


def version() -> str:
    """Version of the library in use, "MAJOR.MINOR.PATCH"."""
    return _library.load().se_version().decode()


class Reader:
    """Models, loaded and ready. May be used from any number of threads at once.

    Settings are those of `serialeye config`, by name: Reader(jobs=4, use_gpu="auto"). What is not
    given comes from the environment (SERIALEYE_<NAME>), then from the library's defaults. Raises
    SerialEyeError.
    """

    def __init__(self, **settings: object) -> None:
        self._reader = c_void_p()
        self._lib = _library.load()
        error = _library.Error()
        chosen = c_void_p()
        self._check(self._lib.se_settings_new(byref(chosen), byref(error)), error)
        try:
            self._check(self._lib.se_settings_load_environment(chosen, byref(error)), error)
            for name, value in settings.items():
                text = str(value).lower() if isinstance(value, bool) else str(value)
                status = self._lib.se_settings_set(chosen, name.encode(), text.encode(), b"Python",
                                                   byref(error))
                self._check(status, error)
            self._check(self._lib.se_open(byref(self._reader), chosen, byref(error)), error)
        finally:
            self._lib.se_settings_free(chosen)

    @staticmethod
    def _check(status: int, error: _library.Error) -> None:
        if status != 0:
            raise SerialEyeError(error.code, error.message.decode(errors="replace"))

    def _handle(self) -> c_void_p:
        if not self._reader:
            raise ValueError("the reader is closed")
        return self._reader

    def close(self) -> None:
        """Waits for calls in progress, then gives everything back. May be called twice."""
        reader, self._reader = self._reader, c_void_p()
        self._lib.se_close(reader)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_reader", None):
            self.close()

    def trim(self) -> None:
        """Gives memory that is only kept for speed back to the system."""
        self._lib.se_trim(self._handle())

    def read(self, picture: bytes, *, lines: bool = False,
             time_limit_ms: int | None = None) -> dict:
        """What is in one picture (the bytes of a JPEG, PNG, WebP or HEIC file).

        lines: report all lines of text, too. time_limit_ms: 0 is none; None, what the settings say.
        Raises SerialEyeError for a picture that cannot be read.
        """
        options = _library.read_options(lines, time_limit_ms)
        error = _library.Error()
        result = c_void_p()
        status = self._lib.se_read(self._handle(), picture, len(picture), options, byref(result),
                                   byref(error))
        self._check(status, error)
        try:
            return json.loads(self._lib.se_result_json(result))
        finally:
            self._lib.se_result_free(result)

    def read_batch(self, pictures: Sequence[bytes], *, lines: bool = False,
                   time_limit_ms: int | None = None) -> list[dict | SerialEyeError]:
        """The same for many pictures, `jobs` of them side by side (a setting).

        The answer at i belongs to pictures[i]. A picture that cannot be read has a SerialEyeError
        in its place, so that one broken picture never costs the others.
        """
        options = _library.read_options(lines, time_limit_ms)
        count = len(pictures)
        given = (_library.Picture * count)(*((one, len(one), None) for one in pictures))
        results = (c_void_p * count)()
        error = _library.Error()
        status = self._lib.se_read_batch(self._handle(), given, count, options, results,
                                         byref(error))
        self._check(status, error)
        try:
            return [self._answer(c_void_p(result)) for result in results]
        finally:
            for result in results:
                self._lib.se_result_free(c_void_p(result))

    def read_device(self, pictures: Sequence[bytes], *, names: Sequence[str] | None = None,
                    time_limit_ms: int | None = None) -> dict:
        """What several pictures of one device say together (docs/contract.md).

        names: of the pictures, for the result. Pictures that cannot be read take no part and are
        said in "pictures"; SerialEyeError when none can.
        """
        if names is not None and len(names) != len(pictures):
            raise ValueError(f"{len(names)} names for {len(pictures)} pictures")
        options = _library.read_options(False, time_limit_ms)
        count = len(pictures)
        called = [name.encode() for name in names] if names else [None] * count
        given = (_library.Picture * count)(*((one, len(one), name)
                                             for one, name in zip(pictures, called)))
        error = _library.Error()
        result = c_void_p()
        status = self._lib.se_read_device(self._handle(), given, count, options, byref(result),
                                          byref(error))
        self._check(status, error)
        try:
            return json.loads(self._lib.se_result_json(result))
        finally:
            self._lib.se_result_free(result)

    def _answer(self, result: c_void_p) -> dict | SerialEyeError:
        message = c_char_p()
        status = self._lib.se_result_status(result, byref(message))
        if status != 0:
            return SerialEyeError(status, (message.value or b"").decode(errors="replace"))
        return json.loads(self._lib.se_result_json(result))

    def extract_serials(self, picture: bytes, **options: object) -> list[tuple[str, float]]:
        """(text, score) of each identifier in one picture, the likeliest first; see read."""
        return _ranked(self.read(picture, **options))

    def process_batch(self, pictures: Iterable[bytes],
                      **options: object) -> list[list[tuple[str, float]] | SerialEyeError]:
        """The same for many pictures; see read_batch."""
        return [answer if isinstance(answer, SerialEyeError) else _ranked(answer)
                for answer in self.read_batch(list(pictures), **options)]


def _ranked(result: dict) -> list[tuple[str, float]]:
    return [(reading["text"], reading["score"]) for reading in result["readings"]]


_shared: Reader | None = None
_shared_lock = threading.Lock()


def _shared_reader() -> Reader:
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Reader()
        return _shared


def extract_serials(picture: bytes) -> list[tuple[str, float]]:
    """Reader.extract_serials of a reader with default settings, made at the first call."""
    return _shared_reader().extract_serials(picture)


def process_batch(pictures: Iterable[bytes]) -> list[list[tuple[str, float]] | SerialEyeError]:
    """Reader.process_batch of a reader with default settings, made at the first call."""
    return _shared_reader().process_batch(pictures)
