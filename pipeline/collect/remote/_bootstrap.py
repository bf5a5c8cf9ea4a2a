"""Becomes the collector that comes in over stdin: `python -c <this> FOLDER MODULES`.

Given to any Python, so nothing but the standard library is imported. The code is kept in the folder by its hash.
"""

import contextlib
import hashlib
import importlib.util
import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path

STDIN, NOT_READY = 0, 3


def refuse(why: str) -> None:
    """Say on stderr what is missing, and end."""
    sys.stderr.write(f"{why}\n")
    sys.exit(NOT_READY)


def exactly(count: int) -> bytes:
    """Bytes of stdin, and not one more: what follows is for the collector."""
    pieces = []
    while count and (piece := os.read(STDIN, min(count, 1 << 16))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def block() -> bytes:
    """A block of stdin: its length in decimal digits, a line end, its bytes."""
    digits = b""
    while (digit := exactly(1)).isdigit():
        digits += digit
    return exactly(int(digits or b"0"))


def unpacked(packed: bytes, folder: Path) -> Path:
    """The folder with this very code."""
    place = folder / "code" / hashlib.sha256(packed).hexdigest()[:16]
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = tempfile.mkdtemp(dir=place.parent)
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(aside)  # noqa: S202 - it comes from the machine that may run anything here
        with contextlib.suppress(OSError):  # another one was faster
            Path(aside).rename(place)
    return place


def main(where: str, modules: str) -> None:
    """Check, unpack, become."""
    python = sys.executable
    if sys.version_info < (3, 11):  # noqa: UP036 - here it is a question
        refuse(f"{python} is Python {sys.version.split()[0]}, and 3.11 or newer is needed")
    missing = [name for name in modules.split(",") if importlib.util.find_spec(name) is None]
    if missing:
        lock = "requirements-collect.lock"
        refuse(f"{python} has no {', '.join(missing)}; `{python} -m pip install --no-deps -r {lock}` installs them")
    folder = Path(where).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    place = unpacked(block(), folder)
    os.chdir(folder)
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONUNBUFFERED": "1"}
    os.execve(python, [python, "-m", "pipeline.collect.remote"], environment)  # noqa: S606 - no shell


if __name__ == "__main__":
    main(*sys.argv[1:])
