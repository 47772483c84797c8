"""Tests of tools/calibrate/head.py and code_lines.py: what the layer learns, its table, lines.

    python3 -m unittest tests/tools/test_head.py
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "calibrate"))

try:
    import numpy as np
    from PIL import ImageFont

    import code_lines
    import head
except ImportError as error:
    if __name__ == "__main__":
        print(f"SKIP: {error}")
        sys.exit(77)
    raise unittest.SkipTest(str(error)) from error

TABLE = ROOT / "src" / "ocr" / "code_head_table.c"
NUMBER = re.compile(r"-?\d+")
POINTS = np.array([0, *range(0x20, 0x7F), *range(0x391, 0x39F)], dtype=np.uint32)
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def misread(count: int, seed: int) -> "head.Data":
    """Symbols of which a half of all Q are taken for 0, though a column that nobody asks tells them
    apart."""
    random = np.random.default_rng(seed)
    column = {chr(c): k for k, c in enumerate(POINTS)}
    truth = random.integers(0, len(head.SYMBOLS), count)
    rows = random.normal(-14, 1, (count, len(POINTS))).astype(np.float32)
    for row, t in zip(rows, truth):
        symbol = head.SYMBOLS[t]
        taken = "0" if symbol == "Q" and random.random() < 0.5 else symbol
        row[column[taken]] = -0.01
        row[column["("]] = -6 if symbol == "Q" else -12
    return head.Data(rows, truth, np.full(count, "font"))


class TestFit(unittest.TestCase):
    def test_what_the_rows_tell_is_learned(self) -> None:
        learned, other = misread(4000, 1), misread(2000, 2)
        layer = head.fit(learned, POINTS, ridge=1.0)
        self.assertEqual(layer.weights.shape, (len(POINTS), len(head.SYMBOLS)))
        before = head.prior(other.rows, POINTS)
        after = before + head.centred(other.rows) @ layer.weights + layer.bias
        self.assertGreater((before.argmax(1) != other.truth).sum(), 10)
        self.assertEqual((after.argmax(1) != other.truth).sum(), 0)

    def test_both_cases_of_a_letter_count(self) -> None:
        rows = np.full((1, len(POINTS)), -20.0, np.float32)
        rows[0, list(POINTS).index(ord("k"))] = rows[0, list(POINTS).index(ord("K"))] = np.log(0.5)
        self.assertAlmostEqual(float(head.prior(rows, POINTS)[0, head.SYMBOLS.index("K")]), 0, 5)


class TestTable(unittest.TestCase):
    def test_it_holds_the_layer(self) -> None:
        random = np.random.default_rng(3)
        layer = head.Layer(random.normal(0, 0.1, (head.COLUMNS, len(head.SYMBOLS))),
                           random.normal(0, 2, len(head.SYMBOLS)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.c"
            head.write_table(layer, np.arange(head.COLUMNS), path)
            text = path.read_text(encoding="utf-8")
        numbers = [int(n) for n in NUMBER.findall(text[text.index(".bias"):])]
        self.assertEqual(len(numbers), len(head.SYMBOLS) * (1 + head.COLUMNS))
        self.assertTrue(np.allclose(np.array(numbers[:36]) / head.UNIT, layer.bias, atol=1e-4))
        self.assertTrue(np.allclose(np.array(numbers[36:]).reshape(layer.weights.shape) / head.UNIT,
                                    layer.weights, atol=1e-4))
        self.assertLess(max(len(line) for line in text.splitlines()), 101)

    def test_weights_that_do_not_fit_are_refused(self) -> None:
        layer = head.Layer(np.full((head.COLUMNS, 36), 4.0), np.zeros(36))
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(SystemExit):
            head.write_table(layer, np.arange(head.COLUMNS), Path(folder) / "table.c")

    def test_the_one_in_the_tree_is_of_this_network(self) -> None:
        self.assertIn(f'"{head.SHA256}"', TABLE.read_text(encoding="utf-8"))


class TestLines(unittest.TestCase):
    def test_pictures_give_their_codes_alone(self) -> None:
        quad = [[0, 0], [9, 0], [9, 4], [0, 4]]
        texts = [{"text": text, "role": role, "quad": quad} for text, role in (
            ("5CG1234XYZ", "serial"), ("Serial No.", "anchor"), ("5CG1234XYZ", "barcode"),
            ("PART", "part"), ("A-1", "part"), ("12-34567", "part"))]
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "pictures-4302-0"
            out.mkdir()
            (out / "truth.jsonl").write_text("".join(
                json.dumps({"file": f"{damage}.jpg", "damage": damage, "texts": texts}) + "\n"
                for damage in (None, "worn")), encoding="utf-8")
            rows = [row.split("\t") for row in head.picture_lines(Path(folder))]
        self.assertEqual([(row[2], row[3]) for row in rows],
                         [("5CG1234XYZ", "4302"), ("12-34567", "4302")])
        self.assertEqual(rows[0][1], "0.0 0.0 9.0 0.0 9.0 4.0 0.0 4.0")

    def test_texts_can_be_made_again(self) -> None:
        texts = [code_lines.some_text(Random(seed)) for seed in range(300)]
        self.assertEqual(texts, [code_lines.some_text(Random(seed)) for seed in range(300)])
        letters = "".join(texts)
        self.assertLess(letters.count("O"), letters.count("0") / 3)

    @unittest.skipUnless(Path(FONT).is_file(), "fonts-dejavu-core is not installed")
    def test_the_quad_is_round_the_ink(self) -> None:
        font = ImageFont.truetype(FONT, 60)
        for seed in range(8):
            rng, noise = Random(seed), np.random.default_rng(seed)
            mask, quad = code_lines.draw(rng, "S/N: AB12", font, 44)
            cover, seen = code_lines.see(rng, mask, quad, 2, 22)
            ink = np.asarray(cover) > 128
            rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
            self.assertLess(abs(columns[0] - seen[:, 0].min()), 8)
            self.assertLess(abs(columns[-1] - seen[:, 0].max()), 8)
            self.assertLess(abs(rows[0] - seen[:, 1].min()), 8)
            grey = code_lines.light(rng, noise, cover, 22)
            self.assertEqual((grey.shape, grey.dtype), (ink.shape, np.uint8))


if __name__ == "__main__":
    unittest.main()
