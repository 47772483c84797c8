"""Tests of tools/calibrate: signs, what is taken off, chance, the table that evaluate.py reads back.

    python3 -m unittest tests/tools/test_calibrate.py
"""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "calibrate"))

try:
    import numpy as np

    import ablate
    import calibrate
    import changed
    import evaluate
    import model
    import samples
    from PIL import Image
    from samples import Sample
except ImportError as error:
    if __name__ == "__main__":
        print(f"SKIP: {error}")
        sys.exit(77)
    raise unittest.SkipTest(str(error)) from error

TABLE = ROOT / "src" / "serial" / "calibration_table.c"


def sample(number: int, right: bool, **terms: float) -> "Sample":
    """A first reading of a picture of its own."""
    every = {name: 0.0 for name in (*calibrate.CHOICE, *calibrate.READ, *calibrate.SHARED,
                                    *calibrate.LATER, *calibrate.CHOICE_BY_HAND,
                                    *calibrate.READ_BY_HAND, *calibrate.READ_REMOVED)}
    return Sample(f"labels/{number:05}.jpg", "labels", 0, "AB1", "serial", "sure", 0.5, right,
                  "" if right else "choice", True, every | terms, "", 1, 1.0)


class TestModel(unittest.TestCase):
    def test_chance_error_shrinks_with_the_number(self) -> None:
        few, many = np.full(50, 0.9), np.full(5000, 0.9)
        self.assertGreater(model.chance_error(few), 3 * model.chance_error(many))
        self.assertEqual(model.chance_error(np.array([])), 0.0)

    def test_honest_scores_stay_below_it(self) -> None:
        random = np.random.default_rng(7)
        p = random.random(400)
        honest = model.calibration_error(p, random.random(400) < p)
        self.assertLess(honest, model.chance_error(p) * 1.2)
        self.assertGreater(model.calibration_error(p, random.random(400) < p / 3),
                           model.chance_error(p))


class TestFit(unittest.TestCase):
    def test_no_weight_has_the_wrong_sign(self) -> None:
        # Codes with a word are wrong, those without right: the fit may not turn the word round.
        readings = [sample(i, i % 2 == 0, fits=float(i % 2), clear=6.0) for i in range(80)]
        weights = calibrate.fit(readings, set(), calibrate.Knobs())
        self.assertEqual(weights.choice["fits"], 0.0)
        self.assertEqual(weights.choice["anchor"], calibrate.CHOICE_BY_HAND["anchor"])
        self.assertEqual(weights.read["zero"], calibrate.READ_REMOVED["zero"])

    def test_unknown_terms_are_refused(self) -> None:
        with self.assertRaisesRegex(SystemExit, "nonsense"):
            calibrate.check_names([sample(0, True, nonsense=1.0)])

    def test_table_is_read_back(self) -> None:
        readings = [sample(i, i % 9 > 0, fits=float(i % 3), clear=float(i % 7)) for i in range(80)]
        weights = calibrate.fit(readings, set(), calibrate.Knobs())
        curves = calibrate.Curves(calibrate.Curve(np.array([1.0, 3.0]), np.array([2.0, 5.0])),
                                  calibrate.Curve(np.array([-2.0, 1.0]), np.array([-1.0, 2.0])))
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "table.c"
            table.write_text(calibrate.table_text(weights, curves, ["A test."]), encoding="utf-8")
            again = evaluate.weights_of(table)
        self.assertAlmostEqual(again[0].choice["anchor"], 0.3)
        np.testing.assert_allclose(calibrate.probability(readings, *again),
                                   calibrate.probability(readings, weights, curves), atol=1e-3)

    def test_the_table_in_the_tree_has_every_weight_by_hand(self) -> None:
        weights, curves = evaluate.weights_of(TABLE)
        for term, value in calibrate.CHOICE_BY_HAND.items():
            removed = calibrate.REMOVED.get(term, 0.0)
            self.assertAlmostEqual(weights.choice[term], value + removed, msg=term)
        for term, value in (calibrate.READ_BY_HAND | calibrate.READ_REMOVED).items():
            self.assertAlmostEqual(weights.read[term], value, msg=term)
        for curve in (curves.strict, curves.middle):
            self.assertTrue((np.diff(curve.log_odds) >= 0).all())


class TestAblation(unittest.TestCase):
    def test_tables_are_whole_again_afterwards(self) -> None:
        readings = [sample(i, i % 9 > 0, fits=float(i % 3), clear=float(i % 7)) for i in range(60)]
        before = [dict(table) for table in ablate.TABLES]
        p = ablate.without(("fits", "later-1", "zero"), readings, set(), calibrate.Knobs())
        self.assertEqual(before, [dict(table) for table in ablate.TABLES])
        self.assertIn("later-1", calibrate.LATER)
        self.assertEqual(len(p), len(readings))
        whole = ablate.without((), readings, set(), calibrate.Knobs())
        self.assertFalse(np.allclose(p, whole))

    def test_every_term_of_a_group_is_one(self) -> None:
        known = {n for table in ablate.TABLES for n in table} | set(calibrate.LATER)
        for name, terms in ablate.ABOUT.items():
            self.assertLessEqual(set(terms), known, name)


class TestChanged(unittest.TestCase):
    """Copies of photographs."""

    PICTURE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (320, 400, 3), np.uint8))

    def test_ways_change_what_they_say(self) -> None:
        for name, size in (("half", (200, 160)), ("flat", (400, 240)), ("turn-90", (320, 400)),
                           ("tilt", (400, 320)), ("cut", (364, 285)), ("dark", (400, 320))):
            self.assertEqual(changed.WAYS[name](self.PICTURE).size, size, name)
        dark = np.asarray(changed.WAYS["dark"](self.PICTURE))
        self.assertLess(dark.mean(), 0.7 * np.asarray(self.PICTURE).mean())
        upside_down = np.asarray(changed.WAYS["turn-180"](self.PICTURE))
        self.assertTrue(np.array_equal(upside_down, np.asarray(self.PICTURE)[::-1, ::-1]))

    def test_mixtures_can_be_made_again(self) -> None:
        once, again, other = (np.asarray(changed.mixture(seed)(self.PICTURE)) for seed in (1, 1, 2))
        self.assertTrue(np.array_equal(once, again))
        self.assertFalse(once.shape == other.shape and np.array_equal(once, other))

    def test_copies_have_the_truth_of_their_photographs(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            photos, out = Path(folder) / "photos", Path(folder) / "out"
            (photos / "labels").mkdir(parents=True)
            self.PICTURE.save(photos / "labels/a.png")
            self.PICTURE.save(photos / "labels/a.jpg")
            (photos / "photos.tsv").write_text(
                "file\tkind\tserial\tcodes\nlabels/a.png\tlabels\tAB\"1\tAB\"1|C2\n"
                "labels/a.jpg\tlabels\tnone\tnone\n", encoding="utf-8")
            changed.make(photos, out, changed.WAYS["half"])
            truth = samples.truth_of(out)
            self.assertEqual({name: row["serial"] for name, row in truth.items()},
                             {"labels/a-png.jpg": 'AB"1', "labels/a-jpg.jpg": "none"})
            for name in truth:
                with Image.open(out / name) as copy:
                    self.assertEqual(copy.size, (200, 160))


if __name__ == "__main__":
    unittest.main()
