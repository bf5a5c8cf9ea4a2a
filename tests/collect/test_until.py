"""Rounds go on until the median is known well enough, or as often as the plan allows."""

import msgspec
import pytest

from pipeline import plan, trace
from pipeline.collect import night as nights
from pipeline.collect import schedule, until
from pipeline.collect.recorder import Trace
from pipeline.layout import Layout
from pipeline.plan import PlanError, Until
from tests import plans, streams
from tests.servers import HELLO, serving

SLOW = [*HELLO[:2], 0.03, *HELLO[2:]]
END = Until(metric="end_ms", within=0.05, at_most_rounds=4)


def written(folder, url="http://127.0.0.1:9/v1", **until):
    said = {"metric": '"end_ms"', "within": 0.05, "at_most_rounds": 4, **until}
    keys = ", ".join(f"{key} = {value}" for key, value in said.items())
    load = f'kind = "closed"\nconcurrency = 1\nuntil = {{ {keys} }}'
    return plans.write(folder, url, load=load, requests=4, warmup=1)


def collect(layout, path):
    this = nights.Collection(plan.load(path), layout, nights.tonight(), {"P_API_KEY": "k"})
    return nights.collect(this, ["t"])


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A night whose answers take about the same time, and whose plan is content with little."""
    folder = tmp_path_factory.mktemp("until")
    layout = Layout(folder / "data", folder / "site")
    with serving(SLOW) as server:
        path = written(folder, server.url, within=0.99)
        recorded = collect(layout, path)
        return layout, plan.load(path), recorded


def test_rounds_end_when_the_median_is_known_and_the_manifests_say_why(stopped):
    _, _, recorded = stopped
    assert [one.outcome for one in recorded] == ["finished"] * 2
    said = [one.load["until"] for one in recorded]
    assert said[0] == {"metric": "end_ms", "within": 0.99, "rounds": 1, "requests": 4, "is_enough": False}
    assert said[1] == {"metric": "end_ms", "within": 0.99, "rounds": 2, "requests": 8, "is_enough": True}


def test_rounds_end_where_the_plan_ends_them_if_it_never_is(layout, tmp_path):
    with serving(SLOW) as server:
        recorded = collect(layout, written(tmp_path, server.url, within=1e-12, at_most_rounds=3))
    assert [one.round for one in recorded] == [1, 2, 3]
    assert not any(one.load["until"]["is_enough"] for one in recorded)


def test_a_series_that_is_known_is_not_due_until_all_are_wanted_anew(stopped):
    _, this, recorded = stopped
    first = recorded[:1]
    assert [run.round for run in schedule.due(this, first, nights.tonight(), ["t"])] == [2, 3, 4]
    assert [run.round for run in schedule.due(this, recorded, nights.tonight(), ["t"])] == [3, 4, 5, 6]


def test_a_budget_that_ends_first_stops_it(layout, tmp_path):
    with serving(SLOW) as server:
        path = written(tmp_path, server.url, within=1e-12)
        text = path.read_text().replace("[targets.t]", "[targets.t]\nmax_usd = 0.0004")
        path.write_text(text)
        recorded = collect(layout, path)
    assert recorded[-1].outcome == "stopped"
    assert "max_usd" in recorded[-1].error


def test_what_is_read_back_is_what_was_seen(stopped):
    layout, _, recorded = stopped
    rounds = until.earlier(layout.traces, recorded, END)
    requests, _ = trace.load(layout.traces, nights.tonight())
    ends = requests.filter(~requests["is_warmup"]).sort("request_id")["end_ns"].to_list()
    assert [value for number in (1, 2) for value in rounds[number]] == pytest.approx([end / 1e6 for end in ends])
    first = until.earlier(layout.traces, recorded, msgspec.structs.replace(END, metric="first_byte_ms"))
    assert all(a < b for a, b in zip(first[1], rounds[1], strict=True))
    assert until.verdict(rounds, msgspec.structs.replace(END, within=0.99)) == recorded[1].load["until"]


@pytest.mark.parametrize(
    ("more", "value"),
    [({}, 40.0), ({"is_warmup": True}, None), ({"http_status": 500}, None), ({"outcome": "broken_off"}, None)],
)
def test_only_whole_measured_responses_count(more, value):
    reads = streams.columns([{"at_ns": 7_000_000, "user_ns": 0, "wire_bytes": 1, "payload": b"x"}])
    taken = Trace(streams.request(end_ns=40_000_000, **more), reads, first_byte_ns=7_000_000)
    assert until.value_ms(taken, END) == value
    first = until.value_ms(taken, msgspec.structs.replace(END, metric="first_byte_ms"))
    assert first == (None if value is None else 7.0)


def test_a_response_without_a_body_has_no_first_byte():
    assert until.value_ms(Trace(streams.request(end_ns=1), streams.columns([])), END) is None


def test_the_estimate_is_of_all_rounds_that_there_may_be(tmp_path):
    this = plan.load(written(tmp_path))
    assert plan.estimate(this, "t", nights.tonight(), {"P_API_KEY": "k"}).requests == 4 * 5


@pytest.mark.parametrize("wrong", [{"metric": '"ttft_ms"'}, {"within": 0}, {"at_most_rounds": 1}, {"often": 1}])
def test_a_plan_that_asks_for_what_the_recorder_cannot_know_is_refused(tmp_path, wrong):
    with pytest.raises(PlanError, match=r"scenarios\.s"):
        plan.load(written(tmp_path, **wrong))
