from dataclasses import replace

from pipeline import tables, trace
from pipeline.tables.recorded import Recorded
from tests import streams


def census(*runs, reason=None, max_usd=None):
    planned = [trace.PlannedRun(target=name, workload="w", scenario="s", round=number) for name, number in runs]
    targets = [streams.target(name, reason=reason) for name in sorted({name for name, _ in runs})]
    return trace.Night(
        schema_version=1, night=streams.NIGHT, plan_sha256="0", rounds=2, targets=targets, runs=planned,
        max_usd=max_usd,
    )  # fmt: skip


def fates(night, *manifests):
    recorded = replace(Recorded.nothing(), night=streams.NIGHT, manifests=list(manifests), census=night)
    built = tables.tables()["planned_runs"].build(recorded)
    return built.select("target", "round", "status", "reason", "run_id", "attempts").rows()


def test_a_run_that_was_recorded_is_finished():
    assert fates(census(("t", 1)), streams.manifest("a")) == [("t", 1, "finished", None, "a", 1)]


def test_a_run_without_a_manifest_is_missing_and_one_of_a_skipped_target_skipped():
    assert fates(census(("t", 1), ("t", 2)), streams.manifest("a"))[1] == ("t", 2, "missing", None, None, 0)
    assert fates(census(("t", 1), reason="no key")) == [("t", 1, "skipped", "no key", None, 0)]


def test_of_several_attempts_the_finished_one_counts_else_the_last():
    failed = streams.manifest("a", outcome="failed", error="no engine")
    again = streams.manifest("b", outcome="interrupted", error="killed")
    assert fates(census(("t", 1)), failed, again) == [("t", 1, "interrupted", "killed", "b", 2)]
    assert fates(census(("t", 1)), streams.manifest("c"), failed) == [("t", 1, "finished", None, "c", 2)]


def test_a_census_that_is_older_than_the_list_has_no_runs():
    assert fates(None, streams.manifest("a")) == []
    assert fates(trace.Night(schema_version=1, night=streams.NIGHT, plan_sha256="0", rounds=1, targets=[])) == []
