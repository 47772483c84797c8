"""Code 128, Code 39, EAN-13 and QR, written from the standards, as plain modules.

Linear codes come as a list of bar and space widths in modules, a bar first; QR as a square matrix
of bools. Readers find what is encoded here, so a label's stripes are as real as its text.
"""

from __future__ import annotations

# ISO/IEC 15417: widths of the six bars and spaces of the values 0 to 105, and the stop.
_CODE128 = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 "
    "122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 "
    "321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 "
    "211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 "
    "213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 "
    "121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 "
    "241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 "
    "412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 "
    "211214 211232 2331112").split()

# ISO/IEC 16388: nine elements, w wide and n narrow.
_CODE39 = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%*", (
    "nnnwwnwnn wnnwnnnnw nnwwnnnnw wnwwnnnnn nnnwwnnnw wnnwwnnnn nnwwwnnnn nnnwnnwnw wnnwnnwnn "
    "nnwwnnwnn wnnnnwnnw nnwnnwnnw wnwnnwnnn nnnnwwnnw wnnnwwnnn nnwnwwnnn nnnnnwwnw wnnnnwwnn "
    "nnwnnwwnn nnnnwwwnn wnnnnnnww nnwnnnnww wnwnnnnwn nnnnwnnww wnnnwnnwn nnwnwnnwn nnnnnnwww "
    "wnnnnnwwn nnwnnnwwn nnnnwnwwn wwnnnnnnw nwwnnnnnw wwwnnnnnn nwnnwnnnw wwnnwnnnn nwwnwnnnn "
    "nwnnnnwnw wwnnnnwnn nwwnnnwnn nwnwnwnnn nwnwnnnwn nwnnnwnwn nnnwnwnwn nwnnwnwnn").split()))

_EAN_LEFT = "3211 2221 2122 1411 1132 1231 1114 1312 1213 3112".split()
_EAN_PARITY = "LLLLLL LLGLGG LLGGLG LLGGGL LGLLGG LGGLLG LGGGLL LGLGLG LGLGGL LGGLGL".split()


def code128(text: str) -> list[int]:
    """Widths for Code 128: set C for runs of digits (an even number, four or more), else set B."""
    values: list[int] = []
    place = 0
    digits_set: bool | None = None
    while place < len(text):
        run = 0
        while place + run < len(text) and text[place + run].isdigit():
            run += 1
        use_c = run >= 4
        if use_c != digits_set:
            start, switch = (105, 99) if use_c else (104, 100)
            values.append(switch if values else start)
            digits_set = use_c
        if use_c:
            values += [int(text[i:i + 2]) for i in range(place, place + run - run % 2, 2)]
            place += run - run % 2
        else:
            values.append(ord(text[place]) - 32)
            place += 1
    check = (values[0] + sum(i * v for i, v in enumerate(values) if i)) % 103
    return [int(w) for v in (*values, check, 106) for w in _CODE128[v]]


def code39(text: str, ratio: int = 3) -> list[int]:
    """Widths for Code 39 with start and stop; wide elements are `ratio` modules."""
    widths: list[int] = []
    for char in f"*{text}*":
        widths += [ratio if e == "w" else 1 for e in _CODE39[char]] + [1]
    return widths[:-1]


def ean13(text: str) -> list[int]:
    """Widths for EAN-13; `text` is thirteen digits with the check digit."""
    left = ""
    for digit, parity in zip(text[1:7], _EAN_PARITY[int(text[0])]):
        pattern = _EAN_LEFT[int(digit)]
        left += pattern if parity == "L" else pattern[::-1]
    right = "".join(_EAN_LEFT[int(d)] for d in text[7:])
    return [int(w) for w in f"111{left}11111{right}111"]


# QR (ISO/IEC 18004), byte mode, error correction M, versions 1 to 6:
# version -> (error correction bytes a block, data bytes of each block)
_QR_BLOCKS = {1: (10, (16,)), 2: (16, (28,)), 3: (26, (44,)), 4: (18, (32, 32)),
              5: (24, (43, 43)), 6: (16, (27, 27, 27, 27))}


def _gf_tables() -> tuple[list[int], list[int]]:
    """Powers and logarithms in GF(256) with the polynomial 0x11D."""
    powers, logs, value = [0] * 512, [0] * 256, 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = value
        logs[value] = exponent
        value = (value << 1) ^ (0x11D if value & 0x80 else 0)
    return powers, logs


_POWERS, _LOGS = _gf_tables()


def _multiply(a: int, b: int) -> int:
    return _POWERS[_LOGS[a] + _LOGS[b]] if a and b else 0


def _reed_solomon(data: list[int], count: int) -> list[int]:
    """`count` error correction bytes of `data`."""
    generator = [1]
    for exponent in range(count):
        shifted = generator + [0]
        for i, factor in enumerate(generator):
            shifted[i + 1] ^= _multiply(factor, _POWERS[exponent])
        generator = shifted
    rest = data + [0] * count
    for i in range(len(data)):
        lead = rest[i]
        for j, factor in enumerate(generator):
            rest[i + j] ^= _multiply(factor, lead)
    return rest[len(data):]


def _qr_codewords(data: bytes, version: int) -> list[int]:
    """Data and error correction bytes of `data`, interleaved."""
    ecc, blocks = _QR_BLOCKS[version]
    capacity = sum(blocks)
    bits = f"0100{len(data):08b}" + "".join(f"{byte:08b}" for byte in data)
    bits += "0" * min(4, capacity * 8 - len(bits))
    bits += "0" * (-len(bits) % 8)
    words = [int(bits[i:i + 8], 2) for i in range(0, len(bits), 8)]
    words += [(0xEC, 0x11)[i % 2] for i in range(capacity - len(words))]
    parts, start = [], 0
    for size in blocks:
        parts.append(words[start:start + size])
        start += size
    checks = [_reed_solomon(part, ecc) for part in parts]
    mixed = [part[i] for i in range(max(blocks)) for part in parts if i < len(part)]
    return mixed + [check[i] for i in range(ecc) for check in checks]


def _qr_format_bits(mask: int) -> int:
    """The fifteen format bits for level M and `mask`."""
    value = rest = mask
    rest <<= 10
    for shift in range(4, -1, -1):
        if rest >> (shift + 10) & 1:
            rest ^= 0x537 << shift
    return (value << 10 | rest) ^ 0x5412


def qr(text: str) -> list[list[bool]]:
    """The modules of a QR symbol for `text` (at most 106 bytes), mask 0, no quiet zone."""
    data = text.encode()
    version = next(v for v, (_, blocks) in _QR_BLOCKS.items() if sum(blocks) >= len(data) + 2)
    size = 17 + 4 * version
    dark = [[False] * size for _ in range(size)]
    fixed = [[False] * size for _ in range(size)]

    def put(row: int, column: int, value: bool) -> None:
        dark[row][column] = value
        fixed[row][column] = True

    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        for row in range(max(0, top - 1), min(size, top + 8)):
            for column in range(max(0, left - 1), min(size, left + 8)):
                ring = max(abs(row - top - 3), abs(column - left - 3))
                put(row, column, ring in (0, 1, 3))
    if version > 1:
        for row in range(size - 9, size - 4):
            for column in range(size - 9, size - 4):
                put(row, column, max(abs(row - size + 7), abs(column - size + 7)) != 1)
    for i in range(8, size - 8):
        put(6, i, i % 2 == 0)
        put(i, 6, i % 2 == 0)
    bits = _qr_format_bits(0)
    for i in range(15):
        value = bool(bits >> i & 1)
        near = i if i < 6 else i + 1 if i < 8 else 14 - i
        if i < 8:
            put(near, 8, value)
            put(8, size - 1 - i, value)
        else:
            put(8, near if i > 8 else 7, value)
            put(size - 15 + i, 8, value)
    put(size - 8, 8, True)

    stream = [word >> (7 - bit) & 1 for word in _qr_codewords(data, version) for bit in range(8)]
    place, column, upward = 0, size - 1, True
    while column > 0:
        column -= column == 6
        for row in range(size - 1, -1, -1) if upward else range(size):
            for across in (column, column - 1):
                if not fixed[row][across]:
                    bit = bool(stream[place]) if place < len(stream) else False
                    dark[row][across] = bit ^ ((row + across) % 2 == 0)
                    place += 1
        column -= 2
        upward = not upward
    return dark
