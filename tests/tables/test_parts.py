"""A night that is built in parts has the tables that it has when it is built as a whole."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import tables, trace
from pipeline.collect.recorder import Trace
from pipeline.collect.store import RunStore
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.tables import parts
from pipeline.tables.parts import Parts, divide
from pipeline.tables.recorded import Recorded
from tests import nights, streams
from tests.tables.nights import build

SCRIPTS = [streams.GOLDEN, [*streams.GOLDEN[:5], (480, streams.ERROR)], streams.GOLDEN[:5], [(300, b"{}")]]


def record(layout, run_id, target, number, requests):
    """A run whose requests end in different ways, one a moment after the other."""
    store = RunStore(
        layout.traces,
        streams.manifest(run_id, target=target, round=number, requests_planned=requests, concurrency=2),
    )
    for index in reversed(range(requests)):  # they end in another order than they begin
        script = SCRIPTS[0 if index % 7 else index % 4]
        rows = streams.reads([(at + index, data) for at, data in script], f"{run_id}/{index:04d}")
        start = (1000 + 600 * index) * streams.MS
        request = streams.request(
            index, run_id, round=number, target=target.name, sent_ns=start, scheduled_ns=start,
            read_count=len(rows), end_ns=rows[-1]["at_ns"],
            body_bytes=sum(len(row["payload"]) for row in rows),
        )  # fmt: skip
        store.append(Trace(request, streams.columns(rows)))
    store.close("finished")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, words):
    """Three rounds of three targets; ids of runs and of requests that do not sort as their numbers do."""
    folder = tmp_path_factory.mktemp("night")
    layout = Layout(folder / "data", folder / "site")
    facts = {"hardware": "NVIDIA H100 SXM", "family": "llama-8b", "precision": "bf16", "usd_per_million_input": 1.0}
    known = [
        streams.target("a", tokenizer=words, **facts, usd_per_million_output=2.0),
        streams.target("a.b", **facts),
        streams.target("a-b", model="another"),
    ]
    for number in (1, 2, 3):
        for one in known:
            record(layout, f"{streams.NIGHT}.r0{number}.{one.name}", one, number, 12)
    nights.take_census(layout, streams.NIGHT, known)
    nights.calibrate(layout, streams.NIGHT)
    return layout


@pytest.fixture(scope="module")
def whole(recorded):
    return build(Recorded.load(recorded.traces, streams.NIGHT))


def test_a_night_of_one_part_has_the_bytes_of_its_tables(recorded, whole, tmp_path):
    for name, table in tables.tables().items():
        assert tables.build(recorded, table, streams.NIGHT).height == whole[name].height, name
        trace.write_parquet(whole[name], tmp_path / "whole.parquet", tables.ABOUT)
        staged = recorded.table(name, streams.NIGHT)
        assert staged.read_bytes() == (tmp_path / "whole.parquet").read_bytes(), name


@pytest.mark.parametrize("reads", [30, 150])
def test_in_parts_of_any_size_it_has_the_same_rows(recorded, whole, monkeypatch, reads):
    """And in row groups of any size. Rounding apart: polars divides a single number otherwise than many."""
    monkeypatch.setattr(parts, "READS_A_PART", reads)
    monkeypatch.setitem(trace.PACKED, "row_group_size", 70)
    for name, table in tables.tables().items():
        tables.build(recorded, table, streams.NIGHT)
        found = pl.read_parquet(recorded.table(name, streams.NIGHT))
        assert_frame_equal(found, whole[name], rel_tol=1e-12, abs_tol=0)


def test_parts_hold_about_as_many_reads_as_they_may_and_every_request_once(recorded, monkeypatch):
    monkeypatch.setattr(parts, "READS_A_PART", 40)
    index = trace.load_ids(recorded.traces, trace.manifests(recorded.traces, streams.NIGHT))
    found = [part.of(index.lazy()).collect() for part in divide(Parts("requests", "trace"), index)]
    assert pl.concat(found).equals(index)
    assert max(part["read_count"].sum() for part in found) <= 40 + 15
    assert len(found) > 5


def test_runs_and_series_are_never_torn(recorded, whole, monkeypatch):
    monkeypatch.setattr(parts, "READS_A_PART", 1)
    requests = whole["requests"]
    by_run = [
        set(part.of(requests.lazy()).collect()["run_id"]) for part in divide(Parts("runs", "requests"), requests)
    ]
    assert [len(runs) for runs in by_run] == [1] * 9
    series = [part.of(requests.lazy()).collect() for part in divide(Parts("series", "requests"), requests)]
    assert [(one["target"].unique().to_list(), one["round"].n_unique()) for one in series] == [
        (["a"], 3),
        (["a-b"], 3),
        (["a.b"], 3),
    ]


@pytest.mark.parametrize(("reads", "expected"), [(250_000, [9]), (2_500, [2, 2, 2, 2, 1]), (1, [1] * 9)])
def test_short_runs_are_a_part_together_though_none_says_how_much_it_read(whole, monkeypatch, reads, expected):
    monkeypatch.setattr(parts, "READS_A_PART", reads)
    found = divide(Parts(by="runs", index="runs"), whole["runs"])
    assert [len(part.runs) for part in found] == expected
    assert [run for part in found for run in part.runs] == whole["runs"]["run_id"].sort().to_list()


def test_a_night_without_runs_has_empty_tables(layout):
    for name, table in tables.tables().items():
        assert tables.build(layout, table, streams.NIGHT).height == 0, name
        assert pl.read_parquet(layout.table(name, streams.NIGHT)).schema == tables.empty(name).schema, name


def test_what_a_part_cannot_be_built_of_is_told_in_our_words_and_leaves_the_old_table(recorded, monkeypatch):
    monkeypatch.setattr(parts, "READS_A_PART", 40)
    events = tables.tables()["events"]
    tables.build(recorded, events, streams.NIGHT)
    before = recorded.table("events", streams.NIGHT).read_bytes()
    reads = trace.run_folder(recorded.traces, streams.NIGHT, "a.b", f"{streams.NIGHT}.r02.a.b") / "reads.parquet"
    content = reads.read_bytes()
    reads.write_bytes(content[:-1] + b"?")
    try:
        with pytest.raises(TokenclockError, match="not the file its manifest vouches for"):
            tables.build(recorded, events, streams.NIGHT)
    finally:
        reads.write_bytes(content)
    assert recorded.table("events", streams.NIGHT).read_bytes() == before
    assert [path.name for path in recorded.table("events", streams.NIGHT).parent.iterdir()] == [
        f"night={streams.NIGHT}.parquet"
    ]
