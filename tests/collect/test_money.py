import pytest

from pipeline import plan, trace
from pipeline.collect import money
from pipeline.collect import night as nights
from pipeline.collect.money import Purse
from tests import plans, streams
from tests.collect.test_night import collect
from tests.servers import HELLO, chunked, serving

OPENAI = b'data: {"usage":{"prompt_tokens":9,"completion_tokens":31,"total_tokens":40}}\n\n'


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (OPENAI, (9, 31)),
        (OPENAI + OPENAI.replace(b"31", b"32"), (9, 32)),
        (b'{"usage":{"input_tokens": 9,"output_tokens":1}} {"usage":{"output_tokens" : 31}}', (9, 31)),
        (b'{"prompt_eval_count":9,"eval_count":31}', (9, 31)),
        (b'{"promptTokenCount":9,"candidatesTokenCount":11,"thoughtsTokenCount":20}', (9, 31)),
        (b'{"usage":null}', None),
        (b"", None),
    ],
)
def test_usage_is_found_whatever_the_dialect(body, found):
    assert money.usage(body) == found


def purse(tmp_path, **more):
    this = plan.load(plans.write(tmp_path, **more))
    run = plan.runs(this, nights.tonight(), ["t"], [1])[0]
    return Purse(this, nights.tonight()), run


def request(**more):
    return {"sent_ns": 1, "http_status": 200, **more}


def test_a_finished_request_costs_what_the_server_counted(tmp_path):
    one, run = purse(tmp_path)
    assert one.reserve(run) is None
    one.settle(run, request(), [OPENAI[:20], OPENAI[20:]])
    assert one.spent["t"] == pytest.approx((9 * 1 + 31 * 2) / 1e6)
    assert one.aside["t"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("ended", "share"),
    [(request(), 1), (request(http_status=None), 1), (request(http_status=429), 0), (request(sent_ns=None), 0)],
)
def test_without_usage_an_answer_costs_the_most_and_a_refusal_nothing(ended, share, tmp_path):
    one, run = purse(tmp_path)
    one.reserve(run)
    one.settle(run, ended, [b"data: x\n\n"])
    assert one.spent["t"] == pytest.approx(share * one.most(run))


def test_what_is_set_aside_counts_as_spent(tmp_path):
    one, run = purse(tmp_path, max_usd=0.0)
    limit = 3.5 * one.most(run)
    one, run = purse(tmp_path, max_usd=limit)
    assert [one.reserve(run) is None for _ in range(4)] == [True, True, True, False]
    assert "[night] max_usd" in one.reserve(run)


def test_a_night_ends_at_its_budget_even_where_a_server_bills_more_than_was_asked_for(layout, tmp_path):
    costly = chunked(streams.chunk("x", "stop"), OPENAI.replace(b"31", b"400000"), b"data: [DONE]\n\n")
    with serving(costly) as server:  # it bills more than was asked for: 0.8 USD a request
        path = plans.write(tmp_path, server.url, requests=6, warmup=0, rounds=2, max_usd=2.0)
        first, second = collect(layout, path)
        assert len(server.requests) == 3
    assert (first.outcome, first.requests_recorded, second.requests_recorded) == ("stopped", 3, 0)
    assert "[night] max_usd = 2 is reached: 2.4000 USD are spent" in first.error


def test_a_targets_own_budget_holds_too(layout, tmp_path):
    costly = chunked(streams.chunk("x", "stop"), OPENAI.replace(b"31", b"400000"), b"data: [DONE]\n\n")
    with serving(costly) as server:
        path = plans.write(tmp_path, server.url, requests=6, warmup=0, max_usd=9.0, extra="max_usd = 0.5\n")
        (manifest,) = collect(layout, path)
    assert manifest.requests_recorded == 1
    assert "[targets.t] max_usd = 0.5 is reached" in manifest.error


def test_what_an_earlier_run_of_the_night_spent_is_remembered(layout, tmp_path):
    with serving(HELLO) as server:
        path = plans.write(tmp_path, server.url, requests=3, warmup=1)
        collect(layout, path)
    one = Purse(plan.load(path), nights.tonight())
    one.remember(layout.traces)
    assert one.spent["t"] == pytest.approx(4 * (9 * 1 + 31 * 2) / 1e6)
    assert trace.manifests(layout.traces, nights.tonight())[0].outcome == "finished"


SILENT = chunked(streams.chunk("x", "stop"), b"data: [DONE]\n\n")
BUSY = [b"HTTP/1.1 429 slow down\r\ncontent-length: 2\r\nretry-after: 0\r\n\r\nno"]


def test_answers_without_usage_are_paid_at_the_most_and_end_the_night_in_time(layout, tmp_path):
    one, run = purse(tmp_path)
    with serving(SILENT) as server:
        path = plans.write(tmp_path, server.url, requests=6, warmup=0, max_usd=9.0)
        path.write_text(path.read_text() + f"max_usd = {3.5 * one.most(run)}\n")
        (manifest,) = collect(layout, path)
        assert len(server.requests) == 3
    assert (manifest.outcome, manifest.requests_recorded) == ("stopped", 3)


def test_a_retry_is_paid_like_any_request_and_the_refusal_before_it_is_free(layout, tmp_path):
    with serving(lambda number: BUSY if number == 0 else HELLO) as server:
        path = plans.write(tmp_path, server.url, requests=1, warmup=0, retries=1)
        collect(layout, path)
        assert len(server.requests) == 2
    one = Purse(plan.load(path), nights.tonight())
    one.remember(layout.traces)
    assert one.spent["t"] == pytest.approx((9 * 1 + 31 * 2) / 1e6)


def test_a_collection_started_again_in_the_night_has_what_is_left_and_no_more(layout, tmp_path):
    costly = chunked(streams.chunk("x", "stop"), OPENAI.replace(b"31", b"400000"), b"data: [DONE]\n\n")
    with serving(costly) as server:  # 0.8 USD a request
        path = plans.write(tmp_path, server.url, requests=6, warmup=0, max_usd=2.0)
        assert collect(layout, path)[0].requests_recorded == 3
        (again,) = collect(layout, path)
        assert len(server.requests) == 3
    assert (again.outcome, again.requests_recorded) == ("stopped", 0)
    assert "2.4000 USD are spent" in again.error
