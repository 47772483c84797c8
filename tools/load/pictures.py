#!/usr/bin/env python3
"""Makes many small pictures of many sizes for load.py: surfaces, some with a code, grey, cheap to read.

usage: pictures.py FOLDER [--count N] [--least PIXELS] [--most PIXELS] [--labels SHARE] [--seed N]

Sides are random from 64 to 640 pixels, no two pictures alike; the same seed makes the same pictures.
"""
import argparse
import pathlib
import random
import struct
import zlib

# Rows of five dots, top to bottom, the highest bit to the left.
FONT = {
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c", "A": "0e11111f111111", "B": "1e11111e11111e",
    "C": "0e11101010110e", "D": "1c12111111121c", "E": "1f10101e10101f", "F": "1f10101e101010",
    "H": "1111111f111111", "K": "11121418141211", "N": "11191513111111", "S": "0f10100e01011e",
    "/": "01010204081010", ":": "00040400040400", " ": "00000000000000",
}
CODE = "0123456789ABCDEFHK"


def draw(rows, text, left, top, scale, ink):
    """Draws with the top left corner at (left, top); what is outside is left out."""
    width = len(rows[0])
    for i, letter in enumerate(text):
        dots = bytes.fromhex(FONT[letter])
        for y in range(7 * scale):
            row = top + y
            if row >= len(rows):
                return
            for x in range(5):
                begin = left + (6 * i + x) * scale
                if dots[y // scale] >> (4 - x) & 1 and begin + scale <= width:
                    rows[row][begin:begin + scale] = bytes([ink]) * scale


def picture(chance, least, most, labels):
    """The bytes of a PNG."""
    width, height = chance.randint(least, most), chance.randint(least, most)
    paper, ink = chance.randint(170, 250), chance.randint(0, 70)
    noise = [chance.randint(0, 5) for _ in range(width + 97)]
    rows = []
    for y in range(height):
        shift = 13 * y % 97
        rows.append(bytearray(paper - one for one in noise[shift:shift + width]))
    texts = chance.randint(1, 3) if chance.random() < labels else 0
    code = "".join(chance.choice(CODE) for _ in range(chance.randint(7, 12)))
    scale = max(1, min(4, width // (6 * (len(code) + 5))))
    for line in range(texts):
        text = f"S/N: {code}" if line == 0 else "".join(chance.choice(CODE + " ") for _ in range(10))
        draw(rows, text, 4 + chance.randint(0, 8), 6 + 12 * scale * line, scale, ink)
    raw = b"".join(b"\0" + bytes(row) for row in rows)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 6)) + chunk(b"IEND", b"")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--least", type=int, default=64)
    parser.add_argument("--most", type=int, default=640)
    parser.add_argument("--labels", type=float, default=0.25, help="share of the pictures that have a code")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(options.seed)
    for i in range(options.count):
        (options.folder / f"{i:05}.png").write_bytes(picture(chance, options.least, options.most, options.labels))


if __name__ == "__main__":
    main()
