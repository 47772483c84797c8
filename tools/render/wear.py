"""What use does to labels, plates and print: scratches, rubbed patches, creases, torn corners.

Wear may touch the serial number, but never hides more than thin lines and part of its contrast, so
that a person can still read it.
"""

from __future__ import annotations

from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from panel import Placed
from subject import Subject


def _strokes(rng: Random, image: Image.Image, unit: float) -> None:
    """Scratches: thin, nearly straight, lighter or darker than what they cross."""
    for _ in range(rng.randrange(2, 9)):
        tone = rng.choice((235, 215, 120, 60))
        layer = Image.new("L", image.size, 0)
        x, y = rng.uniform(0, image.width), rng.uniform(0, image.height)
        length = rng.uniform(2, 12) * unit
        dx, dy = rng.uniform(-1, 1) * length, rng.uniform(-1, 1) * length
        bend = rng.uniform(-0.1, 0.1) * length
        points = [(x, y), (x + dx / 2 + bend, y + dy / 2 - bend), (x + dx, y + dy)]
        ImageDraw.Draw(layer).line(points, fill=rng.randrange(90, 220),
                                   width=max(1, round(rng.uniform(0.02, 0.07) * unit)))
        layer = ImageChops.multiply(layer, image.getchannel("A"))
        image.paste((tone, tone, tone, 255), (0, 0), layer)


def _rub(rng: Random, image: Image.Image, unit: float) -> Image.Image:
    """Patches where part of the ink is gone: the picture fades towards its own blur."""
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(rng.randrange(1, 4)):
        x, y = rng.uniform(0, image.width), rng.uniform(0, image.height)
        wide, high = rng.uniform(1, 5) * unit, rng.uniform(0.5, 2) * unit
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=rng.randrange(70, 165))
    mask = mask.filter(ImageFilter.GaussianBlur(0.4 * unit))
    faded = image.filter(ImageFilter.GaussianBlur(2 * unit))
    faded.putalpha(image.getchannel("A"))
    return Image.composite(faded, image, mask)


def _crease(rng: Random, image: Image.Image, unit: float) -> None:
    """A fold across the label: a light line beside a dark one."""
    x0, x1 = rng.uniform(0, image.width), rng.uniform(0, image.width)
    width = max(1, round(0.05 * unit))
    for shift, tone in ((0, 250), (width, 130)):
        layer = Image.new("L", image.size, 0)
        ends = ((x0 + shift, 0), (x1 + shift, image.height))
        ImageDraw.Draw(layer).line(ends, fill=120, width=width)
        layer = ImageChops.multiply(layer, image.getchannel("A"))
        image.paste((tone, tone, tone, 255), (0, 0), layer)


def _tear(rng: Random, image: Image.Image, unit: float, texts: list[Placed]) -> bool:
    """A torn corner, where no text stands; was there one?"""
    size = rng.uniform(1, 4) * unit
    right, low = rng.random() < 0.5, rng.random() < 0.5
    x, y = (image.width if right else 0), (image.height if low else 0)
    sx, sy = (-1 if right else 1), (-1 if low else 1)
    edge = [(x + sx * size * k / 6 + rng.gauss(0, 0.06) * size,
             y + sy * size * (6 - k) / 6 + rng.gauss(0, 0.06) * size) for k in range(7)]
    box = (min(x, x + sx * 1.3 * size), min(y, y + sy * 1.3 * size),
           max(x, x + sx * 1.3 * size), max(y, y + sy * 1.3 * size))
    if any(t.box[0] < box[2] and box[0] < t.box[2] and t.box[1] < box[3] and box[1] < t.box[3]
           for t in texts):
        return False
    hole = Image.new("L", image.size, 255)
    ImageDraw.Draw(hole).polygon([(x, y), *edge], fill=0)
    image.putalpha(ImageChops.multiply(hole, image.getchannel("A")))
    return True


def wear(rng: Random, subject: Subject, level: float) -> None:
    """Wear the subject's panel, more of it the higher `level` (0 to 1) is."""
    if subject.finish not in ("sticker", "ink") or rng.random() > 0.1 + 0.35 * level:
        return
    panel, unit = subject.panel, subject.cap
    if rng.random() < 0.5:
        panel.image = _rub(rng, panel.image, unit)
    if rng.random() < 0.6:
        _strokes(rng, panel.image, unit)
    if rng.random() < 0.25:
        _crease(rng, panel.image, unit)
    if subject.finish == "sticker" and rng.random() < 0.35:
        _tear(rng, panel.image, unit, panel.texts)
    panel.draw = ImageDraw.Draw(panel.image)
