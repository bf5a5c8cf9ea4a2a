"""The night of `make demo-providers`, cut short: every provider once, recorded, built, checked, published."""

import json
import re

import pytest

from pipeline import charts, cli, plan, trace, warehouse
from pipeline.collect.night import tonight
from pipeline.collect.truth import providers
from pipeline.decode.status import WITH_METRICS
from pipeline.layout import Layout
from pipeline.query import run

PLAN = plan.DEFAULT.parent.parent / "plans" / "providers-demo.toml"
FASTER = 5
IMPOSTOR = "impostor-llama-3-3-70b"


def short(folder):
    """The plan with two requests a target, at a fifth of the time."""
    text = PLAN.read_text()
    text = re.sub(r"ttft_ms = (\d+)", lambda found: f"ttft_ms = {int(found[1]) / FASTER:g}", text)
    text = re.sub(r"tok_s = (\d+)", lambda found: f"tok_s = {int(found[1]) * FASTER}", text)
    text = re.sub(r"requests_per_minute = \d+", "requests_per_minute = 60", text)
    text = text.replace("output_tokens = 24", "output_tokens = 14")
    for key, value in {"requests": 2, "warmup_requests": 0, "rounds": 1, "calibration_tokens": 0}.items():
        text = re.sub(rf"^{key} = \d+", f"{key} = {value}", text, flags=re.MULTILINE)
    path = folder / "short.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("providers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TOKENCLOCK_DATA", str(folder / "data"))
        patch.setenv("TOKENCLOCK_SITE", str(folder / "site"))
        patch.setenv("TOKENCLOCK_RELEASES", str(folder / "none"))
        assert (
            cli.main(["collect", "--quiet", "--plan", str(short(folder))]) == 1
        )  # an id has ended, and is told so
        assert cli.main(["build", "--quiet"]) == 0
        assert cli.main(["publish", "--quiet"]) == 0
    return Layout(folder / "data", folder / "site")


def asked(layout, query):
    return run(layout, query).to_dicts()


def test_the_plan_has_every_provider_and_nothing_that_could_be_taken_for_measured():
    this = plan.load(PLAN)
    assert {one.engine["speaks"] for one in this.targets.values()} == set(providers.names())
    assert all(one.provenance == "simulated" and one.title.endswith("(simulated)") for one in this.targets.values())
    assert all(one.title.endswith("(simulated)") and one.base_url is None for one in this.providers.values())
    for family in ("llama-8b", "llama-70b"):
        models = {name for name, model in this.models.items() if model.family == family}
        assert len({one.provider for one in this.targets.values() if one.model in models}) >= 8
    assert [name for name, one in this.targets.items() if one.engine.get("serves") == "llama-3-2-3b"] == [IMPOSTOR]
    assert sum(plan.estimate(this, name, tonight(), {}).usd or 0 for name in this.targets) == 0


def test_the_night_is_published_and_every_request_ended_as_its_provider_was_told_to_end_it(published):
    this = plan.load(PLAN)
    rows = asked(
        published, "SELECT target, provider, status, http_status, dialect, model_id, provenance FROM requests"
    )
    assert {row["provenance"] for row in rows} == {"simulated"}
    assert {row["target"] for row in rows} == set(this.targets)
    for row in rows:
        simulated = this.targets[row["target"]].engine
        if row["model_id"] in providers.find(simulated["speaks"]).retired:
            assert (row["status"], row["http_status"]) == ("http_error", 400)
        elif row["status"] == "in_band_error":
            assert simulated["error_share"] > 0, row
        else:
            assert row["status"] in WITH_METRICS, row


def test_an_id_that_has_ended_is_asked_for_once_and_tells_why_in_the_providers_words(published):
    (row,) = asked(published, "SELECT status, reason FROM targets WHERE target = 'groq-retired'")
    assert row["status"] == "failed"
    assert row["reason"].startswith(
        'HTTP 400: {"error":{"message":"The model `llama3-70b-8192` has been decommissioned'
    )
    assert "model_decommissioned" in row["reason"]
    assert asked(published, "SELECT count(*) AS n FROM requests WHERE target = 'groq-retired'") == [{"n": 1}]
    assert row["reason"].split(" – ")[0].replace('"', "&#34;") in (published.site / "index.html").read_text()


def test_usage_agrees_with_the_text_and_the_model_is_the_one_asked_for(published):
    rows = asked(
        published,
        """
        SELECT r.request_id, r.provider, r.model_id, r.model_echoed, r.prompt_tokens, r.tokens_reported,
               r.token_source, r.is_warmup,
               len(string_split(string_agg(e.content, '' ORDER BY e.event_index), ' ')) - 1 AS words
        FROM requests AS r JOIN events AS e USING (request_id) WHERE r.has_metrics GROUP BY ALL
        """,
    )
    assert {row["provider"] for row in rows} == {*providers.names(), "impostor"}
    for row in rows:
        assert row["tokens_reported"] == row["words"] <= 48
        assert row["prompt_tokens"] > (20 if row["is_warmup"] else 60)
        assert row["token_source"] == "reported"
        assert row["model_echoed"] == row["model_id"]


def test_the_one_that_serves_something_else_stands_apart_and_nobody_else(published):
    found = asked(published, "SELECT target, model, others, verdict FROM identity_by_target")
    assert [row["target"] for row in found if row["verdict"] != "agrees"] == [IMPOSTOR]
    assert {row["model"]: row["others"] for row in found} == {
        "llama-3-1-8b-instruct": 9, "llama-3-3-70b-instruct": 10,
    }  # fmt: skip
    (check,) = asked(published, "SELECT * FROM check_results WHERE check_name = 'claims_are_kept'")
    assert (check["passed"], check["severity"], check["unexpected_count"]) == (False, "warning", 1)
    page = (published.site / "index.html").read_text()
    section = page.partition('id="identity"')[2].partition("</table>")[0]
    assert section.count("stands apart</span>") == 1
    assert "stands apart</span>" in section[section.index("An impostor (simulated)") :].partition("</tr>")[0]


def test_servers_own_times_and_limits_are_read_where_the_provider_has_them(published):
    timed = {row["provider"] for row in asked(published, "SELECT DISTINCT provider FROM server_timings")}
    assert {"groq", "cerebras", "sambanova", "fireworks"} <= timed
    contradicted = "SELECT * FROM server_timings WHERE is_ttft_below_server OR is_end_below_server"
    assert asked(published, contradicted) == []
    limited = {row["target"] for row in asked(published, "SELECT DISTINCT target FROM limits")}
    for name in ("groq", "cerebras", "sambanova", "together", "fireworks"):
        assert f"{name}-llama-3-1-8b" in limited
    assert "anthropic-haiku" in limited


def test_simulated_targets_are_hosted_and_their_manifests_say_what_was_simulated(published):
    manifests = trace.manifests(published.traces, tonight())
    assert {one.target.name for one in manifests if one.outcome != "finished"} == {"groq-retired"}
    for one in manifests:
        if one.outcome == "refused" and one.requests_recorded == 0:
            continue
        assert (one.target.kind, one.target.provenance, one.target.engine) == ("hosted", "simulated", "simulator")
        assert one.engine["details"]["speaks"] == ("nebius" if one.target.name == IMPOSTOR else one.target.provider)


def test_no_chart_draws_a_simulated_figure_like_a_measured_one(published):
    with warehouse.connect(published) as con:
        specs = {one.name: charts.specification(one, con) for one in charts.charts()}
    for name, spec in specs.items():
        holding = [panel for panel in spec.get("vconcat", [spec]) if "(simulated)" in rows_of(spec, panel)]
        titles = [panel["title"]["text"] for panel in holding]
        assert len(titles) == name.startswith(("output_speed_llama", "ttft_llama")), name
        assert all(title.startswith("SIMULATED, not measured") for title in titles)


def rows_of(spec, panel):
    """What a panel shows, as text."""
    names = re.findall(r'"data": {"name": "([^"]+)"', json.dumps(panel))
    return json.dumps([spec["datasets"][name] for name in names])


def test_the_page_says_at_its_top_and_beside_every_figure_that_it_is_simulated(published):
    page = (published.site / "index.html").read_text()
    top, _, rest = page.partition("</header>")
    assert "Simulated: " in top
    assert "say nothing of any provider" in top
    figures = rest.partition('id="table"')[2].partition("</table>")[0]
    rows = [row for row in figures.split("<tr>") if "<td" in row]
    assert len(rows) >= 2 * 10
    assert all('<span class="bad">simulated</span>' in row for row in rows)
