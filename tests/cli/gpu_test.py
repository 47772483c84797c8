"""The program on the driver of the tests: what it reads there, what it says, and what it does when the
GPU is missing, refuses or fails.

    gpu_test.py SERIALEYE FAKE_DRIVER PICTURE

Exit status 77 (skipped) without models.
"""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

PROGRAM, DRIVER, PICTURE = sys.argv[1:]
# The kernels run on the CPU: one look, at a low resolution.
SMALL = ["--set", "looks=none", "--set", "detect_side=320", "--set", "time_limit_ms=0",
         "--set", "jobs=1"]
TINY = [*SMALL, "--set", "detect_side=96"]


def run(*args, fake=""):
    """(exit status, standard output, standard error); fake: orders for the driver, None: no driver."""
    environment = dict(os.environ)
    environment.pop("FAKE_CUDA", None)
    environment.pop("LD_LIBRARY_PATH", None)  # Meson's own names the folder of the driver
    if fake is not None:
        environment["LD_LIBRARY_PATH"] = str(pathlib.Path(DRIVER).parent)
        environment["FAKE_CUDA"] = fake
    done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout, done.stderr


def read(*args, fake=""):
    """(device, texts of all lines)"""
    status, out, error = run("read", "--json", "--lines", *SMALL, *args, PICTURE, fake=fake)
    assert status == 0, error
    result = json.loads(out)
    return result["device"], [line["text"] for line in result["lines"]]


def doctor(*args, fake=""):
    status, out, _ = run("doctor", "--json", *args, fake=fake)
    return status, {(row["topic"], row["name"]): row["value"] for row in json.loads(out)["findings"]}


def test_reading():
    device, expected = read("--set", "use_gpu=false")
    assert device == "cpu" and len(expected) > 3, (device, expected)
    device, texts = read("--set", "use_gpu=true")
    assert device == "gpu", device
    # A GPU's lines come with more room behind them, so that many have one width: letters that stand apart
    # may have a space or not. All that follows reads them alike.
    assert [text.replace(" ", "") for text in texts] == [text.replace(" ", "") for text in expected], (texts, expected)
    expected = texts
    # The two self-tests and the detector succeed, then the device fails.
    device, texts = read(fake="launches=4")
    assert device == "gpu+cpu", device
    assert texts == expected, (texts, expected)
    # The whole picture is the CPU's when the budget holds the self-tests alone.
    device, texts = read("--set", "gpu_memory_mb=20")
    assert device in ("cpu", "gpu+cpu"), device
    assert texts == expected, (texts, expected)


def test_short_of_memory():
    """The result says what was done without the GPU's memory, and nothing where there was enough."""
    few = ["--set", "looks=none", "--set", "detect_side=320", "--set", "time_limit_ms=0", "--set", "barcodes=false",
           "--set", "jobs=1", "--set", "gpu_warm=false"]
    with tempfile.NamedTemporaryFile(suffix=".png") as picture:
        picture.write(one_line_png())
        picture.flush()

        def result(memory):
            status, out, error = run("read", "--json", "--lines", *few, "--set", f"gpu_memory_mb={memory}",
                                     picture.name)
            assert status == 0, error
            return json.loads(out)
        enough = result(0)
        # The least budget that holds the weights and the self-test leaves no room for the detector's tensors.
        least = next(found for found in map(result, range(10, 40)) if found["device"] != "cpu")
    assert enough["device"] == "gpu" and "gpu_short" not in enough, enough
    assert least["device"] == "gpu+cpu" and "network" in least["gpu_short"], least
    assert [line["text"] for line in least["lines"]] == [line["text"] for line in enough["lines"]], least


def png(rows):
    """A grey picture out of rows of bytes."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk(b"IEND", b""))


# Digits of 3 x 5 dots, a row an octal digit.
DOTS = {"2": "71747", "4": "55711", "7": "71111", "1": "26227", "9": "75717"}


def one_line_png(text="41 7294", dot=4):
    """Dark digits on grey: one line of text."""
    rows = [bytearray(b"\xc0" * 128) for _ in range(64)]
    for i, character in enumerate(text):
        for y, line in enumerate(DOTS.get(character, "00000")):
            for x in range(3):
                if int(line) >> (2 - x) & 1:
                    for row in rows[20 + y * dot:20 + (y + 1) * dot]:
                        left = 8 + (4 * i + x) * dot
                        row[left:left + dot] = b"\x20" * dot
    return png([bytes(row) for row in rows])


def blank_png():
    """A picture without text: the detector alone has work with it."""
    return png([b"\x80" * 64] * 64)


def test_company():
    """Several pictures at a time say what each says alone: joined runs change nothing."""
    few = ["--set", "looks=none", "--set", "detect_side=128", "--set", "time_limit_ms=0", "--set", "barcodes=false"]
    results = {}
    with tempfile.NamedTemporaryFile(suffix=".png") as picture:
        picture.write(one_line_png())
        picture.flush()
        for jobs in (1, 8):
            status, out, error = run("read", "--json", "--lines", *few, "--set", f"jobs={jobs}", *[picture.name] * jobs)
            assert status == 0, error
            results[jobs] = [json.loads(line) for line in out.splitlines()]
            for result in results[jobs]:
                assert result["device"] == "gpu", result
                del result["ms"]
    assert results[1][0]["lines"], results
    assert len(results[8]) == 8 and all(result == results[1][0] for result in results[8]), results


def test_several_gpus():
    with tempfile.NamedTemporaryFile(suffix=".png") as picture:
        picture.write(blank_png())
        picture.flush()
        many = ["--set", "looks=none", "--set", "time_limit_ms=0", "--set", "jobs=2", "--set", "barcodes=false",
                "--set", "detect_side=64", picture.name, picture.name]
        for fake, gpus in (("devices=3", 2), ("devices=2", 0), ("devices=2", 4)):
            status, out, error = run("read", "--json", "--set", f"gpus={gpus}", *many, fake=fake)
            assert status == 0, error
            assert [json.loads(line)["device"] for line in out.splitlines()] == ["gpu", "gpu"], out
        # Forced, each that is asked for must be there.
        status, _, error = run("read", "--set", "use_gpu=true", "--set", "gpus=3", *many, fake="devices=2")
        assert status == 2 and "device = 2: there are GPUs 0 to 1" in error, error


def test_refusals():
    for fake, words in ((None, "is not installed"), ("version=11080", "supports CUDA 11.8"),
                        ("capability=37", "3.7, which is not supported"),
                        ("init=100", "no GPU"), ("memory_mb=64", "free"),
                        ("module=209", "does not take this program's code"),
                        ("launches=1", "failed at its first run")):
        status, out, error = run("read", "--set", "use_gpu=true", PICTURE, fake=fake)
        assert status == 2, (fake, status, out)
        assert "use_gpu = true" in error and words in error, (fake, error)
        # A driver that is really there is not asked to be missing.
        status, found = doctor("--gpu", fake=fake)
        assert status == 1, fake
        assert words in found["use", "setting use_gpu"], (fake, found)
    device, _ = read("--set", "gpu_memory_mb=1")
    assert device == "cpu", device
    status, _, error = run("read", "--set", "use_gpu=true", "--set", "device=1", PICTURE)
    assert status == 2 and "device = 1" in error, error


def test_doctor():
    status, found = doctor()
    assert status == 0, found
    assert "compute capability 9.0" in found["gpu", "GPU 0"] and "code sm_90" in found["gpu", "GPU 0"]
    assert "self-test" in found["use", "networks"], found
    assert ("gpu", "kernels") not in found, found
    status, found = doctor("--gpu", fake="devices=2")
    assert status == 0 and ("gpu", "GPU 1") in found and ("machine", "cores") not in found
    assert found["gpu", "kernels"].startswith("all ") and "GPU 0" in found["gpu", "kernels"], found
    # A kernel that only pictures larger than those of the self-test would show.
    status, found = doctor("--gpu", fake="wrong=16")
    assert status == 1 and "resize (resize: off by nan)" in found["gpu", "kernels"], found


def test_bench():
    network = ["--network", "rec", "--shape", "48x32", "--batch", "1,2", "--iterations", "1"]
    status, out, error = run("bench", "--gpu", *network, "--json")
    assert status == 0, error
    result = json.loads(out)
    assert result["gpu"] == "Fake 0", out
    for batch, row in zip((1, 2), result["networks"], strict=True):
        assert row["batch"] == batch and row["gpu"]["precision"] == "fp16", row
        assert row["gpu"]["ms_device"] > 0 and "ms_device" not in row["cpu"], row
        # 4 multiprocessors at 1 GHz, 4096 operations each.
        assert abs(row["gpu"]["peak_gflops"] - 16384) < 1, row
        assert abs(row["speed_up"] - row["cpu"]["ms_min"] / row["gpu"]["ms_min"]) < 1e-9, row
    # A batch that does not fit leaves the others.
    status, out, error = run("bench", "--gpu", "--network", "rec", "--shape", "48x32", "--batch", "1,64",
                             "--iterations", "1", "--set", "gpu_memory_mb=48", "--json")
    one, many = json.loads(out)["networks"]
    assert status == 0 and "gpu" in one and "gpu" not in many, (out, error)
    assert "gpu_memory_mb = 48" in many["why_not"], many
    status, out, error = run("bench", "--gpu", *network, "--json", fake="capability=37")
    assert status == 0 and "3.7, which is not supported" in json.loads(out)["why_not"], (out, error)
    status, out, error = run("bench", "--gpu", *network, fake=None)
    assert status == 0 and out.startswith("The CPU alone: NVIDIA's driver"), (out, error)
    status, out, error = run("bench", "--gpu", "--iterations", "1", *TINY, PICTURE, "--json")
    assert status == 0, error
    pictures = json.loads(out)["pictures"]
    assert 10 < pictures["gpu"]["gpu_memory_mb"] < 500, out
    assert "gpu_memory_mb" not in pictures["cpu"], out
    assert pictures["gpu"]["pictures_per_s"] > 0 and pictures["gpu"]["stages_ms"]["detect"] > 0, out
    # Self-test failed: the CPU alone, and why.
    status, out, error = run("bench", "--gpu", "--iterations", "1", *TINY, PICTURE, "--json",
                             fake="launches=1")
    result = json.loads(out)
    assert result["gpu"] is None and "failed at its first run" in result["why_not"], out


def test_measure():
    """Every part of tools/gpu/measure, on little: each finds the programs it needs and understands what they print."""
    tool = pathlib.Path(__file__).resolve().parents[2] / "tools/gpu/measure"
    environment = {**os.environ, "FAKE_CUDA": "", "LD_LIBRARY_PATH": str(pathlib.Path(DRIVER).parent)}
    with tempfile.TemporaryDirectory() as folder:
        photos, out = pathlib.Path(folder) / "photos", pathlib.Path(folder) / "out"
        photos.mkdir()
        (photos / "line.png").write_bytes(one_line_png())
        done = subprocess.run([sys.executable, str(tool), "--dry-run", "--program", PROGRAM, "--photos", str(photos),
                               "--out", str(out), "--pictures", "3", "--seconds", "500"],
                              capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        results = json.loads((out / "measure.json").read_text(encoding="utf-8"))
    assert results["problems"] == {}, results["problems"]
    skipped = {name for name, part in results.items() if isinstance(part, dict) and "skipped" in part}
    assert skipped <= {"largest", "torch", "sanitizer", "two_cores", "tests"}, skipped
    measured = {row["bar"] for row in results["bars"] if row["measured"] is not None}
    for bar in ("detector 736x736, floats to floats in the host, ms", "photographs, median ms", "photographs a second",
                "same text of the same crops, share", "lines of whole pictures as on the CPU, share",
                "readings that differ from the CPU's", "first result, s", "GPU memory above the context, MiB"):
        assert bar in measured or bar.startswith("detector"), (bar, measured)
    assert results["growth"]["pictures"] == 3 and results["growth"]["all"], results["growth"]
    assert results["crops"]["lines"] >= 1 and results["crops"]["share"] == 1, results["crops"]
    assert "steps" in results["profiles"]["det 64x64"] or results["profiles"]["det 64x64"], results["profiles"]


def main():
    if run("models", "verify")[0] != 0:
        print("SKIP: the models are not there: run serialeye models fetch")
        sys.exit(77)
    if pathlib.Path("/proc/driver/nvidia/version").exists():
        print("SKIP: this machine has a driver of its own")
        sys.exit(77)
    for test in (test_doctor, test_bench, test_several_gpus, test_refusals, test_reading, test_company,
                 test_short_of_memory, test_measure):
        test()
        print(f"{test.__name__}: passed")


main()
