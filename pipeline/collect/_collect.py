"""Measures on a machine without a network: `python3 collect.py`, in the folder that a bundle was unpacked to.

Needs Python and nothing else. It checks the bundle, makes an environment from the wheels that came with it,
collects, and leaves one `result-….tar` for each night: what `tokenclock ingest`, or the inbox at home, takes in.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"


def checked() -> dict[str, Any]:
    """The list of the bundle; ends where a file is not the one that was packed."""
    this: dict[str, Any] = json.loads((HERE / "bundle.json").read_text("utf-8"))
    for name, sha256 in this["files"].items():
        path = HERE / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            sys.exit(f"{path}: missing, or not the file that was packed; unpack the bundle anew")
    return this


def environment(python_version: str) -> str:
    """The Python of an environment of our own, made once from the wheels."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if here != python_version:
        sys.exit(
            f"this is Python {here}, and the wheels are for {python_version}: run python{python_version} "
            f"collect.py, or make the bundle with --python-version {here}"
        )
    python, made = VENV / "bin" / "python", VENV / "made"
    if not made.exists():
        has_pip = importlib.util.find_spec("ensurepip") is not None  # some systems leave it out of Python
        run([sys.executable, "-m", "venv", "--clear", *([] if has_pip else ["--without-pip"]), str(VENV)])
        if has_pip:
            install = ["install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
            install += ["--require-hashes", "--find-links", "wheels", "--requirement", "requirements.txt"]
            run([str(python), "-m", "pip", *install])
        else:
            unpack_wheels(VENV / "lib" / f"python{here}" / "site-packages")
        made.touch()
    return str(python)


def unpack_wheels(place: Path) -> None:
    """Do without pip: a wheel is a zip of what is imported. Their hashes were checked with the bundle's list."""
    for wheel in sorted((HERE / "wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(place)


def run(words: list[str]) -> None:
    """Run a command here, or end as it did."""
    status = subprocess.run(words, cwd=HERE, check=False).returncode
    if status:
        sys.exit(status)


def main() -> None:
    """Check, make ready, become the collector."""
    if sys.version_info < (3, 11):  # noqa: UP036 - here it is a question
        sys.exit(f"{sys.executable} is Python {sys.version.split()[0]}, and 3.11 or newer is needed")
    this = checked()
    python = environment(this["python_version"]) if this["has_wheels"] else sys.executable
    os.chdir(HERE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TOKENCLOCK_"))}
    words = [python, "-P", "-m", "pipeline.collect.bundled"]
    os.execve(python, words, {**kept, "PYTHONPATH": str(HERE / "code")})  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
