"""Marks put straight onto things: ink-jet dots, painted container codes, counters of meters."""

from __future__ import annotations

from random import Random

import serials
import words
from panel import CLEAR, Colour, Panel
from subject import Subject


def dot_matrix(rng: Random, u: float, with_serial: bool) -> Subject:
    """Lines of an ink-jet coder on plastic, card or painted metal."""
    surface = rng.choice(("cardboard", "pale-plastic", "pale-paint", "aluminium", "dark-plastic",
                          "dark-paint"))
    inks: tuple[Colour, ...] = ((22, 20, 24, 225), (22, 20, 24, 225), (20, 24, 70, 225))
    ink = (238, 236, 225, 230) if surface.startswith("dark") else rng.choice(inks)
    panel = Panel(60 * u, 24 * u, CLEAR)
    fill = rng.uniform(0.42, 0.66)
    code = rng.choice((serials.digits, serials.generic, serials.any_serial))(rng)
    lines: list[tuple[str, serials.Identifier | None]] = []
    if rng.random() < 0.7:
        lines.append((rng.choice((f"MFG {words.date(rng)}", f"EXP {rng.randrange(1, 13):02d}/20"
                                  f"{rng.randrange(24, 32)}", f"{words.model_name(rng)}",
                                  f"{rng.randrange(24):02d}:{rng.randrange(60):02d} LINE "
                                  f"{rng.randrange(1, 9)}")), None))
    if with_serial:
        anchor = rng.choice(("S/N ", "S/N:", "SN:", "SER.NO. ", "SN ", "SERIAL ", "NO. "))
        lines.insert(rng.randrange(len(lines) + 1), (anchor, code))
    if rng.random() < 0.35 or not lines:
        lines.append((rng.choice(("MADE IN PRC", "QC PASS 07", "110V 60HZ", "NET 12 KG")), None))
    x, y = 4 * u, 5 * u
    for text, identifier in lines:
        if identifier:
            x_end = panel.dots(x, y, text, u, ink, rng, None, "anchor", fill)
            panel.dots(x_end + u / 6.6, y, identifier.printed, u, ink, rng, identifier, fill=fill)
        else:
            panel.dots(x, y, text, u, ink, rng, fill=fill)
        y += rng.uniform(1.45, 1.8) * u
    panel.crop(panel.ink_box(4 * u))
    return Subject(panel, surface, "ink", u)


def container_wall(rng: Random, u: float, with_serial: bool) -> Subject:
    """The painted code on a container, with its type and weights."""
    panel = Panel(40 * u, 40 * u, CLEAR)
    ink: Colour = (236, 236, 230, 240)
    code = serials.container(rng)
    face = rng.choice(("arial-bold", "narrow-bold", "roboto-bold", "din"))
    owner, number, check = code.printed.split()
    if rng.random() < 0.6:
        end = panel.text(4 * u, 5 * u, f"{owner} {number}", face, u, ink)
        panel.texts.clear()
        panel.draw.rectangle((end + 0.45 * u, 3.75 * u, end + 1.5 * u, 5.25 * u), outline=ink,
                             width=max(1, round(u / 14)))
        end = panel.text(end + 0.65 * u, 5 * u, check, face, u, ink)
        panel.texts.clear()
        panel.remember(code.printed, (4 * u, 3.75 * u, end + 0.9 * u, 5.25 * u), code)
        y = 5 * u
    else:
        panel.text(4 * u, 5 * u, owner, face, u, ink)
        end = panel.text(4 * u, 6.7 * u, f"{number} {check}", face, u, ink)
        panel.texts.clear()
        panel.remember(code.printed, (4 * u, 4 * u, end, 6.7 * u), code)
        y = 6.7 * u
    y += 1.8 * u
    panel.text(4 * u, y, rng.choice(("22G1", "45G1", "42G1", "22U1", "45R1")), face, u, ink)
    for word, most in (("MAX GROSS", 32000), ("TARE", 4200), ("NET", 28000)):
        y += 1.5 * u
        weight = rng.randrange(most // 2, most, 10)
        panel.text(4 * u, y, word, face, 0.5 * u, ink)
        panel.text(10 * u, y, f"{weight} KGS", face, 0.5 * u, ink)
        y += 0.75 * u
        panel.text(10 * u, y, f"{round(weight * 2.20462):d} LBS", face, 0.5 * u, ink)
    panel.crop(panel.ink_box(3 * u))
    return Subject(panel, "steel-wall", "ink", u)
