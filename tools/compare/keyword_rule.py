"""Serial numbers out of plain text lines, by a rule written by hand.

OCR engines give text, not answers. This is what a careful user would put on top of one, so that
their `serial` figure is fair:

1. A line with an anchor: the code is what follows the anchor in the line; else the nearest line to
   its right within twelve times its height; else the nearest below within three; else the nearest
   to its right at any distance. Words for a serial number (S/N, Serial No., Service Tag,
   Seriennummer, ...) go before asset tag and VIN, those before a bare "No.".
2. No anchor led anywhere: a VIN or a container code with a right check digit, then a MAC address,
   then the longest word of at least six characters with letters and digits, then of digits alone.

A code has at least five characters after spaces and separators are gone, and a digit. Words that
follow the code in its line are dropped unless they are groups of digits. The rule uses no list of
makers' formats and repairs no look-alike characters.
"""

from __future__ import annotations

import re
from typing import Any, Iterator

Line = dict[str, Any]
Box = tuple[float, float, float, float]

END = r"[\s.:：\#)°-]*(?:(?:No|Nr)\b[\s.:：\#]*)?"
ANCHORS = [re.compile(words + END, re.IGNORECASE | re.VERBOSE) for words in (
    r"""(?:\bS\s?/\s?N\b|\bSN\b|\bSL\s?\#|\bSer(?:ial)?\.?\s*(?:Number|No|Nr|Num|ID|\#)?\b|
    \bService\s*Tag(?:\s*\(S/N\))?|\bSVC\s*TAG\b|\bSerien\s?-?\s?(?:nummer|nr)|
    \b(?:Fabr(?:ik)?|Fertigungs|Masch|Ger.te|Z.hler|S)\.?\s?-\s?Nr|
    \bN\S{0,3}\s*(?:de\s*|di\s*)?s[ée]rie\b|\bN\S{4,5}\s*d[ei]\s*s[ée]rie\b|\bMatricola\b|
    序列号|出厂编号|机身编号|製造番号|シリアル番号|Серийный\s*(?:номер|№)?|Зав\.?\s*№|Заводской\s*№)""",
    r"(?:\bAsset\s*(?:Tag|No|ID)|\bInventar\S*|\bProperty\s*Tag|\bV\.?I\.?N\b)",
    r"(?:\bNo(?=\s*[.:°]))")]
SEPARATORS = re.compile(r"[^A-Z0-9]")
WORD = re.compile(r"[A-Z0-9][A-Z0-9/.:-]*[A-Z0-9]", re.IGNORECASE)
MAC = re.compile(r"\b(?:[0-9A-F]{2}[:-]){5}[0-9A-F]{2}\b|\b[0-9A-F]{12}\b", re.IGNORECASE)


def plain(text: str) -> str:
    """Upper case, letters and digits alone."""
    return SEPARATORS.sub("", text.upper())


def is_code(text: str) -> bool:
    """Long enough, and with a digit."""
    return len(plain(text)) >= 5 and any(c.isdigit() for c in text)


def code_in(text: str) -> str | None:
    """The code at the start of `text`: its first word, and groups of digits that follow."""
    words = text.replace("：", ":").strip(" :.#=-").split()
    if not words or not re.search("[A-Za-z0-9]", words[0]):
        return None
    taken = [words[0]]
    for word in words[1:]:
        if not (word.isdigit() and plain("".join(taken)).isdigit()):
            break
        taken.append(word)
    joined = "".join(taken)
    return plain(joined) if is_code(joined) else None


def box(line: Line) -> Box:
    """Left, top, right, bottom of a line."""
    xs, ys = zip(*line["quad"])
    return min(xs), min(ys), max(xs), max(ys)


def neighbours(line: Line, lines: list[Line]) -> Iterator[Line]:
    """Lines that may hold the value of an anchor, the likeliest first."""
    left, top, right, bottom = box(line)
    height = bottom - top
    near, below, far = [], [], []
    for other in lines:
        o_left, o_top, o_right, o_bottom = box(other)
        overlap = min(bottom, o_bottom) - max(top, o_top)
        if overlap > 0.5 * min(height, o_bottom - o_top):
            if o_left > left:
                (near if o_left < right + 12 * height else far).append((o_left, other))
        elif top < o_top < bottom + 3 * height and min(right, o_right) > max(left, o_left):
            below.append((o_top, other))
    for group in (near, below, far):
        for _, other in sorted(group, key=lambda pair: pair[0]):
            yield other


def vin_is_right(text: str) -> bool:
    """A VIN with its check digit, its last four characters digits."""
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9,
                                                  2, 3, 4, 5, 6, 7, 8, 9)))
    values |= {str(digit): digit for digit in range(10)}
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    if len(text) != 17 or any(c not in values for c in text) or not text[13:].isdigit():
        return False
    return "0123456789X"[sum(values[c] * w for c, w in zip(text, weights)) % 11] == text[8]


def container_is_right(text: str) -> bool:
    """A container code with its check digit."""
    if not re.fullmatch("[A-Z]{3}[UJZ][0-9]{7}", text):
        return False
    letters = [v for v in range(10, 39) if v % 11]
    values = [int(c) if c.isdigit() else letters[ord(c) - 65] for c in text]
    return sum(v << i for i, v in enumerate(values[:10])) % 11 % 10 == values[10]


def unannounced(lines: list[Line]) -> str | None:
    """Rule 2: the likeliest code without an anchor."""
    texts = [line["text"] for line in lines]
    words = [plain(w) for text in texts for w in WORD.findall(text)]
    joined = [plain("".join(texts[i:i + n])) for n in (1, 2, 3) for i in range(len(texts))]
    for text in (*words, *map(plain, texts)):
        if vin_is_right(text):
            return text
    for text in joined:
        if container_is_right(text[:11]):
            return text[:11]
    for text in texts:
        if found := MAC.search(text):
            return plain(found.group())
    words = [w for w in words if len(w) >= 6 and any(c.isdigit() for c in w)]
    mixed = [w for w in words if any(c.isalpha() for c in w)]
    return max(mixed or words, key=len, default=None)


def announced(lines: list[Line], anchor: re.Pattern[str]) -> str | None:
    """Rule 1: the code that an anchor leads to."""
    for line in lines:
        for found in anchor.finditer(line["text"]):
            rest = line["text"][found.end():]
            if code := code_in(rest):
                return code
            if not plain(rest):
                codes = (code_in(other["text"]) for other in neighbours(line, lines))
                if code := next(filter(None, codes), None):
                    return code
    return None


def readings(lines: list[Line]) -> list[dict[str, str]]:
    """The answer, as a list of one reading or none."""
    for anchor in ANCHORS:
        if code := announced(lines, anchor):
            return [{"text": code}]
    code = unannounced(lines)
    return [{"text": code}] if code else []
