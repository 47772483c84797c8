"""The photograph: where the camera stands, the light, the lens, the sensor, the file.

A `Shot` says how bad the picture is; the limits keep the serial number readable for a person,
because the blur and the noise grow no faster than the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageFilter

import surroundings
import textures
from panel import Placed
from subject import Subject

Array = np.ndarray


@dataclass(frozen=True)
class Shot:
    """How a picture is taken; lengths are in pixels of the picture, angles in degrees."""

    cap: float
    yaw: float
    pitch: float
    roll: float
    quarter_turns: int
    uneven: float
    glare: float
    blur: float
    motion: float
    noise: float
    quality: int
    sharpen: float
    cast: tuple[float, float, float]
    exposure: float


CAPITALS = (8.0, 60.0)


def cap_height(rng: Random, low: float, high: float) -> float:
    """A height of capitals in pixels; small ones are as frequent as large ones."""
    return low * (high / low) ** rng.random()


def take(rng: Random, difficulty: str, cap: float) -> Shot:
    """A shot of the given difficulty (easy, medium, hard) for text `cap` pixels high."""
    level = {"easy": 0.0, "medium": 0.5, "hard": 1.0}[difficulty]
    detail = min(1.0, cap / 26)
    tilt = 4 + 20 * level
    has = rng.random
    red, green, blue = (1 + rng.uniform(-0.02, 0.02) * (1 + 1.5 * level) for _ in range(3))
    return Shot(
        cap=cap,
        yaw=rng.uniform(-tilt, tilt), pitch=rng.uniform(-tilt, tilt),
        roll=rng.gauss(0, 1 + 3 * level) if has() < 0.85 else rng.uniform(-25, 25) * level,
        quarter_turns=rng.choice((1, 2, 3)) if has() < 0.24 * level else 0,
        uneven=rng.uniform(0.05, 0.2 + 0.5 * level),
        glare=rng.uniform(0.2, 0.4 + 0.5 * level) if has() < 0.15 + 0.4 * level else 0.0,
        blur=rng.uniform(0.25, 0.55) + rng.uniform(0, 0.055) * level * cap,
        motion=rng.uniform(0.06, 0.2) * cap if has() < 0.35 * level else 0.0,
        noise=rng.uniform(0.8, 2.5 + 9 * level) * detail,
        quality=rng.randrange(*((88, 96) if level == 0 else (72, 95) if level < 1 else (55, 90)))
        if cap > 14 else rng.randrange(82, 96),
        sharpen=rng.uniform(0.2, 1.0) if has() < 0.5 else 0.0,
        cast=(red, green, blue),
        exposure=rng.uniform(0.94, 1.06) if level == 0 else rng.uniform(0.72, 1.1))


def picture_size(rng: Random, width: float, height: float) -> tuple[int, int]:
    """A picture's size that shows `width` x `height` pixels of subject, within a phone's range."""
    aspect = rng.choice((4 / 3, 4 / 3, 3 / 2, 16 / 9, 3 / 4, 1.0))
    room = rng.uniform(1.04, 1.4)
    across = max(width * room, height * room * aspect)
    across = min(max(across, 480 * max(1.0, aspect)), 1900 * min(1.0, aspect) ** 0.5)
    return int(across), int(across / aspect)


def homography(shot: Shot, scale: float, centre: tuple[float, float], focal: float,
               place: tuple[float, float]) -> Array:
    """The 3x3 map from the panel to the picture that puts `centre` at `place` in size `scale`."""
    yaw, pitch, roll = (np.deg2rad(a) for a in (shot.yaw, shot.pitch, shot.roll))
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)],
                        [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0],
                        [0, 0, 1]])
    turn = about_z @ about_y @ about_x
    plane = np.column_stack((turn[:, 0] * scale, turn[:, 1] * scale, (0, 0, focal)))
    lens = np.array([[focal, 0, place[0]], [0, focal, place[1]], [0, 0, 1]])
    shift = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]])
    return lens @ plane @ shift


def project(matrix: Array, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of the panel in the picture."""
    mapped = np.column_stack((np.array(points, float), np.ones(len(points)))) @ matrix.T
    return [(float(x / w), float(y / w)) for x, y, w in mapped]


def corners(box: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    """The corners of a box, clockwise from its top left."""
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def aim(rng: Random, subject: Subject, shot: Shot, focus: Placed,
        size: tuple[int, int], is_cut: bool) -> Array:
    """The homography that shows the middle of the panel, and `focus` inside the picture.

    The word that announces it stays in view too, where both fit. With `is_cut` an edge of the
    picture cuts through `focus` instead.
    """
    width, height = size
    panel_width, panel_height = subject.panel.image.size
    left, top, right, bottom = focus.box
    centre = ((left + right) / 2, (top + bottom) / 2)
    wanted = _with_anchor(subject.panel.texts, focus)
    scale = shot.cap / subject.cap
    focal = 2.2 * max(width, height)
    margin = 0.02 * min(width, height) + 3
    while True:
        matrix = homography(shot, scale, centre, focal, (0.0, 0.0))
        quad = np.array(project(matrix, corners(wanted)))
        low, high = quad.min(axis=0) - margin, quad.max(axis=0) + margin
        if high[0] - low[0] <= width and high[1] - low[1] <= height:
            break
        if wanted != focus.box:
            wanted = focus.box
        else:
            scale *= 0.93
    middle = project(matrix, [(panel_width / 2, panel_height / 2)])[0]
    place = []
    for axis, length in enumerate((width, height)):
        best = length * (0.5 + rng.uniform(-0.06, 0.06)) - middle[axis]
        place.append(float(np.clip(best, -low[axis], length - high[axis])))
    if is_cut:
        quad = np.array(project(matrix, corners(focus.box)))
        axis = int(np.argmax(quad.max(axis=0) - quad.min(axis=0)))
        low, high = quad[:, axis].min(), quad[:, axis].max()
        lost = rng.uniform(0.2, 0.6) * (high - low)
        place[axis] = float(size[axis] - high + lost if rng.random() < 0.7 else -low - lost)
    return homography(shot, scale, centre, focal, (place[0], place[1]))


def _with_anchor(texts: list[Placed], focus: Placed) -> tuple[float, float, float, float]:
    """The box round `focus` and its anchor, or that of `focus` where it has none."""
    known = [i for i, text in enumerate(texts) if text is focus]
    anchors = [t for t in texts[max(0, known[0] - 2):known[0]] if t.role == "anchor"]
    boxes = [focus.box, *(anchor.box for anchor in anchors[-1:])]
    return (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes),
            max(b[3] for b in boxes))


def _warp(image: Image.Image, matrix: Array, size: tuple[int, int]) -> Array:
    """The panel in the picture, float32 RGBA; shrunk first where it gets much smaller.

    A clear border gives it smooth edges.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix / matrix[2, 2]))))
    if scale < 0.75:
        small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        back = np.diag((image.width / small[0], image.height / small[1], 1.0))
        image, matrix = image.resize(small, Image.Resampling.LANCZOS), matrix @ back
    bordered = Image.new("RGBA", (image.width + 4, image.height + 4), (0, 0, 0, 0))
    bordered.paste(image, (2, 2))
    image, matrix = bordered, matrix @ np.array([[1, 0, -2], [0, 1, -2], [0, 0, 1.0]])
    inverse = np.linalg.inv(matrix)
    inverse /= inverse[2, 2]
    warped = image.transform(size, Image.Transform.PERSPECTIVE, inverse.ravel()[:8].tolist(),
                             Image.Resampling.BICUBIC)
    return np.asarray(warped, np.float32)


def _join(rng: Random, subject: Subject, matrix: Array, size: tuple[int, int],
          cap: float) -> Array:
    """The panel on its surface, evenly lit."""
    width, height = size
    grain = rng.uniform(1.0, 2.0)
    ground = textures.SURFACES[subject.surface](rng, width, height, grain)
    if subject.surface in textures.BODIES:
        ground = surroundings.furnish(rng, ground, matrix, subject.panel.image.size, subject.cap)
    layer = _warp(subject.panel.image, matrix, size)
    alpha = layer[:, :, 3:] / 255
    if subject.finish == "ink":
        texture = ground / np.maximum(ground.mean(axis=(0, 1)), 1)
        return ground * (1 - alpha) + layer[:, :, :3] * (0.6 + 0.4 * texture) * alpha
    if subject.finish == "sticker":
        mask = Image.fromarray((alpha[:, :, 0] * 255).astype(np.uint8))
        far = max(1.0, 0.12 * cap)
        shadow = np.asarray(mask.filter(ImageFilter.GaussianBlur(far)), np.float32) / 255
        fall = round(rng.uniform(0, far)), round(rng.uniform(-far, far))
        shadow = np.roll(shadow, fall, (0, 1))
        ground = ground * (1 - 0.45 * shadow[:, :, None])
        source = textures.noise_source(rng)
        paper = 1 + 0.012 * textures.clouds(source, width, height, 12 * cap, 3)
        return ground * (1 - alpha) + layer[:, :, :3] * paper[:, :, None] * alpha
    return ground * (1 - alpha) + layer[:, :, :3] * alpha


def _light(rng: Random, image: Array, shot: Shot, focus: list[tuple[float, float]]) -> Array:
    """Uneven light, the lens's fall-off and glare that leaves the focus readable."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    slope = x * np.cos(angle) + y * np.sin(angle)
    light = 1 + shot.uneven * slope - 0.35 * shot.uneven * (x * x + y * y)
    if rng.random() < 0.25 * shot.uneven * 3:
        offset = rng.uniform(-0.3, 0.3)
        soft = rng.uniform(0.02, 0.12)
        edge = 1 / (1 + np.exp(-np.clip((x * np.sin(angle) - y * np.cos(angle) - offset) / soft,
                                        -30, 30)))
        light *= 1 - rng.uniform(0.2, 0.5) * edge
    image = image * (light * shot.exposure)[:, :, None]
    if shot.glare:
        fx = sum(p[0] for p in focus) / 4 / width - 0.5
        fy = sum(p[1] for p in focus) / 4 / height - 0.5
        while True:
            gx, gy = rng.uniform(-0.55, 0.55), rng.uniform(-0.55, 0.55)
            if abs(gx - fx) + abs(gy - fy) > 0.25:
                break
        turn = rng.uniform(0, np.pi)
        along = (x - gx) * np.cos(turn) + (y - gy) * np.sin(turn)
        across = -(x - gx) * np.sin(turn) + (y - gy) * np.cos(turn)
        spread, thick = rng.uniform(0.1, 0.6), rng.uniform(0.04, 0.14)
        spot = np.exp(-(along / spread) ** 2 - (across / thick) ** 2)
        image += (230 * shot.glare * spot)[:, :, None]
    return image


def _motion(rng: Random, image: Array, length: float) -> Array:
    """A straight movement during the exposure."""
    angle = rng.uniform(0, np.pi)
    steps = max(2, round(2 * length))
    total = np.zeros_like(image)
    for step in range(steps):
        at = (step / (steps - 1) - 0.5) * length
        shift = (round(at * np.sin(angle)), round(at * np.cos(angle)))
        total += np.roll(image, shift, (0, 1))
    return total / steps


def _lens_and_sensor(rng: Random, image: Array, shot: Shot) -> Image.Image:
    """Blur, movement, noise and the phone's sharpening."""
    source = textures.noise_source(rng)
    height, width = image.shape[:2]
    image = image * np.array(shot.cast, np.float32)
    if shot.motion > 1:
        image = _motion(rng, image, shot.motion)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(shot.blur))
    clean = np.asarray(picture, np.float32)
    grey = source.standard_normal((height, width, 1), np.float32)
    colour = source.standard_normal((height, width, 3), np.float32)
    amount = shot.noise * (0.6 + 0.4 * np.sqrt(np.maximum(clean, 1) / 128))
    noisy = clean + amount * (0.8 * grey + 0.45 * colour)
    picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    if shot.noise > 4:
        picture = picture.filter(ImageFilter.GaussianBlur(0.45))
    if shot.sharpen:
        picture = picture.filter(ImageFilter.UnsharpMask(1.4, round(90 * shot.sharpen), 2))
    return picture


def photograph(rng: Random, subject: Subject, shot: Shot, focus: Placed,
               is_cut: bool = False) -> tuple[Image.Image, Array]:
    """The picture and the map from the panel to it (before quarter turns).

    With `is_cut` the focus is only partly in the picture.
    """
    scale = shot.cap / subject.cap
    size = picture_size(rng, subject.panel.image.width * scale, subject.panel.image.height * scale)
    matrix = aim(rng, subject, shot, focus, size, is_cut)
    image = _join(rng, subject, matrix, size, shot.cap)
    image = _light(rng, image, shot, project(matrix, corners(focus.box)))
    return _lens_and_sensor(rng, image, shot), matrix


def turn_point(point: tuple[float, float], size: tuple[int, int],
               quarter_turns: int) -> tuple[float, float]:
    """Where a point of a picture of `size` is after counterclockwise quarter turns."""
    x, y = point
    width, height = size
    for _ in range(quarter_turns):
        x, y = y, width - x
        width, height = height, width
    return x, y
