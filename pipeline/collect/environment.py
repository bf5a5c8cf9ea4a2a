"""The environment that holds the keys: the process's own, over a `.env` file where we stand."""

import os
from pathlib import Path

from dotenv import dotenv_values


def environment() -> dict[str, str]:
    """Read `.env` (if there is one) and the process environment, which wins."""
    stored = {name: value for name, value in dotenv_values(Path(".env")).items() if value is not None}
    return {**stored, **os.environ}
