"""SerialEye: the command `serialeye read --json`.

The command reads the files it is given and ends, so every picture is a process of its own, which is
given the picture twice: the second answer's `ms` is that of a reader that has loaded its models, as
the other workers' is; the first's is kept as `cold_ms`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess

import protocol


def main() -> None:
    """Serve."""
    parser = protocol.arguments(__doc__)
    parser.add_argument("--command", required=True, help="path of serialeye")
    parser.add_argument("--lines", action="store_true",
                        help="text lines without barcodes: what OCR alone finds")
    options = parser.parse_args()
    out = protocol.own_stdout()
    os.environ["SERIALEYE_JOBS"] = "1"
    os.environ["SERIALEYE_THREADS"] = str(options.threads)
    flags = ["--lines", "--no-barcodes"] if options.lines else []

    def read(name: str) -> protocol.Answer:
        done = subprocess.run([options.command, "read", "--json", *flags, name, name],
                              stdout=subprocess.PIPE, text=True, check=False)
        answers = [json.loads(row) for row in done.stdout.splitlines()]
        if len(answers) != 2:
            raise RuntimeError(f"{len(answers)} answers of 2, exit status {done.returncode}")
        cold, warm = answers
        if "error" in warm:
            raise RuntimeError(warm["error"]["message"])
        warm.pop("file")
        return {**warm, "cold_ms": cold["ms"],
                "peak_kb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}

    version = subprocess.run([options.command, "version"], capture_output=True, text=True,
                             check=False)
    first = version.stdout.splitlines()[:1] or ["serialeye"]
    protocol.serve(first[0], read, out)


if __name__ == "__main__":
    main()
