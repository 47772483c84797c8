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


def with_noise(image: object) -> object:
    """The same as a camera would have it: a Pillow picture with a little noise, seeded."""
    import numpy
    from PIL import Image
    pixels = numpy.asarray(image)
    noise = numpy.random.default_rng(1).normal(0, 5, pixels.shape)
    return Image.fromarray(numpy.clip(pixels + noise, 0, 255).astype("uint8"))
