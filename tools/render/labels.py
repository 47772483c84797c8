"""Printed labels: product labels, asset tags and the labels of boxes.

All sizes are multiples of `u`, the height in pixels of the capitals of the serial number.
"""

from __future__ import annotations

from random import Random

import barcodes
import serials
import words
from panel import BLACK, Colour, Panel, measure
from serials import Identifier
from subject import Subject

WHITE: Colour = (246, 246, 243, 255)
PAPERS: tuple[tuple[Colour, Colour], ...] = (
    (WHITE, BLACK), (WHITE, BLACK), (WHITE, (30, 34, 60, 255)), ((224, 226, 228, 255), BLACK),
    ((205, 206, 206, 255), (24, 24, 26, 255)), ((34, 34, 36, 255), (226, 226, 224, 255)),
    ((18, 18, 20, 255), (190, 192, 194, 255)), ((238, 222, 130, 255), BLACK))
FACES = (("arial", "arial-bold"), ("narrow", "narrow-bold"), ("roboto", "roboto-bold"),
         ("roboto-cond", "roboto-cond-bold"), ("dejavu-cond", "dejavu-cond-bold"),
         ("inter", "inter-bold"), ("courier", "courier-bold"), ("ocr-b", "arial-bold"),
         ("hack", "hack-bold"), ("arial-bold", "arial-bold"))


class Writer:
    """Fills a panel from top to bottom; `y` is the lower edge of what is already there."""

    def __init__(self, panel: Panel, rng: Random, u: float, ink: Colour) -> None:
        self.panel = panel
        self.rng = rng
        self.u = u
        self.ink = ink
        self.left = rng.uniform(1.0, 1.6) * u
        self.right = panel.image.width - self.left
        self.y = rng.uniform(0.7, 1.3) * u
        self.reached = 0.0
        self.lang = words.language(rng)
        self.face, self.bold = rng.choice(FACES)
        self.value_face = self.bold if rng.random() < 0.3 else self.face
        if rng.random() < 0.1:
            self.value_face = rng.choice(("ocr-b", "courier-bold", "ocr-a"))
        self.tab = rng.uniform(7.5, 9.5) * u if rng.random() < 0.3 else 0.0
        self.leading = rng.uniform(0.45, 0.85)

    def anchor_face(self) -> str:
        """The face for words of the language."""
        return self.lang.face or self.face

    def words(self, text: str, cap: float, bold: bool = False) -> None:
        """A line without a code, made smaller where it would not fit."""
        is_wide = any(ord(c) > 0x2E80 for c in text)
        face = "cjk" if is_wide else self.bold if bold else self.face
        cap *= min(1.0, (self.right - self.left) / measure(text, face, cap))
        self.y += cap
        end = self.panel.text(self.left, self.y, text, face, cap, self.ink)
        self.finish(end, cap)

    def leaves(self, x: float, text: str, cap: float) -> bool:
        """Would a value that begins at `x` run off the panel?"""
        return x + measure(text, self.value_face, cap) > self.panel.image.width

    def field(self, anchor: str, code: Identifier | str, cap: float) -> None:
        """A word and a value on one line; `code` may be plain text that identifies nothing."""
        printed = code if isinstance(code, str) else code.printed
        self.y += cap
        is_wide = any(ord(c) > 0x2E80 for c in anchor)
        end = self.panel.text(self.left, self.y, anchor, "cjk" if is_wide else self.face, cap,
                              self.ink, role="anchor")
        start = max(end + 0.55 * cap, self.left + self.tab)
        if self.leaves(start, printed, cap):  # a narrow label has its value on the next line
            start = self.left
            self.y += (1 + self.leading) * cap
        end = self.panel.text(start, self.y, printed, self.value_face, cap, self.ink,
                              None if isinstance(code, str) else code)
        self.finish(end, cap)

    def below(self, anchor: str, code: Identifier, cap: float) -> None:
        """A small word, its value on the next line."""
        small = cap * self.rng.uniform(0.55, 0.85)
        self.words(anchor, small)
        self.y += cap * 1.05
        end = self.panel.text(self.left, self.y, code.printed, self.value_face, cap, self.ink, code)
        self.finish(end, cap)

    def stripes(self, code: Identifier, height: float, x: float | None = None) -> float:
        """A linear barcode of `code`, its top at the current line; gives its right end."""
        widths = (barcodes.ean13(code.text) if code.kind == "gtin" else
                  barcodes.code39(code.text) if self.rng.random() < 0.3 and len(code.text) < 11
                  else barcodes.code128(code.text))
        module = max(1, round(self.u / self.rng.uniform(9, 13)))
        if 2 * self.left + sum(widths) * module > self.panel.image.width:
            module = max(1, round(self.u / 13))
        start = self.left if x is None else x
        end = self.panel.bars(start, self.y, widths, height, module, self.ink)
        self.panel.remember(code.text, (start, self.y, end, self.y + height), code, "barcode")
        self.y += height
        self.reached = max(self.reached, end)
        return end

    def barcode_above(self, anchor: str, code: Identifier, cap: float) -> None:
        """Stripes, and under them word and value."""
        self.stripes(code, self.rng.uniform(1.6, 3) * cap)
        self.y += 0.4 * cap
        if anchor:
            self.field(anchor, code, cap)
        else:
            self.y += cap
            end = self.panel.text(self.left, self.y, code.printed, self.value_face, cap, self.ink,
                                  code, tracking=self.rng.choice((0, 0, 0.15)))
            self.finish(end, cap)

    def barcode_below(self, anchor: str, code: Identifier, cap: float) -> None:
        """Word and value, and under them the stripes."""
        self.field(anchor, code, cap)
        self.stripes(code, self.rng.uniform(1.4, 2.6) * cap)
        self.y += 0.5 * cap

    def barcode_beside(self, anchor: str, code: Identifier, cap: float) -> None:
        """The word left, stripes right of it, the value under the stripes."""
        is_wide = any(ord(c) > 0x2E80 for c in anchor)
        end = self.panel.text(self.left, self.y + 1.4 * cap, anchor, "cjk" if is_wide else self.face,
                              cap, self.ink, role="anchor")
        start = max(end + 0.8 * cap, self.left + self.tab)
        if self.leaves(start, code.printed, cap):
            start = self.left
            self.y += 1.7 * cap
        self.stripes(code, self.rng.uniform(1.5, 2.2) * cap, start)
        self.y += 1.35 * cap
        end = self.panel.text(start, self.y, code.printed, self.value_face, cap, self.ink, code)
        self.finish(end, cap)

    def finish(self, end: float, cap: float) -> None:
        """Close a line that ended at `end`."""
        self.y += self.leading * cap
        self.reached = max(self.reached, end)

    def identifier(self, code: Identifier, cap: float, plain: bool = False) -> None:
        """A code with its word, in one of the arrangements."""
        anchor = words.serial_anchor(self.rng, self.lang, code)
        if code.kind == "part":
            anchor = self.rng.choice(self.lang.part)
        elif code.format == "fcc-id":
            anchor = "FCC ID:"
        write = self.field if plain else self.rng.choices(
            (self.field, self.below, self.barcode_above, self.barcode_below, self.barcode_beside),
            (34, 12, 22, 14, 18))[0]
        if write == self.barcode_above and code.kind == "serial" and self.rng.random() < 0.12:
            anchor = ""
        write(anchor, code, cap)

    def marks(self) -> None:
        """A row of approval marks."""
        cap = self.rng.uniform(1.1, 1.7) * self.u
        self.y += 0.2 * cap + cap
        x = self.left
        marks = self.rng.sample(("CE", "FC", "UL", "RoHS", "KC", "EAC"), self.rng.randrange(2, 5))
        for mark in marks:
            x = self.panel.text(x, self.y, mark, self.bold, cap, self.ink) + 0.8 * cap
        line = max(1, round(cap / 12))
        for inset in (0.0, 0.22 * cap):
            box = (x + inset, self.y - cap + inset, x + cap - inset, self.y - inset)
            self.panel.draw.rectangle(box, outline=self.ink, width=line)
        self.finish(x + cap, cap)

    def close(self) -> None:
        """Cut the panel to what was written."""
        width = max(self.reached, 0.5 * self.right) + self.left
        self.panel.crop((0, 0, min(width, self.panel.image.width),
                         self.y + self.rng.uniform(0.5, 1.0) * self.u))


def product_label(rng: Random, u: float, with_serial: bool) -> Subject:
    """The rating label of a device: several fields, one of them the serial number."""
    paper, ink = rng.choice(PAPERS)
    writer = Writer(Panel(rng.uniform(26, 38) * u, 70 * u, paper), rng, u, ink)
    if rng.random() < 0.8:
        writer.words(rng.choice(words.MAKERS), rng.uniform(1.3, 2.2) * u, bold=True)
    if rng.random() < 0.5:
        writer.words(rng.choice(words.GOODS), rng.uniform(0.8, 1.1) * u)

    def other() -> float:
        return rng.uniform(0.7, 1.05) * u

    blocks = [lambda: writer.field(rng.choice(writer.lang.model), words.model_name(rng), other())]
    if rng.random() < 0.8:
        blocks.append(lambda: writer.field(rng.choice(writer.lang.supply), words.rating(rng),
                                           other()))
    if rng.random() < 0.55:
        blocks.append(lambda: writer.identifier(serials.part(rng), other(), rng.random() < 0.8))
    has_mac = rng.random() < 0.4
    if has_mac:
        blocks.append(lambda: writer.identifier(serials.mac(rng), other(), rng.random() < 0.6))
    if rng.random() < 0.35:
        blocks.append(lambda: writer.identifier(serials.fcc_id(rng), other(), True))
    if rng.random() < 0.4:
        blocks.append(lambda: writer.field(rng.choice(writer.lang.date), words.date(rng), other()))
    for _ in range(rng.randrange(3)):
        blocks.append(lambda: writer.words(words.legal(rng), rng.uniform(0.5, 0.8) * u))
    if with_serial:
        code = serials.any_serial(rng)
        if not has_mac and rng.random() < 0.08:
            code = rng.choice((serials.mac, serials.imei))(rng)
        blocks.insert(rng.randrange(1, len(blocks) + 1), lambda: writer.identifier(code, u))
        if code.format == "dell-7" and rng.random() < 0.5:
            number = str(int(code.text, 36))
            express = Identifier(number, number, "code", "express")
            blocks.append(lambda: writer.field("Express Service Code:", express, other()))
    elif rng.random() < 0.4:
        blocks.append(lambda: writer.barcode_above("", serials.ean13(rng), other()))
    for block in blocks:
        block()
        writer.y += 0.15 * u
        if rng.random() < 0.12:
            writer.y += 0.25 * u
            writer.panel.draw.line((writer.left, writer.y, writer.right, writer.y), ink,
                                   max(1, round(u / 14)))
            writer.y += 0.35 * u
    if rng.random() < 0.4:
        writer.marks()
    if rng.random() < 0.6:
        writer.words(rng.choice(writer.lang.made), rng.uniform(0.6, 0.9) * u)
    writer.close()
    if rng.random() < 0.5:
        writer.panel.round_corners(rng.uniform(0.4, 1.2) * u)
    surface = rng.choice(("plastic", "plastic", "painted", "aluminium", "wood", "circuit-board"))
    return Subject(writer.panel, surface, "sticker", u)


def asset_tag(rng: Random, u: float, with_serial: bool) -> Subject:
    """A small sticker of the owner: name, stripes or QR, number; sometimes the serial as well."""
    paper, ink = rng.choice(PAPERS[:6])
    writer = Writer(Panel(44 * u, 40 * u, paper), rng, u, ink)
    code = serials.asset(rng)
    qr_side = 0.0
    if rng.random() < 0.35:
        module = max(1, round(u / 6))
        qr_side = writer.panel.matrix(writer.left, writer.y, code.text, module, ink)
        writer.panel.remember(code.text, (writer.left, writer.y, writer.left + qr_side,
                                          writer.y + qr_side), code, "barcode")
        writer.left += qr_side + u
    owner = rng.choice(words.OWNERS)
    writer.words(rng.choice((owner, f"PROPERTY OF {owner}", f"Property of {owner}")),
                 rng.uniform(0.6, 0.9) * u, bold=True)
    is_plain = bool(qr_side) or rng.random() < 0.2
    writer.identifier(code, u, plain=is_plain)
    if with_serial and rng.random() < 0.35:
        number = serials.any_serial(rng)
        writer.field(rng.choice(("S/N:", "SL#", "SN", "Serial:")), number, rng.uniform(0.8, 1) * u)
    if rng.random() < 0.4:
        writer.words(rng.choice(("Do not remove", "If found call +44 20 7946 0321",
                                 "IT Services  ext. 4410")), rng.uniform(0.5, 0.7) * u)
    if qr_side:
        writer.left -= qr_side + u
        writer.y = max(writer.y, qr_side + 1.2 * u)
    writer.close()
    if rng.random() < 0.7:
        writer.panel.round_corners(rng.uniform(0.5, 1.2) * u)
    surface = rng.choice(("plastic", "aluminium", "painted", "wood", "cloth"))
    return Subject(writer.panel, surface, "sticker", u)


def box_label(rng: Random, u: float, with_serial: bool) -> Subject:
    """The label of a carton, or print on the carton itself: many stripes, each with its text."""
    is_printed_on = rng.random() < 0.3
    paper = (0, 0, 0, 0) if is_printed_on else WHITE
    ink = rng.choice(((32, 26, 22, 235), (20, 24, 60, 235))) if is_printed_on else BLACK
    writer = Writer(Panel(rng.uniform(28, 40) * u, 80 * u, paper), rng, u, ink)
    writer.words(f"{rng.choice(words.MAKERS)} {rng.choice(words.GOODS)}", rng.uniform(1.1, 1.7) * u,
                 bold=True)
    code = serials.any_serial(rng)
    blocks = [lambda: writer.field(rng.choice(writer.lang.model), words.model_name(rng), 0.9 * u),
              lambda: writer.barcode_above(rng.choice(writer.lang.part), serials.part(rng),
                                           0.9 * u)]
    if rng.random() < 0.6:
        blocks.append(lambda: writer.barcode_above("", serials.ean13(rng), 0.9 * u))
    if rng.random() < 0.35:
        blocks.append(lambda: writer.barcode_above(rng.choice(("IMEI:", "IMEI 1:", "IMEI/MEID")),
                                                   serials.imei(rng), 0.9 * u))
    if rng.random() < 0.3:
        blocks.append(lambda: writer.barcode_below(words.mac_anchor(rng), serials.mac(rng),
                                                   0.9 * u))
    if with_serial:
        anchor = words.serial_anchor(rng, writer.lang, code)
        arrange = rng.choice((writer.barcode_above, writer.barcode_above, writer.barcode_below,
                              writer.barcode_beside, writer.field))
        blocks.append(lambda: arrange(anchor, code, u))
    rng.shuffle(blocks)
    for block in blocks:
        block()
        writer.y += rng.uniform(0.1, 0.5) * u
    if rng.random() < 0.6:
        writer.words(f"QTY: {rng.choice((1, 1, 5, 10))} PCS     N.W. {rng.uniform(0.2, 9):.1f} kg",
                     0.8 * u)
    if rng.random() < 0.6:
        writer.words(rng.choice(writer.lang.made), 0.8 * u)
    writer.close()
    return Subject(writer.panel, "cardboard", "ink" if is_printed_on else "sticker", u)
