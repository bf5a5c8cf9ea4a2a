from datetime import date, timedelta

import polars as pl
import pytest

from pipeline import tables
from pipeline.tables import changes

FIRST = date(2026, 11, 1)
QUIET = [100.0, 101, 99, 100, 102, 98, 101, 99] * 3


def summaries(medians, **more):
    """One series, a night a median; None is a night that is missing."""
    facts = {**dict.fromkeys(changes.SERIES, "x"), "metric": "ttft_ms", "unit": "ms", **more}
    rows = [
        {**facts, "night": FIRST + timedelta(n), "p50": one} for n, one in enumerate(medians) if one is not None
    ]
    return pl.concat([tables.empty("summary"), pl.DataFrame(rows)], how="diagonal")


def test_a_change_has_its_night_its_levels_and_their_ratio():
    (row,) = changes.build(summaries([*QUIET, 150, 151, 149, 152])).to_dicts()
    assert row["night"] == FIRST + timedelta(24)
    assert (row["nights_before"], row["nights_after"], row["is_recent"]) == (24, 4, True)
    assert (row["before"], row["after"]) == (100, 150.5)
    assert row["ratio"] == pytest.approx(1.505)
    assert row["ratio_low"] < row["ratio"] < row["ratio_high"]
    assert changes.sentence(row).startswith(
        "x, x, x: ttft_ms changed from 100 to 150.5 ms since the night of 2026-11-25"
    )


def test_a_missing_night_is_no_level():
    (row,) = changes.build(summaries([*QUIET[:5], None, *QUIET[5:], None, 150, 151, 149, 152])).to_dicts()
    assert row["night"] == FIRST + timedelta(26)
    assert (row["nights_before"], row["nights_after"]) == (24, 4)


def test_a_target_that_is_measured_no_more_has_no_news():
    gone, there = summaries([*QUIET, 150, 151, 149, 152]), summaries([100.0] * 40, target="another")
    (row,) = changes.build(pl.concat([gone, there])).to_dicts()
    assert (row["target"], row["is_recent"]) == ("x", False)


def test_how_late_the_load_generator_was_is_no_level_of_a_target():
    assert changes.build(summaries([1.0] * 8 + [5.0] * 8, metric="schedule_lag_ms")).is_empty()


def test_without_nights_the_columns_are_there():
    assert changes.build(tables.empty("summary")).columns == list(changes.COLUMNS)
