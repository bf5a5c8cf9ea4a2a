import msgspec
import pytest

from pipeline import trace
from pipeline.collect import night as nights
from pipeline.collect.breaker import IN_A_ROW, WORDS, Breaker
from pipeline.tables import events as event_table
from pipeline.tables import requests, runs, targets
from pipeline.tables.recorded import Recorded
from tests import plans
from tests.collect.test_night import collect
from tests.servers import HELLO, serving

RETIRED = b'{"error":{"message":"The model `m` has been decommissioned","code":"model_decommissioned"}}'


def answer(status, body=b"{}"):
    return [b"HTTP/1.1 %d no\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)]


def said(*statuses, body=b"{}"):
    breaker = Breaker()
    return [breaker.said(status, [body]) is not None for status in statuses]


@pytest.mark.parametrize("status", [401, 402, 404, 410])
def test_an_answer_that_holds_for_all_requests_ends_the_run_at_once(status):
    assert said(status) == [True]


@pytest.mark.parametrize("status", [None, 200, 408, 409, 425, 429, 500, 502, 503, 529])
def test_what_may_pass_never_does(status):
    assert said(*[status] * 9) == [False] * 9


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_a_refusal_that_may_be_of_one_prompt_ends_it_only_when_it_repeats(status):
    assert said(*[status] * IN_A_ROW) == [False] * (IN_A_ROW - 1) + [True]
    assert said(status, status, 200, status, status) == [False] * 5


def test_a_400_that_says_that_the_id_has_ended_ends_it_at_once():
    (why,) = [Breaker().said(400, [RETIRED[:20], RETIRED[20:]])]
    assert why.startswith("HTTP 400: " + RETIRED.decode())
    assert "valid_to" in why


def test_words_are_quoted_in_one_line_and_not_without_end():
    why = Breaker().said(401, [b"<html>\n  no\xff " + b"x" * 9999])
    assert "\n" not in why
    assert len(why) < WORDS + 100


@pytest.mark.parametrize(("status", "body"), [(400, RETIRED), (401, b"who?"), (404, b"no such model")])
def test_after_a_refusal_for_good_nothing_more_is_sent_in_the_round(status, body, layout, tmp_path):
    with serving(answer(status, body)) as server:
        path = plans.write(tmp_path, server.url, requests=6, warmup=2, rounds=2, retries=2)
        text = path.read_text()
        more = text[text.index("[scenarios.s]") : text.index("[providers.p]")].replace("scenarios.s", "scenarios.z")
        path.write_text(text.replace('scenarios = ["s"]', 'scenarios = ["s", "z"]') + more)
        recorded = collect(layout, path)
        assert len(server.requests) == 2
    assert [(one.outcome, one.requests_recorded) for one in recorded] == [("refused", n) for n in (1, 0, 1, 0)]
    assert {one.error for one in recorded} == {recorded[0].error}
    assert recorded[0].error.startswith(f"HTTP {status}: {body.decode()}")


def test_the_request_keeps_its_status_and_the_target_the_words(layout, tmp_path):
    with serving(answer(400, RETIRED)) as server:
        collect(layout, plans.write(tmp_path, server.url, requests=6))
    night = Recorded.load(layout.traces, nights.tonight())
    (one,) = requests.build(night, event_table.build(night)).to_dicts()
    assert (one["status"], one["http_status"], one["error_code"]) == ("http_error", 400, "model_decommissioned")
    (target,) = targets.build(night).to_dicts()
    assert target["status"] == "failed"
    assert "has been decommissioned" in target["reason"]
    assert runs.build(night)["outcome"].to_list() == ["refused"]


def test_a_corrected_target_is_measured_in_the_same_night(layout, tmp_path):
    with serving(lambda number: answer(401) if number == 0 else HELLO) as server:
        path = plans.write(tmp_path, server.url, requests=2, warmup=0)
        collect(layout, path)
        (again,) = collect(layout, path)
    assert (again.outcome, again.requests_recorded) == ("finished", 2)
    first, second = trace.manifests(layout.traces, nights.tonight())
    assert (first.round, second.round) == (1, 1)
    assert msgspec.to_builtins(first.target) == msgspec.to_builtins(second.target)
