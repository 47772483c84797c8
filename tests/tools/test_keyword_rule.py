"""Tests of the rule that makes readings out of other engines' text lines.

    python3 -m unittest tests/tools/test_keyword_rule.py
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "compare"))

import keyword_rule  # noqa: E402


def line(text: str, x: float = 0, y: float = 0) -> keyword_rule.Line:
    """A line with 10 pixels a character, 20 high."""
    right, bottom = x + 10 * len(text), y + 20
    return {"text": text, "score": 1.0, "quad": [[x, y], [right, y], [right, bottom], [x, bottom]]}


def answer(*lines: keyword_rule.Line) -> str | None:
    """The text of the first reading."""
    found = keyword_rule.readings(list(lines))
    return found[0]["text"] if found else None


class Rule(unittest.TestCase):
    """What the rule makes of lines."""

    def test_in_the_line(self) -> None:
        for text, wanted in (
                ("S/N: ABC123", "ABC123"), ("SERIAL #: CNK8181G2C", "CNK8181G2C"),
                ("FCC ID: BCGA2141 and IC: 579C-A2141 Serial C02G414GMD6N", "C02G414GMD6N"),
                ("Service Tag (S/N): 7XK2JD3", "7XK2JD3"), ("Serien-Nr.:PF12AB3C", "PF12AB3C"),
                ("Fabr.-Nr.: 00012783", "00012783"), ("N° de série : 1234567", "1234567"),
                ("Número de serie: AB12345", "AB12345"), ("序列号：AB1234567", "AB1234567"),
                ("SN:12345678", "12345678"), ("Serial 3725 7505 0765", "372575050765"),
                ("Serial No. X1Y2Z3 Made in China", "X1Y2Z3")):
            with self.subTest(text=text):
                self.assertEqual(answer(line(text)), wanted)

    def test_beside_and_below(self) -> None:
        anchor, value = line("Serial No."), line("AB12345", 200, 2)
        self.assertEqual(answer(anchor, line("Model X9", 0, 30), value), "AB12345")
        self.assertEqual(answer(anchor, line("AB12345", 0, 30)), "AB12345")

    def test_without_anchor(self) -> None:
        self.assertEqual(answer(line("WMEEJ3BA4DK652562"), line("LONGERWORD12345678901")),
                         "WMEEJ3BA4DK652562")
        self.assertEqual(answer(line("BSIU"), line("225378 8")), "BSIU2253788")
        self.assertEqual(answer(line("00:1E:C9:47:D4:9B")), "001EC947D49B")
        self.assertEqual(answer(line("Made in China"), line("GPON22070112")), "GPON22070112")

    def test_nothing(self) -> None:
        self.assertIsNone(answer(line("Made in China"), line("230 V")))
        self.assertIsNone(answer())


if __name__ == "__main__":
    unittest.main()
