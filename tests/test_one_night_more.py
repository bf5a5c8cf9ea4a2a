"""What a publication looks at does not grow with the nights that are published already."""

import os
import sys
from datetime import timedelta

import pytest

from bench.tables import step
from pipeline import checks, publish, quality, stamps, tables
from pipeline import warehouse_increment as increment
from pipeline.layout import Layout
from tests import nights, streams

LOOKED_AT = 3
NIGHTS = [streams.NIGHT + timedelta(days) for days in range(14)]


class Seen:
    """Paths that Python opens or looks at, or hands to polars or DuckDB, while `on`."""

    def __init__(self, monkeypatch):
        self.paths, self.listed, self.on = [], [], False
        monkeypatch.setattr(
            os, "stat", lambda path, *of, real=os.stat, **how: self._see(path) or real(path, *of, **how)
        )
        for name in ("scan_parquet", "read_parquet", "read_parquet_schema", "read_parquet_metadata"):
            real = getattr(publish.pl, name)
            monkeypatch.setattr(
                publish.pl, name, lambda path, *of, real=real, **how: self._see(path) or real(path, *of, **how)
            )
        append = increment._append
        monkeypatch.setattr(
            increment,
            "_append",
            lambda con, layout, name, night: (
                self._see(layout.table(name, night)) or append(con, layout, name, night)
            ),
        )
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if self.on and event == "open":
            self._see(arguments[0])
        elif self.on and event == "os.scandir":
            self.listed.append(str(arguments[0]))

    def _see(self, path):
        if self.on:
            self.paths += [str(one) for one in (path if isinstance(path, list) else [path])]

    def during(self, work):
        """How many files of nights were looked at, and how many folders were listed."""
        self.paths, self.listed, self.on = [], [], True
        try:
            work()
        finally:
            self.on = False
        return sum("night=" in path for path in self.paths), len(self.listed)


@pytest.fixture
def layout(tmp_path, monkeypatch):
    monkeypatch.setattr(increment, "LOOKED_AT", LOOKED_AT)
    (tmp_path / "no releases").mkdir()
    made = Layout(tmp_path / "data", tmp_path / "site", carried=tmp_path / "no releases")
    nights.record(made, NIGHTS[0])
    publish.build_night(made, NIGHTS[0])
    return made


@pytest.fixture
def copied(layout, monkeypatch):
    """Stage more nights like the first, with their audits."""
    staged = {name: publish.pl.read_parquet(layout.table(name, NIGHTS[0])) for name in tables.tables()}
    known = {one.table: one for one in checks.ensure(layout, NIGHTS[0])}
    monkeypatch.setattr(step.night, "NIGHT", NIGHTS[0])

    def stage(since, until):
        for night in NIGHTS[since:until]:
            step._copy(layout, night, staged, known)

    return stage


def published(layout):
    publish.publish_warehouse(layout)
    quality.report(layout)


def test_one_night_more_looks_at_as_many_files_behind_six_nights_as_behind_twelve(layout, copied, monkeypatch):
    monkeypatch.setattr(quality, "NIGHTS", LOOKED_AT)
    seen, found = Seen(monkeypatch), []
    for behind in (6, 12):
        copied(1, behind)
        published(layout)
        copied(behind, behind + 1)
        found.append(seen.during(lambda: published(layout)))
        assert increment.settled(layout, NIGHTS[: behind + 1]).nights == set(NIGHTS[: behind + 1])
    assert found[0] == found[1]
    assert found[0][0] > len(tables.tables())


def test_an_old_night_that_was_built_anew_is_found_without_looking_at_it(layout, copied):
    copied(1, 6)
    published(layout)
    tables.build(layout, tables.tables()["targets"], NIGHTS[1])
    settled = increment.settled(layout, NIGHTS[:6])
    assert NIGHTS[1] not in settled.nights
    assert {NIGHTS[0], NIGHTS[2]} <= settled.unopened


def test_an_old_night_that_was_audited_anew_is_asked_again(layout, copied):
    copied(1, 6)
    published(layout)
    assert publish._before(layout, NIGHTS[:6]).nights == set(NIGHTS[:6])
    checks.audit(layout, "ttft", NIGHTS[1])
    assert publish._before(layout, NIGHTS[:6]).nights == {*NIGHTS[:6]} - {NIGHTS[1]}


def test_a_night_has_no_stamp_while_it_is_written_and_another_one_behind(layout):
    (before,) = stamps.of(layout).values()
    with stamps.touching(layout, NIGHTS[0]):
        assert stamps.of(layout) == {}
    (behind,) = stamps.of(layout).values()
    assert before != behind


def test_a_night_whose_writer_failed_gets_a_stamp_that_nobody_remembers(layout):
    before = stamps.of(layout)
    with pytest.raises(ZeroDivisionError), stamps.touching(layout, NIGHTS[0]):
        _ = 1 / 0
    assert stamps.of(layout) == {}
    stamps.complete(layout, {NIGHTS[0]})
    assert stamps.of(layout).keys() == before.keys()
    assert stamps.of(layout) != before
