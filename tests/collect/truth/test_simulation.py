import statistics

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collect.truth import providers
from pipeline.collect.truth.allowances import WINDOWS_S, Allowances
from pipeline.collect.truth.simulation import Simulation, draw
from tests.collect.truth.simulated import AT, answer, asked

LIMITS = st.dictionaries(st.sampled_from(sorted(WINDOWS_S)), st.integers(1, 1000), min_size=1)
ARRIVALS = st.lists(st.tuples(st.floats(0, 100), st.integers(1, 2000)), max_size=50)


def drawn(count=300, **this):
    provider = providers.find("groq")
    simulation = Simulation(speaks="groq", **this)
    request = provider.understand(asked("groq", tokens=64))
    bodies = ({**request.body, "user": number} for number in range(count))
    changed = (type(request)(request.model, request.prompt, 64, True, True, body) for body in bodies)
    return [draw(simulation, provider, one, AT) for one in changed]


def test_medians_are_those_asked_for():
    found = drawn(ttft_ms=200, tok_s=500, answer_tokens=40)
    assert statistics.median(one.ttft_s for one in found) == pytest.approx(0.2, rel=0.1)
    speeds = [
        (one.tokens - one.events[0].tokens_so_far) / (one.events[-1].at_s - one.ttft_s)
        for one in found
        if one.tokens > 20
    ]
    assert statistics.median(speeds) == pytest.approx(500, rel=0.15)
    assert statistics.median(one.tokens for one in found) == pytest.approx(40, rel=0.15)


def test_so_is_the_share_of_streams_that_break():
    broken = [one.broken_at for one in drawn(error_share=0.3)]
    assert sum(at is not None for at in broken) / len(broken) == pytest.approx(0.3, abs=0.1)
    assert all(one.broken_at is None for one in drawn(error_share=0.0))


@given(
    name=st.sampled_from(providers.names()),
    ttft_ms=st.floats(1, 5000),
    tok_s=st.floats(1, 5000),
    tokens=st.integers(1, 300),
    seed=st.integers(0, 99),
)
def test_every_draw_keeps_its_length_its_order_and_its_account_of_time(name, ttft_ms, tok_s, tokens, seed):
    provider, one = answer(name, {"ttft_ms": ttft_ms, "tok_s": tok_s, "seed": seed}, tokens=tokens)
    assert 1 <= one.tokens <= tokens
    assert one.is_cut <= (one.tokens == tokens)
    assert one.tokens == sum(len(event.words) for event in one.events)
    times = [one.head_s, *(event.at_s for event in one.events)]
    assert times == sorted(times)
    assert min(one.queue_s, one.prefill_s, one.decode_s) > 0
    assert one.server_total_s < one.events[-1].at_s
    assert 0 < one.first_token_s < one.ttft_s
    assert max(len(event.words) for event in one.events) <= provider.tokens_per_event[1]


@given(limits=LIMITS, arrivals=ARRIVALS)
def test_no_more_is_let_through_than_a_full_bucket_and_what_came_in_since(limits, arrivals):
    one, let, first = Allowances(limits, 0.0), dict.fromkeys(limits, 0), dict.fromkeys(limits, 0)
    now = 0.0
    for gap, tokens in arrivals:
        now += gap
        account = one.take(tokens, now)
        assert all(0 <= level.remaining <= level.allowed for level in account.levels.values())
        assert (account.exceeded is None) == (account.wait_s == 0)
        if account.exceeded is None:
            for name in limits:
                first[name] = max(first[name], tokens if "tokens" in name else 1)
                let[name] += tokens if "tokens" in name else 1
                if first[name] <= limits[name]:
                    assert let[name] <= limits[name] * (1 + now / WINDOWS_S[name]) + 1e-6


@given(limits=LIMITS, tokens=st.integers(1, 2000))
def test_after_the_wait_that_was_named_there_is_room(limits, tokens):
    one, now = Allowances(limits, 0.0), 0.0
    while (account := one.take(tokens, now)).exceeded is None:
        now += 1e-3
    assert account.wait_s > 0
    assert one.take(tokens, now + account.wait_s + 1e-6).exceeded is None


def test_limits_given_go_before_the_providers_own():
    groq = providers.find("groq")
    assert Simulation(speaks="groq").limits(groq) == groq.limits
    own = Simulation(speaks="groq", tokens_per_minute=7, requests_per_minute=3).limits(groq)
    assert own == {**groq.limits, "tokens_per_minute": 7, "requests_per_minute": 3}


@pytest.mark.parametrize("wrong", [{"ttft_ms": 0}, {"error_share": 1.5}, {"speed": 3}, {"requests_per_minute": 0}])
def test_a_simulation_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"speaks": "groq", **wrong}, Simulation)
