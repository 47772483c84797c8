"""What the tests over pictures share: running the program, skipping."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

SKIP = 77


def skip(reason: str) -> NoReturn:
    """Ends the test as one that could not be made."""
    print(f"SKIP: {reason}")
    sys.exit(SKIP)


def need_models(program: Path) -> None:
    """Skips where the networks are not installed. Damaged ones are for the program to refuse."""
    listed = subprocess.run([program, "models", "list", "--json"], capture_output=True, text=True,
                            check=True)
    for model in json.loads(listed.stdout)["models"]:
        if model["state"] == "missing":
            skip(model["message"])


def read(program: Path, arguments: list[str], pictures: Path, out: Path) -> list[dict]:
    """Results of `read --json --time-limit 0` on a folder, as the program wrote them to `out`; the
    test fails when the program does not succeed with every picture."""
    command = [program, "read", "--json", "--time-limit", "0", *arguments, "--out", out, pictures]
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        sys.exit(f"exit status {status} of {' '.join(map(str, command))}")
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def plain(text: str) -> str:
    """Only what counts when codes are compared."""
    return re.sub("[^A-Z0-9]", "", text.upper())


def panel(width: int, height: int, lines: list[tuple[int, int, int, str]]) -> object:
    """A Pillow picture of a light panel with dark text: left end and baseline of each line, height
    of its font, and what it says. Needs need_renderer first."""
    from PIL import Image, ImageDraw
    import fonts
    image = Image.new("RGB", (width, height), (225, 225, 222))
    draw = ImageDraw.Draw(image)
    for x, y, size, text in lines:
        draw.text((x, y), text, font=fonts.font("dejavu", size), fill=(30, 30, 30), anchor="ls")
    return image


def with_noise(image: object) -> object:
    """The same as a camera would have it: a Pillow picture with a little noise, seeded."""
    import numpy
    from PIL import Image
    pixels = numpy.asarray(image)
    noise = numpy.random.default_rng(1).normal(0, 5, pixels.shape)
    return Image.fromarray(numpy.clip(pixels + noise, 0, 255).astype("uint8"))
