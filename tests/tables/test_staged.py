"""A part of a staged table has its own rows, whatever the file says of its row groups."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import trace
from pipeline.tables.parts import Part
from pipeline.tables.staged import Staged

RUNS = ["a", "b", "run-" + "x" * 80, "run-" + "x" * 80 + "-é"]
"""Parquet's limits of a row group hold the beginning of a long text alone."""
ROWS = pl.DataFrame(
    {"request_id": sorted(f"{run}/{number:04d}" for run in RUNS for number in range(90) for _ in range(2))}
).with_row_index("row")


@pytest.fixture(scope="module", params=[1, 70, 250_000])
def path(request, tmp_path_factory):
    where = tmp_path_factory.mktemp("staged") / "table.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trace.PACKED, "row_group_size", request.param)
        trace.write_parquet(ROWS, where)
    return where


ENDS = st.one_of(st.sampled_from(ROWS["request_id"].to_list()), st.text("abruxé-/0", max_size=90))


@settings(max_examples=60, derandomize=True)
@given(cuts=st.lists(ENDS, min_size=2, max_size=8, unique=True), is_open=st.booleans())
def test_a_part_has_the_rows_of_its_stretches(path, cuts, is_open):
    ends = sorted(cuts)[: len(cuts) // 2 * 2]
    stretches = [(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True)]
    if is_open:
        stretches[-1] = (stretches[-1][0], None)
    part = Part(("a",), tuple(stretches))
    assert Staged(path).of(part).equals(part.of(ROWS.lazy()).collect())
    assert Staged(path, ["row"]).of(part).equals(part.of(ROWS.lazy()).select("row").collect())
