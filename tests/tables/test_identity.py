"""Who serves something else: greedy answers to fixed prompts, compared between targets and nights."""

from datetime import timedelta

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from pipeline import plan, tables
from pipeline.collect import night as nights
from pipeline.layout import shipped
from pipeline.tables import identity
from pipeline.tables.identity import SAME_TOKENS, Answer, likeness
from tests import plans
from tests.collect.test_night import collection
from tests.servers import HELLO, serving
from tests.streams import NIGHT

SAME = "the sky is blue because air bends the short waves of light more than the long ones and so"
OTHER = "our atmosphere scatters colours"
PIECES = st.lists(st.integers(0, 2), max_size=30)

PROBE = """
[probes.who]
title = "Who"
prompts = ["One?", "Two?"]
output_tokens = 16
seed = 7
timeout_s = 5.0
"""


def row(target, text=SAME, prompt=0, **more):
    return {
        **dict.fromkeys(tables.tables()["probe_answers"].columns),
        "request_id": f"{target}/{prompt}", "night": NIGHT, "target": target, "model": "m", "family": "f",
        "provenance": "measured", "model_id": "m", "probe": "who", "prompt_index": prompt, "prompts_sha256": "0",
        "status": "complete", "content": text, **more,
    }  # fmt: skip


def answers(*rows):
    return pl.DataFrame(list(rows), schema=tables.empty("probe_answers").schema)


def pairs(*rows):
    found = identity.build(answers(*rows))
    return {(one["target"], one["other"]): one for one in found.to_dicts()}


def of_text(text):
    return Answer(text, text.split(" "), has_reasoning=False)


def test_answers_of_one_model_agree_and_those_of_another_do_not():
    found = pairs(row("a"), row("b", SAME + " on"), row("c", OTHER))
    assert {pair: one["agrees"] for pair, one in found.items()} == {
        ("a", "b"): True, ("a", "c"): False, ("b", "c"): False,
    }  # fmt: skip
    one = found["a", "b"]
    assert (one["prefix_chars"], one["prefix_tokens"], one["prompts"], one["unit"]) == (len(SAME), 19, 1, "words")
    assert one["token_agreement"] == pytest.approx(19 / 20)


def test_the_first_tokens_decide_and_half_of_the_prompts_have_to_keep_them():
    words = SAME.split()
    turned = " ".join([*words[:SAME_TOKENS], "elsewhere", "entirely"])
    early = " ".join([*words[: SAME_TOKENS - 1], "elsewhere", "entirely"])
    assert likeness(of_text(SAME), of_text(turned)).agrees
    assert not likeness(of_text(SAME), of_text(early)).agrees
    mixed = [row("a", prompt=n) for n in range(4)] + [
        row("b", turned if n < 2 else OTHER, prompt=n) for n in range(4)
    ]
    assert pairs(*mixed)["a", "b"]["prompts_agreeing"] == 2
    assert pairs(*mixed)["a", "b"]["agrees"]
    assert not pairs(*mixed[:4], *mixed[5:])["a", "b"]["agrees"]


def test_the_half_word_at_the_end_of_a_cut_answer_does_not_count():
    cut = pairs(row("a", "one two thr", status="length"), row("b", "one two three"))["a", "b"]
    assert (cut["prefix_tokens"], cut["agrees"]) == (2, True)


def test_nothing_said_agrees_with_nothing():
    assert not pairs(row("a", None), row("b"))["a", "b"]["agrees"]
    assert not pairs(row("a", None), row("b", None))["a", "b"]["agrees"]


def test_two_precisions_are_compared_and_not_judged():
    found = pairs(row("a", precision="fp8"), row("b", precision="int4"), row("c"))
    assert {pair: one["is_same_claim"] for pair, one in found.items()} == {
        ("a", "b"): False, ("a", "c"): True, ("b", "c"): True,
    }  # fmt: skip


def test_what_is_not_comparable_is_not_compared():
    reasoning = row("b", reasoning="hm", content=SAME)
    others = [row("c", model="n"), row("d", provenance="simulated"), row("e", prompts_sha256="1")]
    assert pairs(row("a"), reasoning, *others) == {}


def test_the_last_answer_of_a_night_counts():
    again = row("b", request_id="b/0.2")
    assert pairs(row("a"), row("b", OTHER, request_id="b/0.1"), again)["a", "b"]["agrees"]


def test_tokens_of_the_models_own_tokenizer_are_compared_where_it_is_known(tmp_path):
    letters = {letter: number for number, letter in enumerate("abcdefghij ")}
    Tokenizer(models.BPE(letters, [])).save(str(tmp_path / "tokenizer.json"))
    spec = {"tokenizer": f"hf:{tmp_path}/tokenizer.json"}
    one = pairs(row("a", "abc abc abce", **spec), row("b", "abc abc abcd", **spec))["a", "b"]
    assert (one["unit"], one["prefix_tokens"], one["agrees"]) == ("tokens", 11, True)
    assert pairs(row("a", "abc", **spec), row("b", "abc"))["a", "b"]["unit"] == "words"


@given(ours=PIECES, theirs=PIECES)
def test_likeness_is_the_same_from_both_sides_and_whole_with_itself(ours, theirs):
    one, other = (Answer("".join(map(str, pieces)), pieces, has_reasoning=False) for pieces in (ours, theirs))
    assert likeness(one, other) == likeness(other, one)
    assert likeness(one, one).tokens == len(ours)
    assert likeness(one, other).tokens <= likeness(one, other).share * max(len(ours), len(theirs)) + 1e-9


@pytest.fixture
def con():
    """A database with a night of three targets, one of which stands apart, and the night before."""
    before, rest = NIGHT - timedelta(days=1), (row("b"), row("c", OTHER))
    rows = answers(row("a", SAME[:40] + "X"), *rest, row("a", night=before, request_id="before/a"))
    with duckdb.connect() as made:
        made.register("probe_answers", rows)
        made.register("identity", identity.build(answers(row("a"), *rest)))
        yield made


def view(con, name):
    return con.sql((shipped("sql") / "views" / f"{name}.sql").read_text("utf-8")).pl().to_dicts()


def test_a_view_names_the_one_that_stands_apart(con):
    found = {
        one["target"]: (one["agreeing"], one["others"], one["verdict"]) for one in view(con, "identity_by_target")
    }
    assert found == {"a": (1, 2, "agrees"), "b": (1, 2, "agrees"), "c": (0, 2, "stands apart")}


def test_a_view_compares_a_target_with_its_own_night_before(con):
    (one,) = view(con, "identity_over_nights")
    assert (one["target"], one["prefix_chars"], one["chars"]) == ("a", 40, len(SAME))
    assert one["night"] - one["previous_night"] == timedelta(days=1)
    assert one["share"] == pytest.approx(40 / len(SAME))


def test_a_night_probes_every_target_once_and_no_metric_holds_it(layout, tmp_path):
    second = "[targets.u]" + plans.TARGET + PROBE
    with serving(HELLO) as server:
        path = plans.write(tmp_path, server.url, rounds=2, requests=1, warmup=0, extra=second)
        nights.collect(collection(layout, path), ["t", "u"])
        probed = [one for one in server.requests if b"One?" in one or b"Two?" in one]
    assert len(probed) == 4
    assert all(b'"seed":7' in one and b'"temperature":0.0' in one for one in probed)
    assert len(server.requests) == 4 + 4
    made = {}
    for name, one in tables.tables().items():
        made[name] = tables.build(layout, one, nights.tonight())
        if name == "identity":
            break
    assert made["requests"].filter("is_warmup")["workload"].unique().to_list() == ["who"]
    said = made["probe_answers"].sort("target", "prompt_index")
    assert said.select("target", "prompt_index", "content").rows() == [
        ("t", 0, "Hello you"), ("t", 1, "Hello you"), ("u", 0, "Hello you"), ("u", 1, "Hello you"),
    ]  # fmt: skip
    (pair,) = made["identity"].to_dicts()
    assert (pair["target"], pair["other"], pair["prompts"], pair["agrees"]) == ("t", "u", 2, True)


def test_a_probe_is_part_of_the_estimate(tmp_path):
    this = plan.load(plans.write(tmp_path, rounds=3, requests=1, warmup=0, extra=PROBE))
    estimate = plan.estimate(this, "t", nights.tonight(), {"P_API_KEY": "k"})
    assert (estimate.requests, estimate.output_tokens) == (3 + 2, 3 * 31 + 2 * 16)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (PROBE.replace("probes.who", "probes.w"), r"\[probes.w\] bears the name of one of workloads"),
        (PROBE.replace("probes.who", "probes.s"), r"\[probes.s\] bears the name of one of scenarios"),
        (PROBE.replace('["One?", "Two?"]', "[]"), "length >= 1"),
    ],
)
def test_a_probe_that_makes_no_sense_is_refused(extra, said, tmp_path):
    with pytest.raises(plan.PlanError, match=said):
        plan.load(plans.write(tmp_path, extra=extra))


def test_a_target_cannot_name_a_probe_and_a_workload_cannot_be_one(tmp_path):
    path = plans.write(tmp_path, extra=PROBE)
    text = path.read_text()
    path.write_text(text.replace('workloads = ["w"]', 'workloads = ["who"]'))
    with pytest.raises(plan.PlanError, match="workloads names `who`"):
        plan.load(path)
    path.write_text(text.replace("unique_prompts = true", 'unique_prompts = true\nprompts = ["One?"]'))
    with pytest.raises(plan.PlanError, match=r"make it \[probes.w\]"):
        plan.load(path)
