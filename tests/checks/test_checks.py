"""Every check passes on a good night and fails on a bad one."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import checks
from pipeline.checks import expect, suites
from pipeline.layout import Layout

from .faults import FAULTS
from .good_night import NIGHT, Night, good_night

CHECKS = {f"{check.table}.{check.name}": check for check in checks.specs()}


def test_a_good_night_passes_every_check(layout: Layout, night: Night) -> None:
    night.write(layout)
    audits = checks.ensure(layout, NIGHT)
    assert [result for audit in audits for result in audit.failed] == []
    assert {f"{r.table}.{r.name}" for audit in audits for r in audit.results} == set(CHECKS)


def test_a_night_in_which_every_request_was_refused_is_published_with_warnings(layout: Layout) -> None:
    good_night(only=[11]).write(layout)
    audits = checks.ensure(layout, NIGHT)
    assert checks.blocking(audits) == []
    failed = {f"{result.table}.{result.name}" for audit in audits for result in audit.failed}
    assert failed == {
        "ttft.rows_exist",
        "output_speed.rows_exist",
        "summary.rows_exist",
        "throughput.most_requests_succeed",
        "throughput.window_is_long_enough",
    }


def test_every_check_has_a_planted_fault_and_every_fault_a_check() -> None:
    assert set(FAULTS) == set(CHECKS)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_planted_fault_is_found(name: str, layout: Layout, night: Night, tmp_path: Path) -> None:
    FAULTS[name](night)
    night.write(layout)
    check = CHECKS[name]
    suite = replace(suites.load()[check.table], checks=(check,))
    files = {table: layout.table(table, NIGHT) for table in (suite.table, *suite.reads)}
    outcome = expect.run(suite, files)[check.name]
    assert outcome.error is None
    assert not outcome.passed
    assert outcome.unexpected_count == len(outcome.sample) or outcome.observed is not None
