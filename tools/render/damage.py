"""Damage that hides characters: glare, worn ink, a blot, a strip scraped off.

Apart from wear, which leaves every serial number readable: whoever reads a damaged one whole has
guessed. The truth keeps what was printed, and says what of it is hidden.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from panel import Colour, Panel, Placed
from subject import Subject

KINDS = ("glare", "worn", "blot", "scraped")


def _paper(panel: Panel, text: Placed) -> Colour:
    """The commonest colour round a text: what lies under its ink."""
    box = tuple(round(v) for v in text.box)
    return Counter(panel.image.crop(box).getdata()).most_common(1)[0][0]


def _mask(rng: Random, panel: Panel, text: Placed, span: tuple[int, int], kind: str) -> Image.Image:
    """Where the characters of `span` (first, one past the last) are hidden, with soft edges."""
    left, top, right, bottom = text.box
    cell, high = (right - left) / len(text.text), bottom - top
    x0, x1 = left + span[0] * cell, left + span[1] * cell
    mask = Image.new("L", panel.image.size, 0)
    draw = ImageDraw.Draw(mask)
    if kind == "scraped":
        lean = rng.uniform(-0.3, 0.3) * cell
        draw.polygon([(x0 + lean, top - 0.4 * high), (x1 + lean, top - 0.4 * high),
                      (x1 - lean, bottom + 0.4 * high), (x0 - lean, bottom + 0.4 * high)], fill=255)
        return mask.filter(ImageFilter.GaussianBlur(0.03 * high))
    draw.rounded_rectangle((x0 - 0.05 * cell, top - 0.25 * high, x1 + 0.05 * cell,
                            bottom + 0.25 * high), 0.3 * min(cell, high), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(0.08 * high))


def _colour(rng: Random, panel: Panel, text: Placed, kind: str) -> Colour:
    if kind == "glare":
        return 255, 255, 255, 255
    if kind == "blot":
        return rng.randrange(15, 60), rng.randrange(15, 45), rng.randrange(15, 45), 255
    return _paper(panel, text)


def hide(rng: Random, subject: Subject, texts: list[Placed]) -> dict[str, object] | None:
    """Hide one to three characters of `texts`, which print the same code, and the bars of it.

    Gives kind, first character and the one past the last of the first text; None where no text is
    long enough.
    """
    if not texts or len(texts[0].text) < 6:
        return None
    kind, count = rng.choice(KINDS), rng.choice((1, 1, 2, 2, 3))
    first = rng.randrange(len(texts[0].text) - count + 1)
    span = (first, first + count)
    panel = subject.panel
    bars = [t for t in panel.texts
            if t.role == "barcode" and t.code and texts[0].code and t.code.text == texts[0].code.text]
    for text in texts:
        colour = _colour(rng, panel, text, kind)
        panel.image.paste(colour, (0, 0), _mask(rng, panel, text, span, kind))
    for text in bars:
        panel.image.paste((255, 255, 255, 255), tuple(round(v) for v in text.box))
    panel.draw = ImageDraw.Draw(panel.image)
    return {"kind": kind, "from": span[0], "to": span[1]}
