"""A flat thing with text on it, before a camera looks at it.

A `Panel` is a picture with alpha in its own pixels, larger than it needs to be, and cut to size at
the end. It remembers where every text stands: the truth of the picture comes from here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import numpy as np
from PIL import Image, ImageDraw

import barcodes
import dotfont
from fonts import font
from serials import Identifier

Colour = tuple[int, int, int, int]

BLACK: Colour = (12, 12, 14, 255)
CLEAR: Colour = (0, 0, 0, 0)


@dataclass(frozen=True)
class Placed:
    """A text with its box (left, top, right, bottom) round the ink, in pixels of the panel."""

    text: str
    role: str
    box: tuple[float, float, float, float]
    code: Identifier | None = None


class Panel:
    """Canvas of `width` x `height` pixels; coordinates are pixels, y downwards."""

    def __init__(self, width: float, height: float, paper: Colour) -> None:
        self.image = Image.new("RGBA", (round(width), round(height)), paper)
        self.draw = ImageDraw.Draw(self.image)
        self.texts: list[Placed] = []

    def remember(self, text: str, box: tuple[float, float, float, float],
                 code: Identifier | None = None, role: str = "other") -> None:
        """Note that `text` stands in `box`; a code's kind is its role unless another is given."""
        if code and role == "other":
            role = code.kind
        self.texts.append(Placed(text, role, box, code))

    def text(self, x: float, y: float, text: str, face: str, cap: float, ink: Colour = BLACK,
             code: Identifier | None = None, role: str = "other", tracking: float = 0.0,
             align: str = "l", wobble: Random | None = None) -> float:
        """Write `text` with its baseline at `y`; gives the x where it ends.

        `cap` is the height of capitals, `tracking` extra space between characters in parts of it;
        `align` says what `x` is: l left end, m middle, r right end. With `wobble` every character
        stands a little high or low, as struck by hand.
        """
        letters = font(face, cap)
        width = measure(text, face, cap, tracking)
        x -= {"l": 0.0, "m": width / 2, "r": width}[align]
        if tracking:
            at = x
            for char in text:
                up = wobble.gauss(0, 0.025) * cap if wobble else 0
                self.draw.text((at, y + up), char, fill=ink, font=letters, anchor="ls")
                at += letters.getlength(char) + tracking * cap
        else:
            self.draw.text((x, y), text, fill=ink, font=letters, anchor="ls")
        _, top, _, bottom = letters.getbbox(text, anchor="ls")
        self.remember(text, (x, y + top, x + width, y + bottom), code, role)
        return x + width

    def dots(self, x: float, y: float, text: str, cap: float, ink: Colour, rng: Random,
             code: Identifier | None = None, role: str = "other", fill: float = 0.62) -> float:
        """Write `text` in dots of `fill` parts of their distance, slightly astray; baseline `y`."""
        step = cap / 6.6
        for column, row in dotfont.dots(text.upper()):
            cx = x + (column + 0.5) * step + rng.gauss(0, 0.07) * step
            cy = y - cap + (row + 0.3) * step + rng.gauss(0, 0.07) * step
            radius = step * fill * rng.uniform(0.85, 1.15)
            self.draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=ink)
        end = x + dotfont.columns(text) * step
        self.remember(text.upper(), (x, y - cap - 0.3 * step, end, y + 0.3 * step), code, role)
        return end

    def bars(self, x: float, y: float, widths: list[int], height: float, module: int,
             ink: Colour = BLACK) -> float:
        """Draw a linear code with its top left at (x, y); gives the x where it ends."""
        at = round(x)
        for place, width in enumerate(widths):
            if place % 2 == 0:
                self.draw.rectangle((at, y, at + width * module - 1, y + height), fill=ink)
            at += width * module
        return at

    def matrix(self, x: float, y: float, text: str, module: int, ink: Colour = BLACK) -> float:
        """Draw a QR symbol with its top left at (x, y); gives its side in pixels."""
        symbol = barcodes.qr(text)
        for row, line in enumerate(symbol):
            for column, is_dark in enumerate(line):
                if is_dark:
                    left, top = round(x) + column * module, round(y) + row * module
                    self.draw.rectangle((left, top, left + module - 1, top + module - 1), fill=ink)
        return len(symbol) * module

    def crop(self, box: tuple[float, float, float, float]) -> None:
        """Cut the panel to `box`."""
        left, top, right, bottom = (round(v) for v in box)
        self.image = self.image.crop((left, top, right, bottom))
        self.draw = ImageDraw.Draw(self.image)
        self.texts = [replace(t, box=(t.box[0] - left, t.box[1] - top, t.box[2] - left,
                                      t.box[3] - top)) for t in self.texts]

    def round_corners(self, radius: float) -> None:
        """Make the four corners transparent."""
        shape = Image.new("L", self.image.size, 0)
        box = (0, 0, self.image.width - 1, self.image.height - 1)
        ImageDraw.Draw(shape).rounded_rectangle(box, radius, fill=255)
        alpha = np.minimum(np.asarray(self.image.getchannel("A")), np.asarray(shape))
        self.image.putalpha(Image.fromarray(alpha))

    def ink_box(self, margin: float) -> tuple[float, float, float, float]:
        """The box of everything drawn on a clear panel, with `margin` round it."""
        left, top, right, bottom = self.image.getbbox() or (0, 0, 1, 1)
        return left - margin, top - margin, right + margin, bottom + margin


def measure(text: str, face: str, cap: float, tracking: float = 0.0) -> float:
    """Width of `text` in pixels."""
    letters = font(face, cap)
    if tracking:
        return sum(letters.getlength(c) + tracking * cap for c in text) - tracking * cap
    return letters.getlength(text)
