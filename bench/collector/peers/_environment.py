"""A tool's environment of its own, made by uv: pip's resolver takes minutes for one of them, and uv seconds."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Run = Callable[[Sequence[str], Mapping[str, str]], None]
"""Runs a command with these variables beside the environment's; raises where it fails."""

COMMAS, AS_IT_IS = ",", None
"""What stands between the values of a variable; pip has spaces."""

SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", AS_IT_IS),
    "extra-index-url": ("UV_INDEX", AS_IT_IS),
    "find-links": ("UV_FIND_LINKS", COMMAS),
    "constraint": ("UV_CONSTRAINT", AS_IT_IS),
    "no-index": ("UV_NO_INDEX", AS_IT_IS),
    "trusted-host": ("UV_INSECURE_HOST", AS_IT_IS),
    "cert": ("SSL_CERT_FILE", AS_IT_IS),
}
"""Settings of pip that say where packages are had, and what uv calls them."""

COMMAND_LEVELS = ("global", "install", ":env:")
"""Where pip's settings stand; a later one counts."""


def make(folder: Path, requirements: Sequence[str], run: Run) -> None:
    """Make the environment anew, from the index that pip is set to; uv's own variables go before pip's."""
    uv, settings = [sys.executable, "-m", "uv"], index_settings(pip_settings())
    python = folder / "bin" / "python"
    run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], settings)
    # as pip does: every index is searched, and the highest version wins
    searching = ["--index-strategy", "unsafe-best-match"]
    run([*uv, "pip", "install", "--quiet", "--python", str(python), *searching, *requirements], settings)


def pip_settings() -> str:
    """What pip is set to, by files and environment, as `pip config list` says it."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def index_settings(listed: str) -> dict[str, str]:
    """Variables for uv from the lines of `pip config list`; those that the environment has stay as they are."""
    found: dict[str, str] = {}
    lines = [line.partition("=") for line in listed.splitlines()]
    for level in COMMAND_LEVELS:
        for key, _, value in lines:
            of, _, name = key.partition(".")
            if of == level and name in SETTINGS:
                variable, between = SETTINGS[name]
                words = str(ast.literal_eval(value)).split()
                found[variable] = (between or " ").join(words)
    return {variable: value for variable, value in found.items() if variable not in os.environ}
