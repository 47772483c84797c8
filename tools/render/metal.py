"""Text in metal: engraved legal lines of notebooks, nameplates of machines, stamped VINs."""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

import barcodes
import dotfont
import serials
import textures
import words
from panel import BLACK, CLEAR, Colour, Panel, measure
from serials import Identifier
from subject import Subject

DARK_TONES: tuple[Colour, ...] = ((30, 30, 32, 255), (24, 36, 62, 255), (110, 20, 20, 255))
LIGHT_TONES: tuple[Colour, ...] = ((196, 197, 198, 255), (176, 177, 178, 255),
                                   (214, 212, 204, 255), (200, 180, 120, 255))


def engraved(rng: Random, u: float, with_serial: bool) -> Subject:
    """The small legal lines on the underside of a notebook; the serial number ends one of them."""
    face = rng.choice(("inter", "inter", "inter-light", "inter-medium", "roboto", "din", "arial"))
    surface = rng.choice(("aluminium", "aluminium", "aluminium", "dark-aluminium", "brushed",
                          "dark-plastic", "pale-plastic"))
    code = rng.choice((serials.apple12, serials.apple12, serials.randomized,
                       serials.any_serial))(rng)
    anchor = rng.choice(("Serial", "Serial", "Serial", "Serial:", "Serial No.", "S/N", "SN:"))
    model = f"A{rng.randrange(1200, 3200)}"
    fcc = Identifier(f"BCG{model}", f"BCG{model}", "code", "fcc-id")
    made = rng.choice(("Designed by Orchard in California  Assembled in China",
                       "Designed by Orchard in California  Assembled in Vietnam",
                       "Designed in Helsinki  Product of Thailand"))
    power = f"Rated {rng.choice((14.5, 14.85, 16.5, 20.3, 20.5))}V DC {rng.uniform(2, 5):.1f}A max."
    head: list[str | Identifier] = [made, f"Model {model}",
                                    *([power] if rng.random() < 0.7 else [])]
    tail: list[str | Identifier] = [
        *(["CAN ICES-3 (B)/NMB-3(B)"] if rng.random() < 0.6 else []), "FCC ID:", fcc,
        *([f"and IC: 579C-{model}"] if rng.random() < 0.6 else [])]
    if with_serial:
        tail += [anchor, code]
    lines: list[list[str | Identifier]] = [[*head, *tail]] if rng.random() < 0.15 else [head, tail]
    if with_serial and rng.random() < 0.15:
        lines = [head, tail[:-2], [anchor, code]]
    if rng.random() < 0.35:
        lines.append(["IS 13252 (Part 1)/IEC 60950-1"])
        lines.append([f"R-{serials.pick(rng, serials.DIGITS, 8)}"])

    strength = rng.randrange(95, 200) if u > 26 else rng.randrange(135, 215)
    shade = (250, 250, 252) if surface.startswith("dark") else (28, 28, 32)
    ink: Colour = (*shade, strength)
    tracking = rng.choice((0.0, 0.04, 0.08))
    gap = 0.75 * u
    all_printed = [[p if isinstance(p, str) else p.printed for p in line] for line in lines]
    widths = [sum(measure(p, face, u, tracking) + gap for p in printed) - gap
              for printed in all_printed]
    # Wide enough for all: what leaves the panel would be missing from the picture without a trace.
    middle = max(65 * u, max(widths) / 2 + 0.1 * u)
    panel = Panel(2 * middle, 24 * u, CLEAR)
    y = 6 * u
    for line, printed, width in zip(lines, all_printed, widths):
        x = middle - width / 2
        for piece, text in zip(line, printed):
            is_anchor = text == anchor
            x = gap + panel.text(x, y, text, face, u, ink,
                                 None if isinstance(piece, str) else piece,
                                 "anchor" if is_anchor else "other", tracking)
        y += rng.uniform(1.8, 2.3) * u
    panel.crop(panel.ink_box(3 * u))
    return Subject(panel, surface, "ink", u)


def _metal_sheet(rng: Random, width: int, height: int, tone: Colour) -> Image.Image:
    """A brushed or blasted sheet in `tone`, opaque."""
    make = rng.choice((textures.brushed, textures.aluminium))
    grain = make(rng, width, height, 1.2).mean(axis=2)
    grey = (grain / grain.mean())[:, :, None] * np.array(tone[:3], np.float32)
    sheet = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    sheet.putalpha(255)
    return sheet


def stamp(panel: Panel, mask: Image.Image, u: float, rng: Random) -> None:
    """Press the shapes of `mask` into the panel, lit from one side."""
    relief = mask.filter(ImageFilter.GaussianBlur(max(0.5, u * 0.045)))
    angle = rng.uniform(0, 2 * np.pi)
    shift = max(1.0, u * 0.05)
    dx, dy = round(shift * np.cos(angle)) or 1, round(shift * np.sin(angle))
    high = np.asarray(relief, np.float32)
    moved = np.asarray(ImageChops.offset(relief, dx, dy), np.float32)
    slope = (moved - high) / 255
    floor = high / 255 * rng.uniform(-0.42, -0.24)
    light = 1 + rng.uniform(0.5, 0.8) * slope + floor
    rgb = np.asarray(panel.image.convert("RGB"), np.float32) * light[:, :, None]
    lit = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))
    lit.putalpha(panel.image.getchannel("A"))
    panel.image = lit
    panel.draw = ImageDraw.Draw(lit)


class _Plate:
    """A metal plate with printed words and values that are stamped, dot-peened or printed."""

    def __init__(self, rng: Random, width: float, height: float, u: float) -> None:
        self.rng, self.u = rng, u
        self.style = rng.choice(("stamped", "stamped", "peened", "printed", "printed")
                                if u > 19 else ("printed",))
        is_dark = self.style == "printed" and rng.random() < 0.5
        tone, self.ink = rng.choice(DARK_TONES if is_dark else LIGHT_TONES), BLACK
        if is_dark:
            self.ink = (226, 226, 226, 255)
        self.panel = Panel(width, height, CLEAR)
        self.panel.image = _metal_sheet(rng, round(width), round(height), tone)
        self.panel.draw = ImageDraw.Draw(self.panel.image)
        self.values = Panel(width, height, CLEAR)
        self.face = rng.choice(("din", "iso", "courier-bold", "narrow-bold")
                               if self.style == "stamped" else
                               ("arial-bold", "roboto-cond-bold", "hack", "courier-bold"))

    def value(self, x: float, y: float, code: Identifier | str, cap: float) -> float:
        """Write a value with its baseline at `y`; gives the x where it ends."""
        text, known = (code, None) if isinstance(code, str) else (code.printed, code)
        if self.style == "printed":
            return self.panel.text(x, y, text, self.face, cap, self.ink, known)
        if self.style == "peened":
            plain = "".join(c for c in text.upper() if c in dotfont.GLYPHS)
            return self.values.dots(x, y, plain, cap, BLACK, self.rng, known, fill=0.42)
        return self.values.text(x, y, text, self.face, cap, BLACK, known, tracking=0.1,
                                wobble=self.rng)

    def holes(self, inset: float) -> None:
        """Four rivets or screws."""
        width, height = self.panel.image.size
        radius = 0.45 * inset
        grey = self.rng.choice((60, 150, 190))
        for x in (inset, width - inset):
            for y in (inset, height - inset):
                self.panel.draw.ellipse((x - radius, y - radius, x + radius, y + radius),
                                        fill=(grey, grey, grey, 255), outline=(40, 40, 40, 255),
                                        width=max(1, round(radius / 6)))
                self.panel.draw.arc((x - radius, y - radius, x + radius, y + radius), 200, 290,
                                    (235, 235, 235, 255), max(1, round(radius / 5)))

    def close(self, right: float, bottom: float) -> Panel:
        """The plate cut to size, with its values pressed in."""
        if self.style != "printed":
            stamp(self.panel, self.values.image.getchannel("A"), self.u, self.rng)
            self.panel.texts += self.values.texts
        self.panel.crop((0, 0, right, bottom))
        return self.panel


def nameplate(rng: Random, u: float, with_serial: bool) -> Subject:
    """The plate of a machine: a maker's name and a table, small words in the cells."""
    plate = _Plate(rng, 60 * u, 50 * u, u)
    lang = words.language(rng)
    word_face = lang.face or rng.choice(("arial", "narrow", "dejavu-cond", "roboto"))
    code = serials.any_serial(rng)
    cells: list[tuple[str, Identifier | str]] = [
        (rng.choice(lang.model).rstrip(" :："), words.model_name(rng)),
        (rng.choice(lang.date).rstrip(" :："), str(rng.randrange(1994, 2026))),
        ("kW", f"{rng.choice((0.37, 0.75, 1.5, 2.2, 5.5, 11))}"),
        ("V", rng.choice(("230", "400", "230/400", "24 DC"))),
        ("Hz", rng.choice(("50", "60", "50/60"))),
        ("A", f"{rng.uniform(0.4, 25):.1f}"), (f"{lang.weight} kg", str(rng.randrange(2, 400))),
        ("IP", rng.choice(("20", "54", "65"))), ("min-1", rng.choice(("1450", "2880", "960")))]
    if rng.random() < 0.4:
        cells.append((rng.choice(lang.part).rstrip(" :："), serials.part(rng)))
    if with_serial:
        cells.append((words.serial_anchor(rng, lang, code), code))
    cells = rng.sample(cells, len(cells))
    if with_serial and all(value is not code for _, value in cells[:7]):
        cells.insert(rng.randrange(7), next(cell for cell in cells if cell[1] is code))
    cells = cells[:rng.randrange(7, 10)]

    small = rng.uniform(0.5, 0.7) * u
    is_inline = rng.random() < 0.35
    row_height = (2.0 if is_inline else 2.9) * u
    inset = rng.uniform(1.0, 1.5) * u
    y = inset + 2.6 * u
    plate.panel.text(2.4 * inset, y, rng.choice(words.MAKERS), "arial-bold", 1.5 * u, plate.ink)
    y += 1.0 * u
    has_grid = rng.random() < 0.75
    line = max(1, round(u / 16))
    width, wanted = 0.0, rng.uniform(24, 32) * u
    widths = []
    for word, value in cells:
        text = value if isinstance(value, str) else value.printed
        value_width = (u / 6.6 * dotfont.columns(text) if plate.style == "peened"
                       else measure(text, plate.face, u, 0.1))
        word_width = measure(word, word_face, small)
        both = word_width + value_width + 1.8 * u if is_inline else max(word_width,
                                                                        value_width) + 1.2 * u
        widths.append(max(both, 4 * u))
    wanted = min(max(wanted, *widths), plate.panel.image.width - 2 * inset)
    rows: list[list[int]] = [[]]
    for place, cell in enumerate(widths):
        if sum(widths[i] for i in rows[-1]) + cell > wanted:
            rows.append([])
        rows[-1].append(place)
    for row in rows:
        x, spare = inset, (wanted - sum(widths[i] for i in row)) / len(row)
        for place in row:
            word, value = cells[place]
            cell_width = widths[place] + spare
            if has_grid:
                plate.panel.draw.rectangle((x, y, x + cell_width, y + row_height),
                                           outline=plate.ink, width=line)
            role = "anchor" if value is code else "other"
            if is_inline:
                base = y + 1.5 * u
                end = plate.panel.text(x + 0.5 * u, base, word, word_face, small, plate.ink,
                                       role=role)
                plate.value(end + 0.5 * u, base, value, u)
            else:
                plate.panel.text(x + 0.4 * u, y + 0.4 * u + small, word, word_face, small,
                                 plate.ink, role=role)
                plate.value(x + 0.6 * u, y + 2.45 * u, value, u)
            x += cell_width
        y += row_height
    width = wanted + 2 * inset
    y += 0.5 * u
    plate.panel.text(width / 2, y + small, rng.choice(lang.made), lang.face or word_face, small,
                     plate.ink, align="m")
    panel = _closed_with_holes(plate, rng, width, y + small + inset + 0.6 * u, inset)
    panel.round_corners(rng.uniform(0.2, 1.0) * u)
    surface = rng.choice(("painted", "painted", "aluminium", "steel-wall"))
    return Subject(panel, surface, "sticker", u)


def _closed_with_holes(plate: _Plate, rng: Random, right: float, bottom: float,
                       inset: float) -> Panel:
    """The finished plate, with rivets most of the time."""
    panel = plate.close(right, bottom)
    if rng.random() < 0.7:
        plate.holes(0.75 * inset)
    return panel


def vin_plate(rng: Random, u: float, with_serial: bool) -> Subject:
    """A vehicle's number: on the maker's label with stripes, or struck into a plate."""
    code = serials.vin(rng)
    if rng.random() < 0.5:
        paper, ink = rng.choice((((240, 240, 238, 255), BLACK),
                                 ((26, 26, 28, 255), (225, 225, 225, 255))))
        panel = Panel(44 * u, 22 * u, paper)
        face = rng.choice(("narrow", "roboto-cond", "arial"))
        y = 2 * u
        panel.text(2 * u, y, f"MFD BY {rng.choice(words.MAKERS).upper()}   "
                             f"{rng.randrange(1, 13):02d}/{rng.randrange(10, 25)}", face, u, ink)
        for text in (f"GVWR {rng.randrange(900, 3000)} KG   GAWR FRONT {rng.randrange(400, 1500)}",
                     "THIS VEHICLE CONFORMS TO ALL APPLICABLE SAFETY",
                     "STANDARDS IN EFFECT ON THE DATE OF MANUFACTURE"):
            y += 1.5 * u
            panel.text(2 * u, y, text, face, 0.75 * u, ink)
        y += 1.9 * u
        x = 2 * u
        if rng.random() < 0.5:
            x = panel.text(x, y, "VIN:", face, u, ink, role="anchor") + 0.6 * u
        end = panel.text(x, y, code.text, rng.choice((face, "arial-bold", "ocr-b")), u, ink, code)
        widths = barcodes.code39(code.text, 2)
        module = max(1, round(u / 14))
        panel.bars(2 * u, y + 0.6 * u, widths, 1.6 * u, module, ink)
        right = max(end, 2 * u + sum(widths) * module, max(t.box[2] for t in panel.texts)) + 2 * u
        panel.crop((0, 0, right, y + 3.2 * u))
        panel.round_corners(0.6 * u)
        return Subject(panel, rng.choice(("painted", "plastic")), "sticker", u)
    plate = _Plate(rng, 40 * u, 10 * u, u)
    x = 3 * u
    if rng.random() < 0.3:
        x = plate.panel.text(x, 3.6 * u, "VIN", "arial-bold", 0.7 * u, plate.ink, role="anchor") + u
    star = rng.choice(("*", "", ""))
    if star and plate.style == "stamped":
        x = plate.value(x, 3.6 * u, star, u)
    end = plate.value(x, 3.6 * u, code, u)
    if star and plate.style == "stamped":
        end = plate.value(end + 0.1 * u, 3.6 * u, star, u)
    panel = _closed_with_holes(plate, rng, end + 3 * u, 5.6 * u, 1.4 * u)
    return Subject(panel, "painted", "sticker", u)
