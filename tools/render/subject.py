"""What the camera is pointed at."""

from __future__ import annotations

from dataclasses import dataclass

from panel import Panel


@dataclass
class Subject:
    """A panel and what it lies on.

    `surface` is a name in `textures.SURFACES`. `finish` says how the panel joins it: a sticker lies
    on it and has an edge, ink takes on its grain, a screen shines by itself. `cap` is the height of
    the serial number's capitals in pixels of the panel.
    """

    panel: Panel
    surface: str
    finish: str
    cap: float
