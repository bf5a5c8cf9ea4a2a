"""Write a checkpoint with random weights: `python -m pipeline.collect.random_llama FOLDER`."""

import argparse
import sys
import time
from pathlib import Path

from pipeline.collect.random_llama import write
from pipeline.collect.random_llama.shapes import SHAPES
from pipeline.collect.random_llama.tokenizer import installed
from pipeline.errors import TokenclockError


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="random_llama", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet; its name names the model")
    parser.add_argument("--shape", choices=list(SHAPES), default="llama-3.1-8b")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--tiktoken", type=Path, help="Llama 3's tokenizer.model; default: of the wheel llama-models"
    )
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Return 1 where there is nothing to write from or to."""
    given = arguments(words)
    if given.folder.exists():
        print(f"{given.folder}: is there already; name another folder, or remove it", file=sys.stderr)  # noqa: T201 - a command answers
        return 1
    started = time.monotonic()
    try:
        write(given.folder, given.shape, given.seed, given.tiktoken or installed())
    except TokenclockError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as above
        return 1
    print(f"{given.folder}: {given.shape}, random, in {time.monotonic() - started:.0f} s")  # noqa: T201 - as above
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
