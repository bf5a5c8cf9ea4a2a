from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipeline import tables, trace
from pipeline.collect import night as nights
from pipeline.collect import retry
from pipeline.tables import events as event_table
from pipeline.tables import requests, runs, throughput
from pipeline.tables.recorded import Recorded
from tests import plans
from tests.collect.test_night import collect
from tests.servers import HELLO, serving

BUSY = b"HTTP/1.1 429 slow down\r\ncontent-length: 2\r\nretry-after: %s\r\n\r\nno"


def wait(said, status=429, attempt=1, seed="7/a/0"):
    return retry.wait_s(status, list(said.items()), attempt, seed)


@pytest.mark.parametrize("status", [None, 200, 400, 401, 404, 500])
def test_only_refusals_for_now_are_waited_for(status):
    assert wait({"retry-after": "1"}, status) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"retry-after": "2"}, 2),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, retry.FIRST_BACKOFF_S),
        ({"retry-after": "-3"}, retry.FIRST_BACKOFF_S),
        ({"retry-after": "inf"}, retry.FIRST_BACKOFF_S),
        ({}, retry.FIRST_BACKOFF_S),
    ],
)
def test_the_wait_is_what_the_server_asks_for_and_a_little_more(said, seconds):
    assert seconds <= wait(said) <= seconds * (1 + retry.JITTER)


def test_requests_refused_together_wait_unlike_and_the_same_when_the_night_is_repeated():
    waits = [wait({"retry-after": "10"}, seed=f"7/a/{index}") for index in range(64)]
    assert len(set(waits)) == 64
    assert waits == [wait({"retry-after": "10"}, seed=f"7/a/{index}") for index in range(64)]
    assert wait({"retry-after": "10"}, attempt=2) != wait({"retry-after": "10"}, attempt=1)


def test_a_date_is_waited_for():
    at = datetime.now(UTC) + timedelta(seconds=30)
    assert 28 <= wait({"retry-after": format_datetime(at, usegmt=True)}) <= 30 * (1 + retry.JITTER)
    assert wait({"retry-after": format_datetime(at - timedelta(days=1), usegmt=True)}) == 0


def test_without_a_word_of_the_server_each_wait_is_twice_the_last():
    assert 4 * retry.FIRST_BACKOFF_S <= wait({}, 503, attempt=3) <= 4 * retry.FIRST_BACKOFF_S * (1 + retry.JITTER)


def derived(layout, tmp_path, script, **more):
    """Requests and the throughput of a night against a server that plays `script`."""
    with serving(script) as server:
        (manifest,) = collect(layout, plans.write(tmp_path, server.url, warmup=0, **more))
    recorded = Recorded.load(layout.traces, nights.tonight())
    events = event_table.build(recorded)
    made = requests.build(recorded, events)
    (total,) = throughput.build(runs.build(recorded), made, events, tables.empty("hardware")).to_dicts()
    return manifest, made.to_dicts(), total


def test_a_refused_request_is_sent_anew_and_both_are_counted(layout, tmp_path):
    def script(number):
        return [BUSY % b"0.2"] if number == 0 else HELLO

    manifest, made, total = derived(layout, tmp_path, script, requests=2, retries=2)
    assert [(one["request_id"].rpartition("/")[2], one["status"], one["attempt"]) for one in made] == [
        ("0000", "http_error", 1), ("0000.2", "complete", 2), ("0001", "complete", 1)
    ]  # fmt: skip
    refused, again, _ = made
    assert again["retry_of"] == refused["request_id"]
    assert again["scheduled_ns"] - refused["sent_ns"] - refused["end_ns"] >= 0.2e9
    assert manifest.requests_recorded == 3
    assert (total["requests_sent"], total["retries"], total["requests_with_metrics"]) == (3, 1, 2)
    assert total["success_rate"] == pytest.approx(2 / 3)


def test_retries_end(layout, tmp_path):
    _, made, _ = derived(layout, tmp_path, [BUSY % b"0"], requests=1, retries=2)
    assert [(one["status"], one["attempt"]) for one in made] == [("http_error", n) for n in (1, 2, 3)]


def test_a_wait_beyond_the_plans_limit_is_not_waited(layout, tmp_path):
    _, made, _ = derived(layout, tmp_path, [BUSY % b"3600"], requests=1, retries=2, retry_wait_max_s=1.0)
    assert [one["attempt"] for one in made] == [1]


def test_no_retry_without_a_plan_for_it(layout, tmp_path):
    _, made, _ = derived(layout, tmp_path, [BUSY % b"0"], requests=1, retries=0)
    assert [one["attempt"] for one in made] == [1]


def test_the_prompt_of_a_retry_is_that_of_the_request_that_it_repeats(layout, tmp_path):
    derived(layout, tmp_path, [BUSY % b"0"], requests=2, retries=1)
    stored, _ = trace.load(layout.traces, nights.tonight())
    bodies = stored.sort("request_id")["request_body"].to_list()
    assert bodies[0] == bodies[1] != bodies[2] == bodies[3]
