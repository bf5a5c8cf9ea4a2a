"""On random nights the tables say what the definitions say, read slowly; and what must not matter does not."""

from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import streams
from tests.tables import reference
from tests.tables.nights import build

TABLES = ("ttft", "output_speed", "itl", "cost", "throughput", "summary")
PRICED = {"usd_per_million_input": 1.0, "usd_per_million_output": 2.0, "price_source": "made up"}
SLO = {"ttft_ms": 400, "tpot_ms": 25, "e2e_ms": 900}
FEW = settings(max_examples=8, derandomize=True)
SEEDS = st.integers(0, 10**6)


def script(random):
    """A stream: a role, tokens of some sizes in reads of some sizes, and an end of some kind."""
    words = [" two" * random.choice([1, 1, 1, 3]) for _ in range(random.randint(0, 12))]
    fields = ["reasoning"] * random.randint(0, 3) + ["content"] * 12
    parts = [streams.ROLE]
    for field, word in zip(fields, words, strict=False):
        parts.append(streams.chunk(word).replace(b'"content"', f'"{field}"'.encode()))
    if random.random() < 0.9:
        parts.append(streams.chunk(finish=random.choice(["stop", "length"])))
    if random.random() < 0.1:
        parts.append(streams.ERROR)
    if random.random() < 0.7:
        parts.append(
            streams.USAGE.replace(b'"completion_tokens":31', b'"completion_tokens":%d' % random.randint(1, 40))
        )
    parts.append(streams.DONE)
    found, at = [], 100.0
    while parts:
        size = random.choice([1, 1, 1, 2, 4])
        at += random.randint(0, 80_000) / 1000
        found.append((at, b"".join(parts[:size])))
        parts = parts[size:]
    return found


def night(seed, tokenizer=None, shift=0, factor=1, cut=None):
    """A run of one or more streams at once; the same from the same seed, shifted, stretched or cut."""
    random = Random(seed)
    concurrency, requests, scripts = random.choice([1, 3]), [], []
    for index in range(9):
        of_request = [(at * factor, data) for at, data in script(random)]
        start = 1000 * streams.MS + (index // concurrency * 1500 + random.randint(0, 40)) * streams.MS
        is_new = random.random() < 0.3
        known = {"sent_ns": start, "scheduled_ns": start - random.randint(0, 9) * streams.MS}
        known |= {"connect_started_ns": start - 40 * streams.MS} if is_new else {}
        known = {name: at * factor + shift for name, at in known.items()}
        requests.append(
            streams.request(
                index,
                **known,
                is_connection_reused=not is_new,
                end_ns=round(of_request[-1][0] * streams.MS),
                dialect="openai-chat",
            )
        )
        scripts.append([piece for one in of_request for piece in (cut(*one) if cut else [one])])
    rows = [row for n, one in enumerate(scripts) for row in streams.reads(one, f"run/{n:04d}")]
    run = streams.manifest(
        target=streams.target(tokenizer=tokenizer, **PRICED), concurrency=concurrency, requests_planned=9,
        load={"slo": SLO},
    )  # fmt: skip
    return streams.recorded(requests, rows, run), requests, scripts, concurrency


def close(value):
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


@FEW
@given(seed=SEEDS, is_counted=st.booleans())
def test_the_tables_agree_with_a_slow_reading_of_the_definitions(words, seed, is_counted):
    recorded, requests, scripts, concurrency = night(seed, words if is_counted else None)
    made = build(recorded, *TABLES)
    count = (lambda text: len(text.split())) if is_counted else None
    stamped = [[(round(at * streams.MS), data) for at, data in one] for one in scripts]
    slow = [reference.of_request(r, reads, count) for r, reads in zip(requests, stamped, strict=True)]
    by_id = {r["request_id"]: m for r, m in zip(requests, slow, strict=True) if m}
    agree(made["ttft"], by_id)
    agree(made["output_speed"], by_id)
    agree(made["cost"], {name: one for name, one in by_id.items() if "usd_per_request" in one})
    gaps = {name: made["itl"].filter(request_id=name)["itl_ms"].drop_nulls().to_list() for name in by_id}
    assert gaps == {name: close(one["itl_ms"]) for name, one in by_id.items()}
    if by_id:
        agree_on_the_run(made["throughput"], reference.of_run(requests, slow, concurrency, SLO), by_id)
    agree_on_figures(made["summary"], by_id)


def agree(table, by_id):
    """Every row has what the reference says of its request, in every column that it knows."""
    rows = {row["request_id"]: row for row in table.to_dicts()}
    assert rows.keys() == by_id.keys()
    for request_id, row in rows.items():
        for name in by_id[request_id].keys() & row.keys():
            assert row[name] == close(by_id[request_id][name]), name


def agree_on_the_run(table, expected, by_id):
    (run,) = table.to_dicts()
    for name in ("success_rate", "request_throughput_req_s", "goodput_req_s"):
        assert run[name] == close(expected.get(name)), name
    if any(one["tokens"] is not None for one in by_id.values()):
        assert run["output_throughput_tok_s"] == close(expected.get("output_throughput_tok_s"))


def agree_on_figures(table, by_id):
    for row in table.filter(pl.col("metric").is_in(["ttft_ms", "tpot_ms", "e2e_ms"])).to_dicts():
        values = [one[row["metric"]] for one in by_id.values() if one[row["metric"]] is not None]
        assert (row["n"], row["mean"]) == (len(values), close(sum(values) / len(values)))
        for p in (10, 25, 50, 75, 90, 95):
            assert row[f"p{p}"] == close(reference.percentile(values, p / 100))


def same(some, others, *, but=()):
    for name in TABLES:
        if name not in but:
            assert some[name].equals(others[name]), name


@FEW
@given(seed=SEEDS, shift=st.integers(-(10**9), 10**15))
def test_shifting_every_stamp_of_a_run_changes_nothing(seed, shift):
    plain, shifted = (build(night(seed, shift=by)[0], *TABLES) for by in (0, shift))
    moved = pl.col("window_start_ns") - shift
    shifted["throughput"] = shifted["throughput"].with_columns(moved)
    same(plain, shifted)


@FEW
@given(seed=SEEDS, place=st.integers(1, 60))
def test_a_read_that_comes_in_two_with_one_stamp_changes_nothing(words, seed, place):
    def halves(at, data):
        return [(at, data[:place]), (at, data[place:])] if len(data) > place else [(at, data)]

    whole, cut = (build(night(seed, words, cut=how)[0], *TABLES) for how in (None, halves))
    same(whole, cut)


@FEW
@given(seed=SEEDS, factor=st.sampled_from([2, 4, 16]))
def test_scaling_time_scales_times_and_divides_rates(seed, factor):
    plain, slow = (
        build(night(seed, factor=by)[0], "ttft", "output_speed", "itl", "throughput") for by in (1, factor)
    )
    times = {
        "ttft": ["ttft_ms", "ttft_cold_ms", "first_byte_ms", "schedule_lag_ms"],
        "output_speed": ["e2e_ms", "tpot_ms"],
    }
    for table, names in {**times, "itl": ["itl_ms"]}.items():
        for name in names:
            assert slow[table][name].to_list() == scaled(plain[table][name], factor), name
    speeds = {
        "output_speed": ["output_speed_tok_s"],
        "throughput": ["output_throughput_tok_s", "request_throughput_req_s"],
    }
    for table, names in speeds.items():
        for name in names:
            assert slow[table][name].to_list() == scaled(plain[table][name], 1 / factor), name


def scaled(values, factor):
    return [close(None if value is None else value * factor) for value in values]
