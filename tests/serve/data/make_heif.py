#!/usr/bin/env python3
"""Makes small.heic and small.avif in this folder out of a picture, with libheif's encoders x265 and aom
and Pillow (python3-pil).

    python3 make_heif.py ../../reader/small.jpg
"""
import ctypes
import os
import sys

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
HEVC, AV1 = 1, 4
RGB, INTERLEAVED_RGB, CHANNEL = 1, 10, 10


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("subcode", ctypes.c_int), ("message", ctypes.c_char_p)]


heif = ctypes.CDLL("libheif.so.1")
heif.heif_context_alloc.restype = ctypes.c_void_p
heif.heif_image_get_plane.restype = ctypes.POINTER(ctypes.c_uint8)


def call(name, *arguments):
    function = getattr(heif, name)
    function.restype = Error
    error = function(*arguments)
    if error.code:
        raise RuntimeError(f"{name}: {error.message.decode()}")


def make(name, codec, picture):
    width, height = picture.size
    data = picture.tobytes()
    context, image = ctypes.c_void_p(heif.heif_context_alloc()), ctypes.c_void_p()
    encoder, stride = ctypes.c_void_p(), ctypes.c_int()
    call("heif_image_create", width, height, RGB, INTERLEAVED_RGB, ctypes.byref(image))
    call("heif_image_add_plane", image, CHANNEL, width, height, 8)
    plane = heif.heif_image_get_plane(image, CHANNEL, ctypes.byref(stride))
    for y in range(height):
        ctypes.memmove(ctypes.addressof(plane.contents) + y * stride.value,
                       data[3 * width * y:3 * width * (y + 1)], 3 * width)
    call("heif_context_get_encoder_for_format", context, codec, ctypes.byref(encoder))
    call("heif_encoder_set_lossy_quality", encoder, 60)
    call("heif_context_encode_image", context, image, encoder, None, None)
    call("heif_context_write_to_file", context, os.path.join(HERE, name).encode())


with Image.open(sys.argv[1]) as opened:
    upright = opened.convert("RGB")
make("small.heic", HEVC, upright)
make("small.avif", AV1, upright)
