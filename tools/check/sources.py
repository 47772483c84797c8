"""The C and C++ files of the project, and how a check ends."""
import pathlib
import sys

SKIP = 77
FOLDERS = ("include", "src", "tests", "examples", "bench")
SUFFIXES = (".c", ".h", ".cc", ".cpp")


def files(root):
    """Paths of all source files below the folders above, sorted."""
    found = (path for folder in FOLDERS for path in pathlib.Path(root, folder).rglob("*"))
    return sorted(path for path in found if path.suffix in SUFFIXES and path.is_file())


def finish(faults):
    """Prints the faults and ends the program: 0 when there are none."""
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(SKIP)
