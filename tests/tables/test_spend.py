from dataclasses import replace

import pytest

from pipeline import tables, trace
from tests import streams

PRICED = {"usd_per_million_input": 1.0, "usd_per_million_output": 2.0, "price_source": "made up"}


def spend(requests, reads, **target):
    recorded = streams.recorded(requests, reads, streams.manifest(target=streams.target(**target)))
    built = {tables.TRACE: recorded}
    for name, table in tables.tables().items():
        built[name] = table.build(*(built[one] for one in table.inputs))
    return built["spend"].to_dicts()


def test_a_night_costs_what_the_provider_counted_warm_up_included():
    requests = [streams.request(0, is_warmup=True), streams.request(1), streams.request(2, http_status=429)]
    reads = [read for index in (0, 1) for read in streams.reads(streams.GOLDEN, f"run/{index:04d}")]
    (row,) = spend(requests, reads, **PRICED)
    assert (row["requests_sent"], row["requests_without_usage"]) == (3, 0)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (18, 62)
    assert row["usd"] == pytest.approx((18 * 1 + 62 * 2) / 1e6)


def test_an_answer_without_usage_is_counted_beside_and_not_as_free():
    reads = streams.reads([one for one in streams.GOLDEN if one[1] != streams.USAGE], "run/0000")
    (row,) = spend([streams.request()], reads, **PRICED)
    assert row["requests_without_usage"] == 1


def test_without_a_price_the_cost_is_unknown():
    (row,) = spend([streams.request()], streams.reads(streams.GOLDEN, "run/0000"))
    assert row["usd"] is None


def test_engines_of_our_own_cost_nothing_and_have_no_row():
    assert spend([streams.request()], streams.reads(streams.GOLDEN, "run/0000"), kind="local") == []


def test_the_budgets_of_target_and_night_stand_beside_the_bill():
    requests, reads = [streams.request()], streams.reads(streams.GOLDEN, "run/0000")
    target = streams.target(**PRICED, max_usd=0.5)
    census = trace.Night(
        schema_version=1, night=streams.NIGHT, plan_sha256="0", rounds=1, targets=[target], max_usd=2.0
    )
    recorded = replace(streams.recorded(requests, reads, streams.manifest(target=target)), census=census)
    events = tables.tables()["events"].build(recorded)
    priced = tables.tables()["requests"].build(recorded, events)
    (row,) = tables.tables()["spend"].build(recorded, priced).to_dicts()
    assert (row["target_max_usd"], row["night_max_usd"]) == (0.5, 2.0)
