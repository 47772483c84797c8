"""faster-paddle with its bundled PP-OCRv6 models, tiny or small."""

from __future__ import annotations

import importlib.metadata

import protocol


def main() -> None:
    """Serve."""
    parser = protocol.arguments(__doc__)
    parser.add_argument("--size", choices=("tiny", "small"), required=True)
    options = parser.parse_args()
    out = protocol.own_stdout()
    from faster_paddle import OcrEngine
    engine = OcrEngine(model_size=options.size, threads=options.threads)

    def read(data: bytes) -> list[protocol.Line]:
        found = []
        for bound in engine.ocr(data)["bounds"].values():
            (left, top), (right, bottom) = bound["topLeftCoord"], bound["bottomRightCoord"]
            quad = [[left, top], [right, top], [right, bottom], [left, bottom]]
            found.append(protocol.line(bound["text"], bound["confidence"], quad))
        return found

    version = f"faster-paddle {importlib.metadata.version('faster-paddle')}"
    protocol.serve(version, protocol.timed_lines(read), out)


if __name__ == "__main__":
    main()
