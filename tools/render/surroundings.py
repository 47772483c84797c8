"""What else is on a device round its label: seams, screws, vents, feet, pen marks.

Shapes are laid out in the plane of the panel and drawn through the camera's homography, never over
the panel itself.
"""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray
Point = tuple[float, float]


class _Ground:
    """Two layers of light over the ground, dark and bright, that shapes are drawn into."""

    def __init__(self, size: tuple[int, int], matrix: Array) -> None:
        self.matrix = matrix
        self.dark = Image.new("L", size, 0)
        self.bright = Image.new("L", size, 0)

    def seen(self, points: list[Point]) -> list[Point]:
        """Points of the plane in the picture."""
        flat = np.column_stack((np.array(points, float), np.ones(len(points)))) @ self.matrix.T
        return [(float(x / w), float(y / w)) for x, y, w in flat]

    def shape(self, points: list[Point], dark: int, bright: int = 0) -> None:
        """A filled polygon that takes light away, with a bright rim below it."""
        outline = self.seen(points)
        if bright:
            ImageDraw.Draw(self.bright).polygon([(x + 1, y + 1.5) for x, y in outline], fill=bright)
            ImageDraw.Draw(self.bright).polygon(outline, fill=0)
        ImageDraw.Draw(self.dark).polygon(outline, fill=dark)

    def disc(self, centre: Point, radius: float, dark: int, bright: int = 0) -> None:
        """A filled circle."""
        angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        self.shape([(centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a))
                    for a in angles], dark, bright)

    def applied(self, image: Array) -> Array:
        """The ground with the shapes on it."""
        soft = ImageFilter.GaussianBlur(0.8)
        dark = np.asarray(self.dark.filter(soft), np.float32)[:, :, None] / 255
        bright = np.asarray(self.bright.filter(soft), np.float32)[:, :, None] / 255
        return image * (1 - dark) + 60 * bright


def _bar(x: float, y: float, width: float, height: float,
         radius: float = np.inf) -> list[Point]:
    """A rectangle with corners of `radius`; round at its ends if none is given."""
    cut = min(0.5 * min(width, height), radius)
    quarter = np.linspace(0, np.pi / 2, 6)
    outline = []
    right, bottom = x + width - cut, y + height - cut
    for cx, cy, start in ((right, y + cut, -np.pi / 2), (right, bottom, 0.0),
                          (x + cut, bottom, np.pi / 2), (x + cut, y + cut, np.pi)):
        outline += [(cx + cut * np.cos(start + a), cy + cut * np.sin(start + a)) for a in quarter]
    return outline


def furnish(rng: Random, image: Array, matrix: Array, panel_size: tuple[int, int],
            u: float) -> Array:
    """Add one to three kinds of things round a panel of `panel_size`; `u` is its unit."""
    width, height = panel_size
    ground = _Ground((image.shape[1], image.shape[0]), matrix)
    sides = [-rng.uniform(1.5, 7) * u, height + rng.uniform(1.5, 7) * u]
    kinds = rng.sample(("seam", "screws", "vents", "foot", "recess"), rng.randrange(1, 4))
    if "seam" in kinds:
        y = rng.choice(sides)
        ground.shape([(-4 * width, y), (5 * width, y), (5 * width, y + 0.16 * u),
                      (-4 * width, y + 0.16 * u)], 190, 140)
        if rng.random() < 0.4:
            x = rng.choice((-rng.uniform(2, 6) * u, width + rng.uniform(2, 6) * u))
            ground.shape([(x, -9 * height), (x + 0.16 * u, -9 * height), (x + 0.16 * u, 9 * height),
                          (x, 9 * height)], 190, 140)
    if "screws" in kinds:
        radius = rng.uniform(0.5, 0.9) * u
        for x in (-2.4 * u, width + 2.4 * u):
            for y in rng.sample((-2.2 * u, height + 2.2 * u), rng.randrange(1, 3)):
                ground.disc((x, y), 1.45 * radius, 90, 110)
                ground.disc((x, y), radius, 150)
                long, thin = 0.62 * radius, 0.14 * radius
                ground.shape(_bar(x - long, y - thin, 2 * long, 2 * thin), 235)
                ground.shape(_bar(x - thin, y - long, 2 * thin, 2 * long), 235)
    if "vents" in kinds:
        top = sides[0] - rng.uniform(6, 9) * u if rng.random() < 0.5 else sides[1] + 2 * u
        pitch = rng.uniform(0.9, 1.5) * u
        for place in range(-20, 60):
            ground.shape(_bar(place * pitch - 3 * u, top, 0.45 * pitch, rng.uniform(4.9, 5) * u),
                         225, 120)
    if "foot" in kinds:
        x, y = rng.uniform(-0.2, 0.6) * width, rng.choice((sides[0] - 4 * u, sides[1] + 2.5 * u))
        ground.shape(_bar(x, y, rng.uniform(8, 20) * u, 1.8 * u), 205, 90)
    if "recess" in kinds:
        x, y = width + rng.uniform(3, 6) * u, rng.uniform(-3, 1) * u
        ground.shape(_bar(x, y, 9 * u, 7 * u, u), 70, 150)
        ground.shape(_bar(x + 0.3 * u, y + 0.3 * u, 8.4 * u, 6.4 * u, 0.8 * u), 55)
    return ground.applied(image)
