"""One row a pair of targets × workload × scenario × metric of a family: how they differ, compared by round."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from pipeline.statistics.comparison import Effect, Rounds, difference, ratio
from pipeline.tables import metrics, order
from pipeline.tables.summary import RUN_METRICS

INPUTS = ("ttft", "output_speed", "throughput")

_OF_ROUND = ("night", "family", "workload", "scenario", "provenance", "target", "round")

USES = {
    "ttft": ("run_id", *_OF_ROUND, *(metric.name for metric in metrics.of_table("ttft"))),
    "output_speed": ("run_id", *_OF_ROUND, *(metric.name for metric in metrics.of_table("output_speed"))),
    "throughput": ("run_id", *_OF_ROUND, *RUN_METRICS),
}

NO_DIFFERENCE = "no difference shown"

GROUP = {
    "night": "UTC date on which the night began",
    "family": "Models that one chart compares",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "provenance": "measured, imported, published or simulated; of both targets",
    "metric": "Column of ttft, output_speed or throughput that is compared",
}

COLUMNS = {
    **GROUP,
    "unit": "Unit of the difference",
    "target": "Endpoint under test",
    "other": "Endpoint that it is compared with",
    "rounds": "Rounds in which both have values; only these are compared",
    "difference": "Mean over rounds of (median of target - median of other)",
    "difference_low": "Lower end of its 95 % interval; null with one round",
    "difference_high": "Upper end of its 95 % interval; null with one round",
    "ratio": "Geometric mean over rounds of (median of target / median of other); null where one is not positive",
    "ratio_low": "Lower end of its 95 % interval; null with one round",
    "ratio_high": "Upper end of its 95 % interval; null with one round",
    "verdict": f"higher or lower (the target's figure than the other's), or {NO_DIFFERENCE} where the interval of "
    "the ratio spans 1; null without an interval. Each pair stands alone: of 20 without a difference one shows one",
}

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.String),
    "night": pl.Date,
    "rounds": pl.Int64,
    **{f"{of}{end}": pl.Float64 for of in ("difference", "ratio") for end in ("", "_low", "_high")},
}


def build(ttft: pl.DataFrame, output_speed: pl.DataFrame, throughput: pl.DataFrame) -> pl.DataFrame:
    """Every target with every other of its family, workload and scenario."""
    by_round = pl.concat(
        [
            *_by_round(ttft, [metric.name for metric in metrics.of_table("ttft")]),
            *_by_round(output_speed, [metric.name for metric in metrics.of_table("output_speed")]),
            *_by_round(throughput, list(RUN_METRICS)),
        ]
    ).sort(*GROUP, "target", "round")
    units = {**{name: metric.unit for name, metric in metrics.METRICS.items()}, **RUN_METRICS}
    rows = [
        {**dict(zip(GROUP, key, strict=True)), "unit": units[str(key[-1])], **row}
        for key, group in by_round.group_by(*GROUP, maintain_order=True)
        for row in _pairs(group)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA).sort(*GROUP, "target", "other")


def _by_round(frame: pl.DataFrame, names: list[str]) -> Iterator[pl.DataFrame]:
    """For each metric a row a target and round, with the values of its requests. Rows of a run lie side by side."""
    runs = order.stretches(frame["run_id"])
    of_runs = frame[runs.starts].select(_OF_ROUND)
    rounds = of_runs.unique(maintain_order=True).with_row_index("number")
    numbers = of_runs.join(rounds, on=_OF_ROUND, maintain_order="left", nulls_equal=True)["number"].to_numpy()
    number = pl.Series("number", runs.spread(numbers))
    for name in names:
        values = pl.DataFrame([number, frame[name].cast(pl.Float64).alias("value")]).drop_nulls("value")
        yield (
            values.group_by("number", maintain_order=True)
            .agg("value")
            .join(rounds, on="number")
            .select(*_OF_ROUND, "value", metric=pl.lit(name))
        )


def _pairs(group: pl.DataFrame) -> Iterator[dict[str, Any]]:
    targets: dict[str, dict[int, Any]] = {}
    for target, number, values in zip(group["target"], group["round"], group["value"], strict=True):
        targets.setdefault(target, {})[number] = values.to_numpy()
    streams = {name: stream for stream, name in enumerate(targets)}

    @cache
    def rounds(name: str, numbers: tuple[int, ...]) -> Rounds:
        return Rounds.of([targets[name][number] for number in numbers], streams[name])

    for target, other in combinations(targets, 2):
        shared = tuple(sorted(targets[target].keys() & targets[other].keys()))
        if shared:
            compared = _compared(rounds(target, shared), rounds(other, shared))
            yield {"target": target, "other": other, "rounds": len(shared), **compared}


def _compared(ours: Rounds, theirs: Rounds) -> dict[str, Any]:
    by = ratio(ours, theirs)
    return {
        **_columns("difference", difference(ours, theirs)),
        **(_columns("ratio", by) if by else {}),
        "verdict": _verdict(by),
    }


def _columns(name: str, effect: Effect) -> dict[str, float | None]:
    named = {name: effect.value, f"{name}_low": effect.low, f"{name}_high": effect.high}
    return {column: None if np.isnan(value) else value for column, value in named.items()}


def _verdict(by: Effect | None) -> str | None:
    if by is None or np.isnan(by.low):
        return None
    if by.spans(1):
        return NO_DIFFERENCE
    return "higher" if by.value > 1 else "lower"
