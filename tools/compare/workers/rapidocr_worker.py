"""RapidOCR with its bundled PP-OCRv6 small models, in ONNX Runtime or OpenVINO."""

from __future__ import annotations

import importlib.metadata

import protocol


def main() -> None:
    """Serve."""
    parser = protocol.arguments(__doc__)
    parser.add_argument("--engine", choices=("onnxruntime", "openvino"), required=True)
    options = parser.parse_args()
    out = protocol.own_stdout()
    import cv2
    from rapidocr import EngineType, RapidOCR
    cv2.setNumThreads(options.threads)
    engine = EngineType.ONNXRUNTIME if options.engine == "onnxruntime" else EngineType.OPENVINO
    threads = "intra_op_num_threads" if options.engine == "onnxruntime" else "inference_num_threads"
    reader = RapidOCR(params={
        "Global.log_level": "error", "Det.engine_type": engine, "Cls.engine_type": engine,
        "Rec.engine_type": engine, f"EngineConfig.{options.engine}.{threads}": options.threads})

    def read(data: bytes) -> list[protocol.Line]:
        result = reader(data)
        if result.txts is None:
            return []
        return [protocol.line(text, score, box.tolist())
                for text, score, box in zip(result.txts, result.scores, result.boxes)]

    versions = [f"{p} {importlib.metadata.version(p)}" for p in ("rapidocr", options.engine)]
    protocol.serve(", ".join(versions), protocol.timed_lines(read), out)


if __name__ == "__main__":
    main()
