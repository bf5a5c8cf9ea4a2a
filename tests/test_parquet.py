"""Long tables are written as Parquet that every reader reads, whatever their columns hold."""

import io
from datetime import date

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import parquet, trace

VALUES = {
    pl.String: ["", "a", "ä" * 7, "a text that is longer than twelve bytes", "a text that is longer than others"],
    pl.Int32: [-(2**31), -1, 0, 1, 2**31 - 1],
    pl.Int64: [-(2**63), -1, 0, 1, 2**63 - 1],
    pl.Float64: [-1.5, 0.0, 1e-300, 1e300, float("inf"), float("nan")],
    pl.Date: [date(1969, 12, 31), date(1970, 1, 1), date(2026, 11, 27)],
    pl.Boolean: [False, True],
}
STRETCHES = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 90)), min_size=1, max_size=40)


def column(dtype, stretches):
    """Stretches of values, some of them null."""
    known = [*VALUES[dtype], None]
    return pl.Series([known[pick % len(known)] for pick, count in stretches for _ in range(count)], dtype=dtype)


def write(path, *groups):
    with path.open("wb") as file:
        writer = parquet.Writer(file, groups[0].schema, {"key": "value"})
        for group in groups:
            writer.write(group)
        assert writer.close() == sum(group.height for group in groups)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("parquet") / "table.parquet"


@settings(max_examples=60, derandomize=True)
@given(st.data())
def test_every_reader_reads_what_was_written(path, data):
    columns = {str(dtype): column(dtype, data.draw(STRETCHES)) for dtype in VALUES}
    height = min(map(len, columns.values()))
    frame = pl.DataFrame({name: values.head(height) for name, values in columns.items()})
    write(path, frame, frame.slice(height // 2), frame.head(1))
    expected = pl.concat([frame, frame.slice(height // 2), frame.head(1)])
    assert_frame_equal(pl.read_parquet(path), expected)
    assert_frame_equal(pl.from_arrow(pq.read_table(path)), expected)
    with duckdb.connect() as con:
        assert_frame_equal(con.sql(f"FROM '{path}'").pl(), expected)


@settings(max_examples=30, derandomize=True)
@given(stretches=STRETCHES, dtype=st.sampled_from([pl.String, pl.Int64, pl.Float64, pl.Date]))
def test_what_the_file_says_of_its_groups_hides_no_row(path, stretches, dtype):
    values = pl.DataFrame({"value": column(dtype, stretches)})
    write(path, values, values.reverse())
    for one in VALUES[dtype]:
        expected = 2 * values.filter(pl.col("value") == one).height
        found = pl.scan_parquet(path).filter(pl.col("value") == one).collect()
        assert found.height == expected
        with duckdb.connect() as con:
            (counted,) = con.execute(
                "SELECT count(*) FROM read_parquet(?) WHERE value = ?", [str(path), one]
            ).fetchone()
        assert counted == expected


def test_it_says_how_many_values_are_null_and_keeps_what_it_is_told(path):
    nothing = pl.Series("nothing", [None] * 100, dtype=pl.String)
    write(path, pl.DataFrame({"some": [None, *[1] * 98, None], "nothing": nothing}))
    about = pq.read_metadata(path)
    group = about.row_group(0)
    assert [group.column(n).statistics.null_count for n in (0, 1)] == [2, 100]
    assert pl.read_parquet_metadata(path)["key"] == "value"


def test_equal_frames_give_equal_bytes_however_they_lie_in_memory():
    def written(frame):
        file = io.BytesIO()
        writer = parquet.Writer(file, frame.schema, {})
        writer.write(frame)
        writer.close()
        return file.getvalue()

    texts = pl.DataFrame(
        {"text": ["a text that is longer than twelve bytes"] * 500 + ["another one, no shorter"] * 50}
    )
    pieces = pl.concat([texts.head(200), texts.slice(200)], rechunk=False)
    assert written(pieces) == written(texts)
    assert written(texts.slice(100, 400)) == written(texts[100:500])


@pytest.mark.parametrize("size", [1000, 70_000, 180_000, 700_000])
def test_parts_of_any_size_make_a_file_whose_row_groups_have_one(tmp_path, size):
    rows = 3 * trace.ROW_GROUP + trace.FEW_ROWS
    frame = pl.DataFrame({"run": ["a"] * rows, "number": range(rows)})
    parts = (frame.slice(start, size) for start in range(0, rows, size))
    path = tmp_path / "parts.parquet"
    assert trace.write_parts(parts, path, {"key": "value"}) == rows
    assert_frame_equal(pl.read_parquet(path), frame)
    about = pq.read_metadata(path)
    sizes = [about.row_group(number).num_rows for number in range(about.num_row_groups)]
    assert max(sizes) <= 1.5 * trace.ROW_GROUP
    assert min(sizes[:-1]) >= trace.ROW_GROUP / 2
