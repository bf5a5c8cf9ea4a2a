"""One row a change of level over the nights: target, metric, the first night of the new level, before and after.

It spans nights, so it is no table of a night (it has no `INPUTS`): it is made when the nights are published,
of all their summaries.
"""

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from pipeline.statistics import changepoint
from pipeline.statistics.bootstrap import Floats

LATEST_NIGHTS = 120
RECENT_NIGHTS = 7
NOT_THE_TARGETS = ("schedule_lag_ms",)

SERIES = {
    "target": "Endpoint under test, as named in the plan",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "provenance": "measured, imported, published or simulated; never drawn alike",
    "metric": "Column of ttft, output_speed or throughput whose medians changed",
}

USES = (*SERIES, "unit", "night", "p50")

COLUMNS = {
    **SERIES,
    "unit": "Unit of before and after",
    "night": f"First night of the new level. Key with {', '.join(SERIES)}",
    "nights_before": "Nights of the old level",
    "nights_after": "Nights of the new level, until the next change or the last night",
    "is_recent": f"True where the last night is of this level, and it is at most {RECENT_NIGHTS} nights old",
    "before": "Median of the nightly medians of the old level",
    "after": "Median of the nightly medians of the new level",
    "ratio": "Hodges and Lehmann's estimate of after / before; null where a median is not positive",
    "ratio_low": "Lower end of its 95 % interval",
    "ratio_high": "Upper end of its 95 % interval",
}

TITLE = (
    f"One row a change of level in the medians of the latest {LATEST_NIGHTS} nights. Where nothing changed, the "
    f"chance that anything is marked is {changepoint.FALSE_ALARM_RATE:.0%}, over all series together"
)

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.Float64),
    **dict.fromkeys((*SERIES, "unit"), pl.String),
    "night": pl.Date,
    **dict.fromkeys(("nights_before", "nights_after"), pl.Int64),
    "is_recent": pl.Boolean,
}


def build(summaries: pl.DataFrame) -> pl.DataFrame:
    """Changes of every series in the `summary` of many nights."""
    series = (
        summaries.filter(~pl.col("metric").is_in(NOT_THE_TARGETS))
        .sort(*SERIES, "night")
        .group_by(*SERIES, "unit", maintain_order=True)
        .agg("night", "p50")
        .to_dicts()
    )
    last = summaries["night"].max()
    values = [np.array(one.pop("p50")) for one in series]
    rows = [
        {**one, **row}
        for one, of_one, cuts in zip(series, values, changepoint.changes(values), strict=True)
        for row in _rows(one.pop("night"), of_one, cuts, last)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA).sort(*SERIES, "night")


def _rows(nights: list[date], values: Floats, cuts: list[int], last: object) -> list[dict[str, Any]]:
    levels = np.split(values, cuts)
    rows = []
    for at, before, after in zip(cuts, levels, levels[1:], strict=False):
        step = changepoint.step(before, after)
        rows.append(
            {
                "night": nights[at],
                "nights_before": before.size,
                "nights_after": after.size,
                "is_recent": at == cuts[-1] and nights[-1] == last and after.size <= RECENT_NIGHTS,
                "before": float(np.median(before)),
                "after": float(np.median(after)),
                **({"ratio": step.ratio, "ratio_low": step.low, "ratio_high": step.high} if step else {}),
            }
        )
    return rows


def sentence(row: dict[str, Any]) -> str:
    """A change in words: what, since when, from what to what, by how much."""
    what = f"{row['target']}, {row['workload']}, {row['scenario']}: {row['metric']}"
    levels = f"from {row['before']:.4g} to {row['after']:.4g} {row['unit']} since the night of {row['night']}"
    factor = (
        f" (× {row['ratio']:.3f}, 95 % {row['ratio_low']:.3f} – {row['ratio_high']:.3f})" if row["ratio"] else ""
    )
    return f"{what} changed {levels}{factor}"
