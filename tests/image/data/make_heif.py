#!/usr/bin/env python3
"""Makes the HEIC and AVIF files in this folder with libheif (1.15 or newer, with the encoders x265
and aom): the picture of picture_make (picture_files.c), 65 x 49 when seen upright.

    turn1.heic … turn8.heic   stored in each orientation, with HEIF's turn and mirror properties and
                              EXIF that says the same, as phones write them
    plain.avif, turn6.avif
    alpha.heic, alpha.avif    alpha falls with x as in webp_alpha (picture_files.c)

    python3 make_heif.py
"""
import ctypes
import os
import struct

WIDTH, HEIGHT = 65, 49
HERE = os.path.dirname(os.path.abspath(__file__))
HEVC, AV1 = 1, 4
RGB, INTERLEAVED_RGB, INTERLEAVED_RGBA, CHANNEL = 1, 10, 11, 10


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("subcode", ctypes.c_int), ("message", ctypes.c_char_p)]


class EncodingOptions(ctypes.Structure):  # up to version 5
    _fields_ = [("version", ctypes.c_uint8), ("save_alpha", ctypes.c_uint8),
                ("macos_workaround", ctypes.c_uint8), ("two_profiles", ctypes.c_uint8),
                ("output_profile", ctypes.c_void_p), ("macos_no_profile", ctypes.c_uint8),
                ("orientation", ctypes.c_int)]


heif = ctypes.CDLL("libheif.so.1")
heif.heif_context_alloc.restype = ctypes.c_void_p
heif.heif_encoding_options_alloc.restype = ctypes.POINTER(EncodingOptions)
heif.heif_image_get_plane.restype = ctypes.POINTER(ctypes.c_uint8)


def call(name, *arguments):
    function = getattr(heif, name)
    function.restype = Error
    error = function(*arguments)
    if error.code:
        raise RuntimeError(f"{name}: {error.message.decode()}")


def pixel(x, y):
    blue = 40 + 50 * (2 * x >= WIDTH) + 100 * (2 * y >= HEIGHT)
    return bytes((x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), blue))


def shown_at(orientation, x, y, w, h):
    return {1: (x, y), 2: (w - 1 - x, y), 3: (w - 1 - x, h - 1 - y), 4: (x, h - 1 - y),
            5: (y, x), 6: (h - 1 - y, x), 7: (h - 1 - y, w - 1 - x), 8: (y, w - 1 - x)}[orientation]


def rows(orientation, alpha):
    w, h = (HEIGHT, WIDTH) if orientation >= 5 else (WIDTH, HEIGHT)
    for y in range(h):
        row = b""
        for x in range(w):
            shown = shown_at(orientation, x, y, w, h)
            row += pixel(*shown) + (bytes((255 - shown[0] * 200 // WIDTH,)) if alpha else b"")
        yield row


def make(name, codec, orientation=1, alpha=False):
    stored = list(rows(orientation, alpha))
    width, height = len(stored[0]) // (4 if alpha else 3), len(stored)
    context, image = ctypes.c_void_p(heif.heif_context_alloc()), ctypes.c_void_p()
    encoder, handle = ctypes.c_void_p(), ctypes.c_void_p()
    call("heif_image_create", width, height, RGB, INTERLEAVED_RGBA if alpha else INTERLEAVED_RGB,
         ctypes.byref(image))
    call("heif_image_add_plane", image, CHANNEL, width, height, 8)
    stride = ctypes.c_int()
    plane = heif.heif_image_get_plane(image, CHANNEL, ctypes.byref(stride))
    for y, row in enumerate(stored):
        ctypes.memmove(ctypes.addressof(plane.contents) + y * stride.value, row, len(row))
    call("heif_context_get_encoder_for_format", context, codec, ctypes.byref(encoder))
    call("heif_encoder_set_lossy_quality", encoder, 85)
    options = heif.heif_encoding_options_alloc()
    assert options.contents.version >= 5
    options.contents.orientation = orientation
    call("heif_context_encode_image", context, image, encoder, options, ctypes.byref(handle))
    tiff = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, orientation, 0)
    call("heif_context_add_exif_metadata", context, handle, b"Exif\0\0" + tiff, len(tiff) + 6)
    call("heif_context_write_to_file", context, os.path.join(HERE, name).encode())


for number in range(1, 9):
    make(f"turn{number}.heic", HEVC, number)
make("plain.avif", AV1)
make("turn6.avif", AV1, 6)
make("alpha.heic", HEVC, alpha=True)
make("alpha.avif", AV1, alpha=True)
