"""Surfaces: float32 arrays [height, width, 3] of 0 to 255, made from seeded noise."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Callable

import numpy as np
from PIL import Image

Array = np.ndarray


def noise_source(rng: Random) -> np.random.Generator:
    """A NumPy generator that continues the sequence of `rng`."""
    return np.random.Generator(np.random.PCG64(rng.getrandbits(64)))


def smooth(source: np.random.Generator, width: int, height: int, cell_x: float,
           cell_y: float) -> Array:
    """Smooth noise [height, width], mean 0, deviation about 1, in cells of the given size."""
    small = source.standard_normal((max(2, int(height / cell_y) + 2),
                                    max(2, int(width / cell_x) + 2))).astype(np.float32)
    grown = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(grown) * 1.25


def clouds(source: np.random.Generator, width: int, height: int, cell: float,
           octaves: int = 4) -> Array:
    """Noise with detail at `octaves` scales, mean 0, deviation about 1."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        size = max(1.0, cell / 2 ** octave)
        total += smooth(source, width, height, size, size) * 0.6 ** octave
    return total / 1.2


def _tint(grey: Array, colour: tuple[float, float, float]) -> Array:
    """Grey values around 1 into colour."""
    return grey[:, :, None].astype(np.float32) * np.array(colour, np.float32)


def _turned(width: int, height: int, grey: Array, angle: float) -> Array:
    """The middle of `grey` (a square wide enough) turned by `angle` degrees."""
    turned = Image.fromarray(grey.astype(np.float32)).rotate(angle, Image.Resampling.BILINEAR)
    left, top = (turned.width - width) // 2, (turned.height - height) // 2
    return np.asarray(turned)[top:top + height, left:left + width]


DARK_PLASTIC = (28, 36, 45, 60, 80)
PALE_PLASTIC = (150, 170, 190, 215, 228)
DARK_ALUMINIUM = (58, 72, 88)
PALE_ALUMINIUM = (118, 135, 165, 185, 200, 210)
DARK_PAINT = ((70, 76, 82), (40, 62, 88), (30, 70, 60), (90, 30, 28), (52, 54, 56))
PALE_PAINT = ((150, 150, 142), (195, 170, 60), (205, 205, 198), (178, 190, 196))


def plastic(rng: Random, width: int, height: int, grain: float,
            tones: tuple[int, ...] = DARK_PLASTIC + PALE_PLASTIC) -> Array:
    """Moulded plastic with a fine grain."""
    source = noise_source(rng)
    base = rng.choice(tones)
    tone = (base * rng.uniform(0.96, 1.04), base, base * rng.uniform(0.94, 1.05))
    grey = (1 + 0.035 * smooth(source, width, height, grain, grain)
            + 0.012 * clouds(source, width, height, 400, 3))
    return _tint(grey, tone)


def aluminium(rng: Random, width: int, height: int, grain: float,
              tones: tuple[int, ...] = PALE_ALUMINIUM) -> Array:
    """Blasted and anodised aluminium: silver or grey, a glittering grain."""
    source = noise_source(rng)
    base = rng.choice(tones)
    tone = (base * rng.uniform(0.97, 1.02), base, base * rng.uniform(0.98, 1.04))
    grey = (1 + 0.035 * smooth(source, width, height, grain, grain)
            + 0.015 * smooth(source, width, height, 2 * grain, 2 * grain)
            + 0.015 * clouds(source, width, height, 600, 2))
    return _tint(grey, tone)


def brushed(rng: Random, width: int, height: int, grain: float, angle: float = 0.0) -> Array:
    """Metal brushed in one direction."""
    source = noise_source(rng)
    side = int(1.1 * (width ** 2 + height ** 2) ** 0.5) if abs(angle) > 0.2 else max(width, height)
    grey = (1 + 0.05 * smooth(source, side, side, 150 * grain, grain)
            + 0.035 * smooth(source, side, side, 40 * grain, grain)
            + 0.03 * clouds(source, side, side, 300, 2))
    grey = _turned(width, height, grey, angle)
    base = rng.choice((120, 150, 175, 195))
    return _tint(grey, (base, base * 0.995, base * 0.98))


def painted(rng: Random, width: int, height: int, grain: float,
            tones: tuple[tuple[int, int, int], ...] = DARK_PAINT + PALE_PAINT) -> Array:
    """Painted sheet metal with orange peel, marks and scratches."""
    source = noise_source(rng)
    tone = rng.choice(tones)
    grey = (1 + 0.03 * smooth(source, width, height, 3 * grain, 3 * grain)
            + 0.018 * clouds(source, width, height, 400, 3))
    marks = np.clip(smooth(source, width, height, 90, 1.2 * grain) - 2.6, 0, 1)
    return _tint(grey + 0.25 * marks, tone)


def cardboard(rng: Random, width: int, height: int, grain: float) -> Array:
    """Brown corrugated board: fibres, specks, faint flutes."""
    source = noise_source(rng)
    flutes = np.sin(np.arange(height, dtype=np.float32) * (2 * np.pi / (14 * grain)))[:, None]
    specks = np.clip(-smooth(source, width, height, 1.5 * grain, 1.5 * grain) - 2.3, 0, 1)
    grey = (1 + 0.03 * smooth(source, width, height, 12 * grain, 1.5 * grain) + 0.012 * flutes
            + 0.04 * clouds(source, width, height, 200) - 0.3 * specks)
    return _tint(grey, (rng.uniform(155, 180), rng.uniform(124, 138), rng.uniform(90, 105)))


def wood(rng: Random, width: int, height: int, grain: float) -> Array:
    """A table top: long grain and slow rings."""
    source = noise_source(rng)
    rings = np.sin(3 * clouds(source, width, height, 300, 2)
                   + np.arange(height, dtype=np.float32)[:, None] / (9 * grain))
    grey = (1 + 0.05 * rings + 0.06 * smooth(source, width, height, 120 * grain, 1.5 * grain)
            + 0.04 * clouds(source, width, height, 250))
    tone = rng.choice(((178, 134, 92), (120, 80, 52), (205, 172, 130), (92, 66, 50)))
    return _tint(grey, tone)


def cloth(rng: Random, width: int, height: int, grain: float) -> Array:
    """Woven cloth or carpet."""
    source = noise_source(rng)
    weave = 2.2 * grain
    columns = np.sin(np.arange(width, dtype=np.float32) * (2 * np.pi / weave))[None, :]
    rows = np.sin(np.arange(height, dtype=np.float32) * (2 * np.pi / weave))[:, None]
    grey = (1 + 0.05 * columns * rows + 0.09 * smooth(source, width, height, 2 * grain, 2 * grain)
            + 0.06 * clouds(source, width, height, 260))
    tone = rng.choice(((70, 72, 78), (48, 58, 84), (120, 112, 100), (98, 52, 50), (60, 70, 58)))
    return _tint(grey, tone)


def steel_wall(rng: Random, width: int, height: int, grain: float) -> Array:
    """The corrugated, painted side of a container, with dirt and rust."""
    source = noise_source(rng)
    period = rng.uniform(0.16, 0.3) * width
    wave = np.clip(3 * np.sin((np.arange(width) + rng.uniform(0, period)) * (2 * np.pi / period)),
                   -1, 1).astype(np.float32)
    slope = np.gradient(wave)[None, :] * 22
    dirt = clouds(source, width, height, 130)
    streaks = smooth(source, width, height, 14 * grain, 220 * grain)
    grey = 1 + np.clip(slope, -0.28, 0.2) + 0.05 * dirt + 0.045 * streaks
    tone = rng.choice(((140, 44, 34), (30, 68, 110), (36, 92, 70), (110, 108, 104), (170, 88, 30),
                       (72, 48, 40)))
    wall = _tint(grey, tone)
    rust = np.clip(clouds(source, width, height, 60) - 1.9, 0, 1)[:, :, None]
    return wall * (1 - rust) + rust * np.array((92, 52, 30), np.float32)


def circuit_board(rng: Random, width: int, height: int, grain: float) -> Array:
    """Solder mask with tracks and pads."""
    source = noise_source(rng)
    board = np.full((height, width), 1.0, np.float32)
    pitch = int(8 * grain) + 2
    for _ in range(90):
        x, y = int(source.integers(width)), int(source.integers(height))
        length, thick = int(source.integers(20, 260)), int(source.integers(2, pitch))
        if source.random() < 0.5:
            board[y:y + thick, x:x + length] = 1.22
        else:
            board[y:y + length, x:x + thick] = 1.22
    board += 0.03 * clouds(source, width, height, 200)
    tone = rng.choice(((22, 78, 44), (20, 60, 36), (24, 44, 96), (30, 30, 32)))
    image = _tint(board, tone)
    parts = ((188, 186, 176), (30, 30, 34), (150, 110, 70), (120, 92, 60))
    for _ in range(140):
        x, y = int(source.integers(width)), int(source.integers(height))
        long = int(source.integers(6, int(18 * grain + 8)))
        short = int(source.integers(4, int(8 * grain + 6)))
        down, across = (long, short) if source.random() < 0.5 else (short, long)
        pad = max(1, long // 4)
        image[y:y + down, x:x + across] = (196, 194, 186)
        inner = (slice(y + pad, y + down - pad), slice(x, x + across)) if down > across else (
            slice(y, y + down), slice(x + pad, x + across - pad))
        image[inner] = parts[int(source.integers(len(parts)))]
    return image


SURFACES: dict[str, Callable[[Random, int, int, float], Array]] = {
    "plastic": plastic, "dark-plastic": partial(plastic, tones=DARK_PLASTIC),
    "pale-plastic": partial(plastic, tones=PALE_PLASTIC), "painted": painted,
    "dark-paint": partial(painted, tones=DARK_PAINT),
    "pale-paint": partial(painted, tones=PALE_PAINT), "aluminium": aluminium,
    "dark-aluminium": partial(aluminium, tones=DARK_ALUMINIUM), "brushed": brushed,
    "cardboard": cardboard, "wood": wood, "cloth": cloth, "steel-wall": steel_wall,
    "circuit-board": circuit_board}
# those that are the body of a device, with seams and screws
BODIES = ("plastic", "dark-plastic", "pale-plastic", "painted", "dark-paint", "pale-paint",
          "aluminium", "dark-aluminium", "brushed")
