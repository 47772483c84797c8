"""Tests of the renderer: check digits, the same bytes again, truth inside the picture.

    python3 -m unittest tests/tools/test_render.py
"""

from __future__ import annotations

import io
import sys
import unittest
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "render"))

try:
    import barcodes
    import fonts
    import labels
    import metal
    import panel
    import render
    import serials
    from PIL import Image
    MISSING = f"fonts not installed: {fonts.missing()}" if fonts.missing() else ""
except ImportError as error:
    MISSING = str(error)


@unittest.skipIf(MISSING, MISSING)
class CheckDigits(unittest.TestCase):
    """The formulas against published examples, the generators against the formulas."""

    def test_known_values(self) -> None:
        self.assertEqual(serials.luhn_digit("49015420323751"), "8")
        self.assertEqual(serials.vin_digit("1M8GDM9A0KP042788"), "X")
        self.assertEqual(serials.iso6346_digit("CSQU305438"), "3")
        self.assertEqual(serials.gtin_digit("400638133393"), "1")

    def test_generated(self) -> None:
        rng = Random(1)
        for _ in range(200):
            imei, vin, box = serials.imei(rng), serials.vin(rng), serials.container(rng)
            self.assertEqual(imei.text[-1], serials.luhn_digit(imei.text[:-1]))
            self.assertEqual(len(imei.text), 15)
            self.assertEqual(vin.text[8], serials.vin_digit(vin.text))
            self.assertEqual(len(vin.text), 17)
            self.assertEqual(box.text[-1], serials.iso6346_digit(box.text[:-1]))

    def test_printed_form_has_the_same_characters(self) -> None:
        rng = Random(2)
        for _ in range(300):
            code = serials.any_serial(rng)
            self.assertEqual("".join(c for c in code.printed if c.isalnum()), code.text)

    def test_no_code_begins_like_a_word_for_a_number(self) -> None:
        rng = Random(4)
        codes = [serials.generic(rng).printed for _ in range(8000)]
        self.assertTrue(any(code[:2].isalpha() and code[2] == "-" for code in codes))
        for code in codes:
            letters = code.partition("-")[0].rstrip("0123456789")
            if "-" in code or len(code) in (10, 11, 12) and code[2:].isdigit():
                self.assertNotIn(letters, ("NR", "SN"), code)

    def test_lengths_of_formats(self) -> None:
        rng = Random(3)
        for make, length in ((serials.apple12, 12), (serials.dell7, 7), (serials.hp10, 10),
                             (serials.lenovo8, 8), (serials.cisco11, 11), (serials.samsung11, 11)):
            for _ in range(50):
                self.assertEqual(len(make(rng).text), length)


@unittest.skipIf(MISSING, MISSING)
class Barcodes(unittest.TestCase):
    """Sizes that the standards fix."""

    def test_code128(self) -> None:
        widths = barcodes.code128("AB12")
        self.assertEqual(sum(widths), 11 * (1 + 4 + 1) + 13)
        self.assertEqual(sum(barcodes.code128("123456")), 11 * (1 + 3 + 1) + 13)

    def test_code39_and_ean(self) -> None:
        self.assertEqual(sum(barcodes.code39("A1")), 4 * 15 + 3)
        self.assertEqual(sum(barcodes.ean13("4006381333931")), 95)

    def test_qr_has_its_finders(self) -> None:
        symbol = barcodes.qr("C02Y95LGJG5H")
        self.assertEqual(len(symbol), 21)
        self.assertTrue(all(symbol[0][:7]) and all(symbol[6][-7:]) and all(symbol[-7][:7]))
        self.assertFalse(any(symbol[7][:8]))


@unittest.skipIf(MISSING, MISSING)
class Rendering(unittest.TestCase):
    """Whole pictures, few and small kinds of them."""

    def test_same_seed_same_bytes(self) -> None:
        job = render.Job(5, 3, ("labels", "none"), "medium")
        first, second = render.render(job), render.render(job)
        self.assertEqual(first, second)
        other = render.render(render.Job(6, 3, ("labels", "none"), "medium"))
        self.assertNotEqual(first.data, other.data)

    def test_capitals_are_as_high_as_asked(self) -> None:
        """In the truth, and the same picture when the range is the usual one."""
        job = render.Job(5, 3, ("labels", "none"), "medium")
        self.assertEqual(render.render(job), render.render(
            render.Job(5, 3, ("labels", "none"), "medium", capitals=(8.0, 60.0))))
        for index in range(3):
            small = render.render(render.Job(10, index, ("labels",), "easy", capitals=(9.0, 11.0)))
            self.assertTrue(9 <= small.truth["cap_height"] <= 11)
        for wrong in ("5-9", "12-9", "9", "nan-12", "9-nan"):
            with self.assertRaises(ValueError):
                render.capitals(wrong)

    def test_truth_of_every_kind(self) -> None:
        for index, kind in enumerate((*render.KINDS, "none")):
            with self.subTest(kind=kind):
                picture = render.render(render.Job(7, index, (kind,), None))
                self.check(picture, kind)

    def test_codes_stay_on_their_panel(self) -> None:
        """What runs off its label or its metal would be missing without a trace."""
        makers = {"etched": metal.engraved, "labels": labels.product_label,
                  "nameplates": metal.nameplate, "asset-tags": labels.asset_tag}
        for kind, make in makers.items():
            for index in range(60):
                panel = make(Random(f"panel:{index}"), 20.0, True).panel
                for text in panel.texts:
                    if text.code and text.role != "barcode":
                        with self.subTest(kind=kind, index=index, text=text.text):
                            self.assertGreaterEqual(text.box[0], -1)
                            self.assertLessEqual(text.box[2], panel.image.width + 1)

    def test_codes_of_bars_whose_print_is_cut(self) -> None:
        """Bars in full view can be read; a code that has print as well is told once."""
        box = (0.0, 0.0, 1.0, 1.0)
        gtin = serials.Identifier("4006381333931", "4006381333931", "gtin", "gtin-13")
        code = serials.serial("AB12", "generic", "AB-12")
        found = render.codes_of([panel.Placed("AB-12", "serial", box, code),
                                 panel.Placed("AB12", "barcode", box, code),
                                 panel.Placed(gtin.text, "barcode", box, gtin)])
        self.assertEqual(found, ["AB-12", "4006381333931"])

    def test_stored_turned(self) -> None:
        """A picture with an EXIF orientation still has its truth in the upright picture."""
        for index in range(60):
            job = render.Job(8, index, ("dot-matrix",), "easy")
            picture = render.render(job)
            if picture.truth["orientation"] in (6, 8):
                stored = Image.open(io.BytesIO(picture.data))
                self.assertEqual(stored.size, (picture.truth["height"], picture.truth["width"]))
                self.assertEqual(stored.getexif()[render.ORIENTATION_TAG],
                                 picture.truth["orientation"])
                return
        self.fail("none of 60 pictures was stored turned")

    def test_damage_hides_characters_and_nothing_else(self) -> None:
        """The same picture but for some characters, their bars, and what the file makes of them."""
        kinds = set()
        for index in range(5):
            with self.subTest(index=index):
                whole = render.render(render.Job(9, index, ("labels",), "easy"))
                job = render.Job(9, index, ("labels",), "easy", damaged=True)
                damaged = render.render(job)
                self.assertEqual(damaged, render.render(job))
                self.assertIsNone(whole.truth["damage"])
                self.assertEqual(whole.row["serial"], damaged.row["serial"])
                self.assertEqual(whole.truth["quad"], damaged.truth["quad"])
                hidden = damaged.truth["damage"]
                kinds.add(hidden["kind"])
                self.assertTrue(0 <= hidden["from"] < hidden["to"] <= hidden["from"] + 3)
                self.assertIn(f"characters {hidden['from']} to {hidden['to']}", damaged.row["note"])
                self.assertNotEqual(whole.data, damaged.data)
        self.assertGreater(len(kinds), 1)

    def check(self, picture: render.Picture, kind: str) -> None:
        """The row and the truth of one picture."""
        self.assertEqual(picture.row["kind"], kind)
        self.assertEqual(set(picture.row), set(render.COLUMNS))
        self.assertFalse(any("\t" in value or "\n" in value for value in picture.row.values()))
        quads = [text["quad"] for text in picture.truth["texts"]]
        if kind == "none":
            self.assertEqual(picture.row["serial"], "none")
            self.assertIsNone(picture.truth["quad"])
        else:
            self.assertNotEqual(picture.row["serial"], "none")
            quads.append(picture.truth["quad"])
        for quad in quads:
            self.assertEqual(len(quad), 4)
            for x, y in quad:
                self.assertTrue(0 <= x <= picture.truth["width"])
                self.assertTrue(0 <= y <= picture.truth["height"])
            area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(quad, quad[1:] + quad[:1]))
            self.assertGreater(area, 0, "not clockwise")
        texts = [text["text"] for text in picture.truth["texts"]]
        for code in filter(None, picture.row["codes"].split("|")):
            self.assertIn(code, texts)


if __name__ == "__main__":
    unittest.main()
