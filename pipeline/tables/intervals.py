"""95 % intervals of the figures of `summary`: the bootstrap of `pipeline.statistics`, laid over a frame.

Rounds are what is resampled first. A round that was broken off and went on later has two runs of one target and
scenario; they share its hour, so their requests are those of one round.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import polars as pl

from pipeline.statistics import bootstrap

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}

_NONE = "null with one round, which cannot tell how rounds differ"

COLUMNS = {
    f"{figure}_{end}": f"{word} end of the 95 % interval of {figure}; {_NONE}"
    for figure in ("mean", *QUANTILES)
    for end, word in (("low", "Lower"), ("high", "Upper"))
}


def intervals(values: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """One row for each group: `by` and `COLUMNS`. `values` has `by`, `round` and `value`, a row a request."""
    rounds = (
        values.sort(*by, "round", "value")
        .group_by(*by, "round", maintain_order=True)
        .agg("value")
        .group_by(by, maintain_order=True)
        .agg(sizes=pl.col("value").list.len(), value=pl.col("value").explode())
    )
    found = np.full((rounds.height, len(COLUMNS)), np.nan)
    for sizes, rows in _alike(rounds["sizes"].to_list()).items():
        samples = np.stack([rounds["value"][row].to_numpy() for row in rows])
        found[rows] = bootstrap.intervals(samples, sizes, list(QUANTILES.values())).reshape(len(rows), -1)
    columns = pl.DataFrame(found, schema=dict.fromkeys(COLUMNS, pl.Float64), nan_to_null=True)
    return pl.concat([rounds.select(by), columns], how="horizontal")


def _alike(sizes: list[list[int]]) -> dict[tuple[int, ...], list[int]]:
    """Rows by the sizes of their rounds: those that share them share their resamples too."""
    rows = defaultdict(list)
    for row, of_row in enumerate(sizes):
        rows[tuple(of_row)].append(row)
    return rows
