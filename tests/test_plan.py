from datetime import date

import pytest

from pipeline import plan
from pipeline.collect import facts
from pipeline.plan import PlanError
from tests import plans

NIGHT = date(2026, 11, 24)
HOSTED = {
    "groq", "cerebras", "sambanova", "together", "fireworks", "deepinfra", "openrouter", "hyperbolic", "nebius",
    "novita", "nvidia",
}  # fmt: skip
KEYS = {f"{name.upper()}_API_KEY" for name in HOSTED}


def refusal(path):
    with pytest.raises(PlanError) as caught:
        plan.load(path)
    return str(caught.value)


def test_the_plan_of_the_package_holds_both_families_and_every_hosted_provider():
    this = plan.load()
    assert {"llama-8b", "llama-70b"} <= set(this.families)
    hosted = {target.provider for target in this.targets.values() if target.engine is None}
    assert hosted == HOSTED
    assert not any(this.providers[name].may_publish for name in hosted)
    assert {this.providers[name].key_env for name in hosted} == KEYS


def test_only_local_targets_run_without_keys():
    this = plan.load()
    assert plan.enabled(this, NIGHT, {}) == ["embedded-smollm2-135m"]


@pytest.mark.parametrize("provider", ["groq", "cerebras", "sambanova", "together"])
def test_a_key_enables_its_provider_and_no_other(provider):
    this = plan.load()
    enabled = plan.enabled(this, NIGHT, {f"{provider.upper()}_API_KEY": "k"})
    assert {this.targets[name].provider for name in enabled} == {"local", provider}


def test_a_retired_model_id_is_skipped_with_the_date_even_with_a_key():
    this = plan.load()
    reason = plan.skip_reason(this, "groq-llama-3-1-8b", NIGHT, {"GROQ_API_KEY": "k"})
    assert "llama-3.1-8b-instant ended on 2026-08-16" in reason
    assert plan.skip_reason(this, "groq-llama-3-1-8b", date(2026, 8, 16), {"GROQ_API_KEY": "k"}) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("requests = 2", "reqests = 2", ["[scenarios.s]", "reqests", "did you mean `requests`"]),
        ("concurrency = 1\n", "", ["[scenarios.s]", "concurrency"]),
        ("concurrency = 1", "concurrency = 0", ["[scenarios.s]", ">= 1"]),
        ('family = "f"', 'family = "g"', ["[models.m]", "family names `g`"]),
        ('provider = "p"', 'provider = "q"', ["[targets.t]", "provider names `q`"]),
        ("[families.f]", "[familys.f]", ["[familys] is unknown", "did you mean `families`"]),
        ('base_url = "http://x"\n', "", ["[targets.t]", "nowhere to send requests"]),
        ("rounds = 1", 'rounds = "one"', ["[night]", "int"]),
        ("[night]", "[night", ["not TOML"]),
        ('kind = "closed"', 'kind = "open"', ["[scenarios.s]", "kind"]),
    ],
)
def test_a_wrong_plan_names_file_stanza_and_cure(tmp_path, old, new, said):
    path = plans.write(tmp_path, url="http://x")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    message = refusal(path)
    for part in [str(path), *said]:
        assert part in message


def test_a_missing_file_is_named(tmp_path):
    assert "no such plan" in refusal(tmp_path / "none.toml")


def test_a_plan_of_ones_own_replaces_the_default(tmp_path):
    assert list(plan.load(plans.write(tmp_path)).targets) == ["t"]


def test_a_plan_of_ones_own_can_extend_the_default(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "default"\n[night]\nrounds = 7\n[families.mine]\ntitle = "Mine"\n')
    monkeypatch.setenv("TOKENCLOCK_PLAN", str(path))
    this = plan.load()
    assert (this.night.rounds, this.night.cron) == (7, plan.load(plan.DEFAULT).night.cron)
    assert {"mine", "llama-8b"} <= set(this.families)


def test_a_changed_plan_has_another_hash(tmp_path):
    one = plan.load(plans.write(tmp_path)).sha256
    assert plan.load(plans.write(tmp_path, rounds=2)).sha256 != one


def test_runs_are_the_product_and_their_names_are_unique():
    this = plan.load()
    runs = plan.runs(this, NIGHT, list(this.targets), [1, 2])
    assert len({run.id for run in runs}) == len(runs)
    measuring = [run for run in runs if run.workload not in this.probes]
    assert len(measuring) == 2 * sum(len(t.workloads) * len(t.scenarios) for t in this.targets.values())
    assert [run.target for run in runs if run.workload == "identity"] == list(this.targets)


def test_an_estimate_counts_warm_up_and_uses_the_price(tmp_path):
    this = plan.load(plans.write(tmp_path, rounds=3, requests=10, warmup=2))
    one = plan.estimate(this, "t", NIGHT, {"P_API_KEY": "k"})
    assert (one.requests, one.output_tokens) == (36, 36 * 31)
    assert one.usd == pytest.approx((one.input_tokens * 1 + one.output_tokens * 2) / 1e6)


def test_without_a_price_there_is_no_estimate_and_no_run(tmp_path):
    path = plans.write(tmp_path)
    path.write_text(path.read_text().replace("valid_from = 2026-01-01", "valid_from = 2027-01-01"))
    this = plan.load(path)
    assert plan.estimate(this, "t", NIGHT, {}).usd is None
    assert "--allow-unpriced" in plan.skip_reason(this, "t", NIGHT, {"P_API_KEY": "k"})
    assert plan.skip_reason(this, "t", NIGHT, {"P_API_KEY": "k", plan.ALLOW_UNPRICED: "1"}) is None


def test_of_several_prices_the_one_that_began_last_holds(tmp_path):
    path = plans.write(tmp_path)
    later = (
        "  { valid_from = 2026-11-20, usd_per_million_input = 5, usd_per_million_output = 9, source = 's' },\n]\n"
    )
    path.write_text(path.read_text().replace('"made up" },\n]\n', '"made up" },\n' + later))
    target = plan.load(path).targets["t"]
    days = [date(2025, 12, 31), date(2026, 11, 19), date(2026, 11, 20)]
    found = [plan.price(target, day) for day in days]
    assert [one and one.usd_per_million_input for one in found] == [None, 1.0, 5.0]


def test_the_rent_of_a_target_is_that_of_all_its_gpus_on_that_night(tmp_path):
    rents = """
rents = [
  { valid_from = 2026-01-01, usd_per_gpu_hour = 2.5, gpus = 4, source = "a cloud" },
  { valid_from = 2026-11-20, usd_per_gpu_hour = 2.0, source = "another" },
]
"""
    this = plan.load(plans.write(tmp_path, extra=rents))
    days = [date(2025, 12, 31), date(2026, 11, 19), date(2026, 11, 20)]
    known = [facts.target(this, "t", day, None) for day in days]
    assert [(one.usd_per_hour, one.rent_source) for one in known] == [
        (None, None), (10.0, "a cloud"), (2.0, "another")
    ]  # fmt: skip


def test_an_address_with_a_secret_is_refused(tmp_path):
    for url in ("http://me:hunter2@127.0.0.1/v1", "http://127.0.0.1/v1?key=hunter2"):
        message = refusal(plans.write(tmp_path, url))
        assert "key_env" in message
        assert "hunter2" not in message


def test_a_load_beyond_the_endpoints_concurrency_is_refused(tmp_path):
    path = plans.write(tmp_path, concurrency=5, extra="limits = { concurrency = 4 }\n")
    assert "has up to 5 requests in flight and the limit is concurrency = 4" in refusal(path)


SWEEP = """
[scenarios.steps]
title = "Steps"
kind = "sweep"
concurrencies = [1, 4]
requests_per_stream = 3
requests_at_least = 5
warmup_per_stream = 1
timeout_s = 5.0
"""


def test_a_sweep_is_a_closed_loop_at_each_of_its_levels(tmp_path):
    path = plans.write(tmp_path, extra=SWEEP)
    path.write_text(path.read_text().replace('scenarios = ["s"]', 'scenarios = ["s", "steps"]'))
    this = plan.load(path)
    assert this.targets["t"].scenarios == ["s", "steps-1", "steps-4"]
    four = this.scenarios["steps-4"]
    assert this.scenarios["steps-1"].requests == 5
    assert (four.concurrency, four.requests, four.warmup_requests, four.sweep) == (4, 12, 4, "steps")
    assert [run.scenario for run in plan.runs(this, NIGHT, ["t"], [1])] == ["s", "steps-1", "steps-4"]


def test_a_sweeps_level_cannot_take_another_scenarios_name(tmp_path):
    path = plans.write(tmp_path, extra=SWEEP)
    path.write_text(
        path.read_text().replace("[scenarios.s]", "[scenarios.steps-4]").replace('["s"]', '["steps-4"]')
    )
    assert "bears the name of a sweep's level" in refusal(path)


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ('kind = "spiral"', "Invalid value 'spiral'"),
        ('kind = "open"\nrate_req_s = 2.0\narrivals = "poisson"', "missing required field `max_in_flight`"),
        ('kind = "open"\nrate_req = 2.0', "did you mean `rate_req_s`?"),
        ('kind = "open"\nrate_req_s = 0\narrivals = "poisson"\nmax_in_flight = 3', "Expected `float` > 0.0"),
        ('kind = "open"\nrate_req_s = 1.0\narrivals = "bursty"\nmax_in_flight = 3', "Invalid enum value 'bursty'"),
    ],
)
def test_a_load_that_cannot_be_made_is_refused_with_stanza_and_cure(load, said, tmp_path):
    message = refusal(plans.write(tmp_path, load=load))
    assert "[scenarios.s]" in message
    assert said in message


ENGINE = 'engine = { name = "simulator", speaks = "groq" }\n'


@pytest.mark.parametrize(
    ("host", "target", "said"),
    [
        ("", 'host = "gpu"\n' + ENGINE, ["[targets.u]", "host names `gpu`"]),
        ('[hosts.gpu]\ntitle = "G"\nkind = "ssh"\n', ENGINE, ["[hosts.gpu]", "address"]),
        ('[hosts.gpu]\ntitle = "G"\nkind = "ssh"\naddress = "-oProxyCommand=x"\n', ENGINE, ["[hosts.gpu]"]),
        ('[hosts.gpu]\ntitle = "G"\nkind = "shh"\n', ENGINE, ["[hosts.gpu]", "shh"]),
        ('[hosts.gpu]\ntitle = "G"\nkind = "subprocess"\npyhton = "x"\n', ENGINE, ["did you mean `python`"]),
        ('[hosts.gpu]\ntitle = "G"\nkind = "subprocess"\n', 'host = "gpu"\n', ["[targets.u]", "for engines"]),
    ],
)
def test_a_host_is_read_strictly_and_only_engines_have_one(tmp_path, host, target, said):
    path = plans.write(tmp_path, extra=host + "[targets.u]" + plans.TARGET + target)
    message = refusal(path)
    for words in said:
        assert words in message
