"""Identifiers as makers print them: serial numbers of many shapes, IMEI, MAC, VIN, containers.

Every function takes a `random.Random` and gives an `Identifier`. Where a format has a check digit
it is right; the check digit functions are public so that tests can hold them against known values.
Random letters leave out I, O and Q (as makers do), so that the printed truth can be read by eye;
only some of the makers' own schemes have them, as in life.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Callable

DIGITS = "0123456789"
HEX = "0123456789ABCDEF"
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
ANY_LETTER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALNUM = DIGITS + LETTERS
NO_VOWELS = DIGITS + "BCDFGHJKLMNPRSTVWXYZ"
# "Serial NR-2535" may be the number 2535 as well as NR2535: nobody can tell.
NUMBER_WORDS = ("NR", "SN")


@dataclass(frozen=True)
class Identifier:
    """One code: `text` is canonical, `printed` is what stands in the picture."""

    text: str
    printed: str
    kind: str
    format: str


def pick(rng: Random, alphabet: str, count: int) -> str:
    """`count` random characters of `alphabet`."""
    return "".join(rng.choice(alphabet) for _ in range(count))


def prefix(rng: Random, count: int) -> str:
    """Letters that a code begins with, and that are no word for a number."""
    while True:
        text = pick(rng, LETTERS, count)
        if text not in NUMBER_WORDS:
            return text


def mixed(rng: Random, alphabet: str, count: int) -> str:
    """Like `pick`, with at least one digit and one letter."""
    while True:
        text = pick(rng, alphabet, count)
        if any(c.isdigit() for c in text) and any(c.isalpha() for c in text):
            return text


def luhn_digit(digits: str) -> str:
    """The Luhn check digit to append to `digits` (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def gtin_digit(digits: str) -> str:
    """The check digit of a GTIN (EAN-13, UPC-A) to append to `digits`."""
    total = sum(int(d) * (3 if place % 2 == 0 else 1) for place, d in enumerate(reversed(digits)))
    return str(-total % 10)


def vin_digit(vin: str) -> str:
    """The check digit (place 9) of a 17-character VIN (49 CFR 565.15); place 9 counts nothing."""
    values = dict(zip(LETTERS, (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9,
                               2, 3, 4, 5, 6, 7, 8, 9)))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum(w * (int(c) if c.isdigit() else values[c]) for w, c in zip(weights, vin))
    return "0123456789X"[total % 11]


def iso6346_digit(code: str) -> str:
    """The check digit of a container code: `code` is four letters and six digits (ISO 6346)."""
    values = {}
    value = 10
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        value += value % 11 == 0
        values[letter] = value
        value += 1
    total = sum((int(c) if c.isdigit() else values[c]) << place for place, c in enumerate(code))
    return str(total % 11 % 10)


def serial(text: str, name: str, printed: str | None = None) -> Identifier:
    """An identifier of the kind serial."""
    return Identifier(text, printed or text, "serial", name)


def apple12(rng: Random) -> Identifier:
    """Twelve characters: plant, year and week, unit, model (in use from 2010 to 2021)."""
    plant = rng.choice(("C02", "C02", "C1M", "C17", "F17", "FVF", "FVH", "DGK", "DLX"))
    date = rng.choice("CDFGHJKLMNPRSTVWXYZ") + rng.choice("123456789CDFGHJKLMNPRTVWXY")
    return serial(plant + date + pick(rng, NO_VOWELS, 3) + mixed(rng, NO_VOWELS, 4), "apple-12")


def randomized(rng: Random) -> Identifier:
    """Ten to fourteen random characters."""
    return serial(mixed(rng, NO_VOWELS, rng.choice((10, 10, 10, 11, 12, 14))), "randomized")


def dell7(rng: Random) -> Identifier:
    """A service tag of seven characters, a digit last."""
    return serial(mixed(rng, NO_VOWELS, 6) + rng.choice("123"), "dell-7")


def hp10(rng: Random) -> Identifier:
    """Ten characters: country and plant, year, week, three to finish."""
    head = rng.choice(("CNK", "CND", "CNU", "5CG", "5CD", "MXL", "2UA", "SGH", "BRB", "JPH", "TPW"))
    date = f"{rng.randrange(10)}{rng.randrange(1, 53):02d}"
    return serial(head + date + mixed(rng, NO_VOWELS, 3) + rng.choice(ALNUM), "hp-10")


def lenovo8(rng: Random) -> Identifier:
    """Eight characters behind PF, MP, R9, ..."""
    head = rng.choice(("PF", "PF", "PF", "MP", "R9", "LR", "PC", "YX"))
    return serial(head + mixed(rng, NO_VOWELS, 6), "lenovo-8")


def cisco11(rng: Random) -> Identifier:
    """Eleven characters: plant, year since 1996, week, four to finish."""
    plant = rng.choice(("FOC", "FCW", "FDO", "JAE", "FTX", "JMX", "SAL", "FHH"))
    date = f"{rng.randrange(8, 29):02d}{rng.randrange(1, 53):02d}"
    return serial(plant + date + mixed(rng, NO_VOWELS, 4), "cisco-11")


def digits(rng: Random) -> Identifier:
    """Six to twelve digits, the first seldom zero."""
    count = rng.randrange(6, 13)
    first = "0" if rng.random() < 0.15 else rng.choice("123456789")
    return serial(first + pick(rng, DIGITS, count - 1), "digits")


def samsung11(rng: Random) -> Identifier:
    """Eleven characters behind R, as on phones and tablets."""
    head = rng.choice(("R5", "R3", "R9", "RF", "RZ"))
    return serial(head + mixed(rng, NO_VOWELS, 9), "samsung-11")


def generic(rng: Random) -> Identifier:
    """A maker's own scheme: a prefix, a date, a running number; some printed in groups."""
    year, week = rng.randrange(8, 27), rng.randrange(1, 53)
    run = pick(rng, DIGITS, rng.choice((4, 5, 6)))
    shape = rng.randrange(8)
    if shape == 7:
        return serial(mixed(rng, DIGITS + ANY_LETTER, rng.choice((8, 10, 12))), "generic")
    if shape == 0:
        return serial(f"{prefix(rng, 2)}{year:02d}{week:02d}{run}", "generic")
    if shape == 1:
        parts = (prefix(rng, rng.choice((2, 3))), f"{year:02d}{week:02d}", run)
        return serial("".join(parts), "generic", "-".join(parts))
    if shape == 2:
        text = rng.choice("123456789") + pick(rng, DIGITS, 11)
        return serial(text, "generic", " ".join((text[:4], text[4:8], text[8:])))
    if shape == 3:
        text = f"{pick(rng, LETTERS, 4)}{rng.randrange(22, 26)}{pick(rng, DIGITS, 6)}"
        return serial(text, "generic")
    if shape == 4:
        return serial(f"{pick(rng, DIGITS, 2)}{mixed(rng, ALNUM, 9)}{run}", "generic")
    if shape == 5:
        number = pick(rng, DIGITS, 5)
        return serial(f"20{year:02d}{number}", "generic", f"20{year:02d}/{number}")
    text = f"{rng.choice(LETTERS)}{run}{pick(rng, DIGITS, 3)}{rng.choice(LETTERS)}"
    return serial(text, "generic")


def imei(rng: Random) -> Identifier:
    """Fifteen digits, the last by Luhn; printed plain or in groups."""
    body = "35" + pick(rng, DIGITS, 12)
    text = body + luhn_digit(body)
    grouped = " ".join((text[:2], text[2:8], text[8:14], text[14]))
    return Identifier(text, grouped if rng.random() < 0.25 else text, "imei", "imei")


def mac(rng: Random) -> Identifier:
    """A MAC address (globally unique, unicast), printed with colons, hyphens or nothing."""
    first = f"{rng.randrange(64) * 4:02X}"
    pairs = [first] + [pick(rng, HEX, 2) for _ in range(5)]
    return Identifier("".join(pairs), rng.choice((":", ":", "-", "")).join(pairs), "mac", "mac-48")


def vin(rng: Random) -> Identifier:
    """A vehicle identification number with a right check digit."""
    maker = rng.choice(("WDB", "WVW", "WBA", "1HG", "2HG", "JTD", "JM1", "KMH", "VF1", "YV1",
                        "5YJ"))
    raw = (maker + pick(rng, ALNUM, 5) + "0" + rng.choice("ABCDEFGHJKLMNPRSTVWXY123456789")
           + rng.choice(ALNUM) + pick(rng, DIGITS, 6))
    text = raw[:8] + vin_digit(raw) + raw[9:]
    return Identifier(text, text, "vin", "vin")


def container(rng: Random) -> Identifier:
    """A container code with a right check digit, printed in groups."""
    owner = pick(rng, LETTERS, 3) + "U"
    number = pick(rng, DIGITS, 6)
    check = iso6346_digit(owner + number)
    return Identifier(owner + number + check, f"{owner} {number} {check}", "container", "iso-6346")


def asset(rng: Random) -> Identifier:
    """An owner's inventory number."""
    shape = rng.randrange(4)
    if shape == 0:
        text = pick(rng, DIGITS, rng.choice((6, 7, 8)))
        return Identifier(text, text, "asset", "asset")
    if shape == 1:
        parts = [pick(rng, LETTERS, 2), pick(rng, DIGITS, 3), pick(rng, DIGITS, 3)]
        return Identifier("".join(parts), " ".join(parts), "asset", "asset")
    if shape == 2:
        parts = [rng.choice(("IT", "LAP", "INV", "AST")), pick(rng, DIGITS, 6)]
        return Identifier("".join(parts), "-".join(parts), "asset", "asset")
    text = f"COMP{pick(rng, DIGITS, 9)}"
    return Identifier(text, text, "asset", "asset")


def part(rng: Random) -> Identifier:
    """A part number."""
    shape = rng.randrange(4)
    if shape == 0:
        text = f"{pick(rng, DIGITS, 3)}-{pick(rng, DIGITS, 5)}-{pick(rng, DIGITS, 2)}"
    elif shape == 1:
        text = f"{pick(rng, LETTERS, 2)}{pick(rng, DIGITS, 4)}-{pick(rng, DIGITS, 3)}"
    elif shape == 2:
        text = f"{pick(rng, DIGITS, 6)}-00{rng.choice('123456789')}"
    else:
        text = (f"{rng.choice(DIGITS)}{pick(rng, LETTERS, 3)}{pick(rng, DIGITS, 3)}"
                f"{rng.choice(LETTERS)}{pick(rng, DIGITS, 2)}")
    return Identifier(text, text, "part", "part")


def ean13(rng: Random) -> Identifier:
    """A GTIN of thirteen digits."""
    body = rng.choice(("40", "50", "69", "84", "76", "30")) + pick(rng, DIGITS, 10)
    text = body + gtin_digit(body)
    return Identifier(text, text, "gtin", "ean-13")


def fcc_id(rng: Random) -> Identifier:
    """An FCC identifier: grantee code and product code."""
    grantee = pick(rng, LETTERS, 3) if rng.random() < 0.6 else "2A" + pick(rng, LETTERS, 3)
    text = f"{grantee}{'-' if len(grantee) == 5 else ''}{mixed(rng, ALNUM, rng.choice((5, 6, 7)))}"
    return Identifier(text, text, "code", "fcc-id")


SERIALS: tuple[tuple[int, Callable[[Random], Identifier]], ...] = (
    (14, apple12), (10, randomized), (10, dell7), (10, hp10), (9, lenovo8), (9, cisco11),
    (16, digits), (6, samsung11), (16, generic))


def any_serial(rng: Random) -> Identifier:
    """A serial number of a random shape."""
    return rng.choices([make for _, make in SERIALS], [weight for weight, _ in SERIALS])[0](rng)
