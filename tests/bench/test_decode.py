from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from bench.decode import night
from pipeline import trace
from pipeline.decode import events
from tests.decode import one_by_one


@pytest.mark.parametrize("name", night.SHAPES)
def test_the_benchmark_s_night_is_decoded_as_one_by_one(name: str, tmp_path: Path) -> None:
    paths = night.write(tmp_path, events=3_000, tokens=60, names=[name])
    requests, reads = map(pl.read_parquet, paths)
    assert reads.schema == trace.READS
    found = events.decode(requests, reads)
    assert found.height >= 3_000
    assert found["has_token"].mean() > 0.9
    assert_frame_equal(found, one_by_one.decode(requests, reads))


def test_the_same_night_is_made_twice(tmp_path: Path) -> None:
    first, second = (night.write(tmp_path / part, events=200, tokens=20) for part in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
