"""Fonts from Debian packages, asked for by a short name and the height of a capital letter.

`PACKAGES` is what has to be installed; there is no fallback, because another font would give other
pictures from the same seed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

PACKAGES = ("fonts-dejavu-core", "fonts-dejavu-extra", "fonts-hack", "fonts-inter",
            "fonts-liberation", "fonts-ocr-a", "fonts-ocr-b", "fonts-opendin", "fonts-osifont",
            "fonts-roboto-unhinted", "fonts-wqy-microhei")

ROOT = Path("/usr/share/fonts")

FILES = {
    "arial": "truetype/liberation/LiberationSans-Regular.ttf",
    "arial-bold": "truetype/liberation/LiberationSans-Bold.ttf",
    "narrow": "truetype/liberation/LiberationSansNarrow-Regular.ttf",
    "narrow-bold": "truetype/liberation/LiberationSansNarrow-Bold.ttf",
    "courier": "truetype/liberation/LiberationMono-Regular.ttf",
    "courier-bold": "truetype/liberation/LiberationMono-Bold.ttf",
    "times": "truetype/liberation/LiberationSerif-Regular.ttf",
    "dejavu": "truetype/dejavu/DejaVuSans.ttf",
    "dejavu-bold": "truetype/dejavu/DejaVuSans-Bold.ttf",
    "dejavu-cond": "truetype/dejavu/DejaVuSansCondensed.ttf",
    "dejavu-cond-bold": "truetype/dejavu/DejaVuSansCondensed-Bold.ttf",
    "dejavu-mono": "truetype/dejavu/DejaVuSansMono.ttf",
    "hack": "truetype/hack/Hack-Regular.ttf",
    "hack-bold": "truetype/hack/Hack-Bold.ttf",
    "inter": "opentype/inter/Inter-Regular.otf",
    "inter-light": "opentype/inter/Inter-Light.otf",
    "inter-medium": "opentype/inter/Inter-Medium.otf",
    "inter-bold": "opentype/inter/Inter-SemiBold.otf",
    "roboto": "truetype/roboto/unhinted/RobotoTTF/Roboto-Regular.ttf",
    "roboto-medium": "truetype/roboto/unhinted/RobotoTTF/Roboto-Medium.ttf",
    "roboto-bold": "truetype/roboto/unhinted/RobotoTTF/Roboto-Bold.ttf",
    "roboto-cond": "truetype/roboto/unhinted/RobotoCondensed-Regular.ttf",
    "roboto-cond-bold": "truetype/roboto/unhinted/RobotoCondensed-Bold.ttf",
    "ocr-a": "truetype/ocr-a/OCRA.ttf",
    "ocr-b": "opentype/ocr-b/OCRB.otf",
    "din": "truetype/opendin/OSP-DIN.ttf",
    "iso": "truetype/osifont/osifont.ttf",
    "cjk": "truetype/wqy/wqy-microhei.ttc",
}


class FontError(Exception):
    """A font file is missing; the message says which package has it."""


def missing() -> list[str]:
    """Font files that are not installed."""
    return [str(ROOT / name) for name in FILES.values() if not (ROOT / name).is_file()]


@lru_cache(maxsize=None)
def _cap_ratio(name: str) -> float:
    """Height of a capital H in units of the font size."""
    left, top, right, bottom = _load(name, 200).getbbox("H", anchor="ls")
    return (bottom - top) / 200


@lru_cache(maxsize=512)
def _load(name: str, size: int) -> ImageFont.FreeTypeFont:
    path = ROOT / FILES[name]
    try:
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise FontError(f"{path}: {error}; install {' '.join(PACKAGES)}") from error


def font(name: str, cap: float) -> ImageFont.FreeTypeFont:
    """The font `name` in the size at which a capital letter is `cap` pixels high."""
    return _load(name, max(4, round(cap / _cap_ratio(name))))
