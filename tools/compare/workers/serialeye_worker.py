"""SerialEye: libserialeye by its Python package, in this process, as the other engines are."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import protocol


def main() -> None:
    """Serve."""
    parser = protocol.arguments(__doc__)
    parser.add_argument("--library", type=Path, required=True, help="path of libserialeye.so")
    parser.add_argument("--package", type=Path, required=True,
                        help="folder that holds the Python package serialeye")
    parser.add_argument("--lines", action="store_true",
                        help="text lines without barcodes: what OCR alone finds")
    options = parser.parse_args()
    out = protocol.own_stdout()
    os.environ["LIBSERIALEYE"] = str(options.library)
    sys.path.insert(0, str(options.package))
    import serialeye
    # No time limit: an answer that was cut short would count as a fast one.
    settings = {"jobs": 1, "threads": options.threads, "time_limit_ms": 0}
    if options.lines:
        settings["barcodes"] = False
    reader = serialeye.Reader(**settings)

    def read(name: str) -> protocol.Answer:
        data = Path(name).read_bytes()
        start, used = time.perf_counter(), time.process_time()
        answer = reader.read(data, lines=options.lines)
        return {**answer, **protocol.spent(start, used), "file": name}

    protocol.serve(f"serialeye {serialeye.version()}", read, out)


if __name__ == "__main__":
    main()
