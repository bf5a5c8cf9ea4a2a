"""Decode a made-up night and print events a second: the pipeline's own path beside bare JSON libraries.

Every contender runs pinned to one core, in turns, several rounds, in one process: a noisy machine slows all
alike, so the ratios hold where the figures do not. The best round of each counts. The pipeline's own path
then runs once more on all cores. Alone among them it also reads and writes Parquet, frames events, looks up
stamps and fills all columns; the others are handed their events ready cut.
"""

import argparse
import os
import subprocess
import sys
import tempfile

from bench.decode import night


def main() -> None:
    """Make the night, then measure in processes of their own: polars reads its thread count at import."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        for step, threads in (("make", None), ("one-core", "1"), ("all-cores", None)):
            environment = os.environ | ({"POLARS_MAX_THREADS": threads} if threads else {})
            command = [sys.executable, "-m", "bench.decode.measure", step, folder]
            command += [str(options.events), str(options.tokens), str(options.rounds), options.shapes]
            subprocess.run(command, check=True, env=environment)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.decode", description=__doc__)
    parser.add_argument("--events", type=int, default=500_000, help="size of the night")
    parser.add_argument("--tokens", type=int, default=200, help="tokens of a stream, on average")
    parser.add_argument("--rounds", type=int, default=3, help="how often every contender runs")
    parser.add_argument("--shapes", default=",".join(night.SHAPES), help="whose streams; default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    main()
