"""Serial numbers on screens: settings of phones, terminals and set-up menus, small displays.

The screen is drawn in its own pixels and then enlarged into red, green and blue stripes, so that
the camera meets a real grid and moire comes by itself.
"""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageDraw

import dotfont
import serials
import words
from panel import BLACK, Colour, Panel
from serials import Identifier
from subject import Subject

Row = tuple[str, "Identifier | str"]
CELL = 3


def screen(rng: Random, u: float, with_serial: bool) -> Subject:
    """One of the kinds of screens; their pixels do not follow `u`."""
    make = rng.choices((phone_settings, terminal, character_display), (5, 4, 2))[0]
    return make(rng, with_serial)


def _facts(rng: Random, with_serial: bool, lang: words.Language) -> tuple[list[Row], Identifier]:
    """Rows of a settings page, and the serial number."""
    code = serials.any_serial(rng)
    model = rng.choice(lang.model).rstrip(" :：")
    rows: list[Row] = [
        (model, words.model_name(rng)),
        ("Software Version" if lang.face is None else "Android", f"{rng.randrange(9, 18)}."
         f"{rng.randrange(6)}.{rng.randrange(4)}"),
        ("Capacity" if lang.face is None else "RAM", rng.choice(("64 GB", "128 GB", "256 GB")))]
    if rng.random() < 0.5:
        rows.append(("IMEI", serials.imei(rng)))
    if rng.random() < 0.5:
        rows.append(("Wi-Fi Address", serials.mac(rng)))
    if rng.random() < 0.3:
        rows.append(("Bluetooth", serials.mac(rng)))
    if with_serial:
        anchor = rng.choice(("Serial Number", "Serial number", *lang.serial)).rstrip(" :：")
        rows.insert(rng.randrange(1, len(rows) + 1), (anchor, code))
    else:
        rows = [row for row in rows if isinstance(row[1], str)]
        rows += [("Songs", "412"), ("Photos", "1,204"), ("Available", "51.3 GB")]
    return rows, code


def phone_settings(rng: Random, with_serial: bool) -> Subject:
    """The page 'About' of a phone or tablet."""
    lang = words.language(rng)
    rows, _ = _facts(rng, with_serial, lang)
    is_dark = rng.random() < 0.4
    page: Colour = (0, 0, 0, 255) if is_dark else (242, 242, 247, 255)
    card: Colour = (28, 28, 30, 255) if is_dark else (255, 255, 255, 255)
    ink: Colour = (240, 240, 242, 255) if is_dark else (20, 20, 22, 255)
    faint: Colour = (150, 150, 156, 255) if is_dark else (120, 120, 126, 255)
    cap = rng.choice((12, 14, 16))
    is_stacked = rng.random() < 0.4
    step = round(cap * (4.6 if is_stacked else 3.7))
    width = cap * 34
    height = round(8.5 * cap + len(rows) * step + 3 * cap)
    face = lang.face or rng.choice(("inter", "roboto", "roboto"))
    panel = Panel(width, height, page)
    panel.text(1.5 * cap, 2 * cap, f"{rng.randrange(24)}:{rng.randrange(60):02d}", "inter-medium",
               0.8 * cap, ink)
    panel.text(width / 2, 5.5 * cap, "About" if lang.face is None else "关于手机",
               "inter-bold" if lang.face is None else "cjk", 1.1 * cap, ink, align="m")
    top = 8 * cap
    panel.draw.rounded_rectangle((cap, top, width - cap, top + len(rows) * step), 0.8 * cap,
                                 fill=card)
    for place, (word, value) in enumerate(rows):
        y = top + place * step
        if place:
            panel.draw.line((2 * cap, y, width - cap, y), page if is_dark else (228, 228, 232, 255))
        text, code = (value, None) if isinstance(value, str) else (value.printed, value)
        role = "anchor" if code and code.kind == "serial" else "other"
        if is_stacked:
            panel.text(2 * cap, y + 1.9 * cap, word, face, cap, ink, role=role)
            panel.text(2 * cap, y + 3.6 * cap, text, face, 0.9 * cap, faint, code)
        else:
            panel.text(2 * cap, y + 2.35 * cap, word, face, cap, ink, role=role)
            panel.text(width - 2 * cap, y + 2.35 * cap, text, face, cap, faint, code, align="r")
    return _shining(rng, panel, cap * (0.9 if is_stacked else 1.0), 1.6 * cap)


def terminal(rng: Random, with_serial: bool) -> Subject:
    """A set-up menu or the output of a command on a computer's screen."""
    paper, ink = rng.choice((((10, 10, 12, 255), (210, 210, 210, 255)),
                             ((16, 28, 110, 255), (222, 222, 230, 255)),
                             ((12, 14, 12, 255), (70, 220, 110, 255)),
                             ((250, 250, 250, 255), (30, 30, 34, 255)),
                             ((170, 170, 170, 255), (20, 20, 90, 255))))
    code = serials.any_serial(rng)
    face = rng.choice(("dejavu-mono", "hack", "courier-bold", "dejavu-mono"))
    cap = rng.choice((10, 11, 12, 14))
    rows: list[Row] = [
        ("Manufacturer", rng.choice(words.MAKERS)), ("Product Name", words.model_name(rng)),
        ("BIOS Version", f"{rng.randrange(1, 3)}.{rng.randrange(40)}.{rng.randrange(10)}"),
        ("System Date", words.date(rng)),
        ("Memory Size", rng.choice(("8192 MB", "16384 MB", "32768 MB"))),
        ("CPU Speed", f"{rng.uniform(1.8, 4.2):.2f} GHz")]
    if rng.random() < 0.4:
        rows.append(("UUID", "-".join(serials.pick(rng, serials.HEX, n) for n in (8, 4, 4, 4, 12))))
    if rng.random() < 0.3:
        rows.append(("MAC Address", serials.mac(rng)))
    rng.shuffle(rows)
    if with_serial:
        anchor = rng.choice(("Serial Number", "System Serial Number", "Serial", "SerialNumber",
                             "Service Tag" if code.format == "dell-7" else "Chassis Serial"))
        rows.insert(rng.randrange(len(rows) + 1), (anchor, code))
    else:
        rows = [row for row in rows if isinstance(row[1], str)]
    separator = rng.choice((": ", " : ", "  ", " = "))
    pad = max(len(word) for word, _ in rows)
    panel = Panel(cap * 60, cap * (6 + 2.1 * len(rows)), paper)
    y = 3.0 * cap
    for word, value in rows:
        text, known = (value, None) if isinstance(value, str) else (value.printed, value)
        role = "anchor" if known and known.kind == "serial" else "other"
        x = panel.text(2 * cap, y, word.ljust(pad) + separator, face, cap, ink, role=role)
        panel.text(x, y, text, face, cap, ink, known)
        y += 2.1 * cap
    width = max(t.box[2] for t in panel.texts) + 2 * cap
    panel.crop((0, 0, width, panel.image.height))
    return _shining(rng, panel, cap, 2.0 * cap)


def character_display(rng: Random, with_serial: bool) -> Subject:
    """A module of two or four lines of sixteen or twenty characters, in dots."""
    code = rng.choice((serials.digits, serials.hp10, serials.cisco11, serials.lenovo8))(rng)
    count = rng.choice((16, 20))
    shown: list[Row] = [("", rng.choice(words.MAKERS).upper()[:count]),
                        ("FW ", f"{rng.randrange(9)}.{rng.randrange(90):02d}"),
                        ("", f"{rng.randrange(24):02d}:{rng.randrange(60):02d} READY")]
    rows = rng.sample(shown, rng.choice((1, 3)))
    if with_serial:
        anchor = rng.choice(("SN:", "S/N ", "SN ", "NO."))
        rows.insert(rng.randrange(len(rows) + 1), (anchor if len(code.text) < 13 else "", code))
    paper, ink, unlit = rng.choice((
        ((36, 60, 200, 255), (235, 240, 255, 255), (44, 70, 208, 255)),
        ((150, 190, 40, 255), (26, 34, 20, 255), (140, 178, 38, 255)),
        ((14, 14, 16, 255), (250, 190, 60, 255), (24, 22, 20, 255))))
    dot = rng.choice((5, 6, 7))
    panel = Panel((count * 6 + 5) * dot, (len(rows) * 10 + 5) * dot, paper)
    for line, (word, value) in enumerate(rows):
        text, known = (value, None) if isinstance(value, str) else (value.printed, value)
        y = (3 + 10 * line) * dot
        full = (word + text).upper().ljust(count)
        lit = set(dotfont.dots(full))
        for column in range(count * 6):
            for row in range(7):
                if column % 6 < 5:
                    left, top = (3 + column) * dot, y + row * dot
                    panel.draw.rectangle((left, top, left + dot - 2, top + dot - 2),
                                         fill=ink if (column, row) in lit else unlit)
        start = (3 + 6 * len(word)) * dot
        panel.remember(text, (start, y, start + dotfont.columns(text) * dot, y + 7 * dot), known)
        if word:
            panel.remember(word.strip(), (3 * dot, y, start, y + 7 * dot), None, "anchor")
    return Subject(_framed(panel, 6.0 * dot, rng), rng.choice(("plastic", "painted")), "screen",
                   7 * dot)


def _shining(rng: Random, panel: Panel, cap: float, frame: float) -> Subject:
    """The panel in stripes of red, green and blue, in the frame of its device."""
    rgb = np.asarray(panel.image.convert("RGB"), np.float32)
    grid = rgb.repeat(CELL, 0).repeat(CELL, 1)
    dim = rng.uniform(0.45, 0.9)
    stripes = np.full((CELL, 3), dim, np.float32)
    np.fill_diagonal(stripes, 1.0)
    grid *= np.tile(stripes, (panel.image.width, 1))[None, :, :]
    grid[CELL - 1::CELL] *= rng.uniform(0.6, 0.95)
    grid *= 1.25 * 3 / (1 + 2 * dim) / 1.1
    lit = Panel(1, 1, BLACK)
    lit.image = Image.fromarray(np.clip(grid + 6, 0, 255).astype(np.uint8)).convert("RGBA")
    lit.draw = ImageDraw.Draw(lit.image)
    for text in panel.texts:
        box = tuple(CELL * v for v in text.box)
        lit.remember(text.text, (box[0], box[1], box[2], box[3]), text.code, text.role)
    surface = rng.choice(("plastic", "wood", "cloth"))
    return Subject(_framed(lit, CELL * frame, rng), surface, "screen", CELL * cap)


def _framed(panel: Panel, frame: float, rng: Random) -> Panel:
    """The panel inside a dark frame."""
    tone = rng.choice((8, 14, 24, 40))
    framed = Panel(panel.image.width + 2 * frame, panel.image.height + 2 * frame,
                   (tone, tone, tone + 2, 255))
    edge = round(frame)
    framed.image.paste(panel.image, (edge, edge))
    framed.round_corners(1.2 * frame)
    for t in panel.texts:
        left, top, right, bottom = t.box
        framed.remember(t.text, (left + edge, top + edge, right + edge, bottom + edge), t.code,
                        t.role)
    return framed
