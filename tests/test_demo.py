"""The main job as its user runs it: its own process, a real engine, Dagster on disk, a browser."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

from pipeline import charts, plan, trace
from pipeline.collect.night import tonight
from pipeline.layout import Layout
from pipeline.query import run
from tests import plans
from tests.browser import opened
from tests.servers import HELLO, serving

ROOT = plan.DEFAULT.parent.parent


def environment(folder, **more):
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return {**kept, "TOKENCLOCK_DATA": str(folder / "data"), "NO_COLOR": "1", **more}


def demo(folder, *arguments, **more):
    """Start `tokenclock demo` from the checkout."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "demo", *arguments],
        cwd=ROOT, env=environment(folder, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The demo, one round of it, on the real embedded engine."""
    folder = tmp_path_factory.mktemp("demo")
    short = folder / "short.toml"
    short.write_text('extends = "default"\n[night]\nrounds = 1\n')
    process = demo(folder, "--json", "--plan", str(short))
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return Layout(folder / "data", folder / "site"), json.loads(out), err


@pytest.mark.engine
def test_the_demo_measures_a_real_model_and_publishes(ran):
    layout, said, progress = ran
    assert said["succeeded"]
    assert said["site"] == str(layout.site / "index.html")
    assert "requests: " in progress
    (single,) = run(layout, "SELECT * FROM latest_night WHERE scenario = 'single'").to_dicts()
    assert (single["requests_sent"], single["success_rate"], single["provenance"]) == (6, 1.0, "measured")
    assert 0 < single["ttft_p50_ms"] < 60_000
    assert 1 < single["output_speed_p50_tok_s"] < 10_000
    texts = run(
        layout, "SELECT request_id, string_agg(content, '' ORDER BY event_index) AS t FROM events GROUP BY ALL"
    )
    assert texts["t"].str.len_chars().min() > 20


@pytest.mark.engine
def test_the_engines_facts_stand_in_the_tables(ran):
    layout, _, _ = ran
    (row,) = run(layout, "SELECT * FROM targets WHERE status = 'recorded'").to_dicts()
    assert (row["engine"], row["precision"]) == ("openvino-genai", "Q4_1")
    assert json.loads(row["engine_facts"])["threads"] >= 1
    skipped = run(layout, "SELECT reason FROM targets WHERE status = 'skipped'")["reason"]
    assert len(skipped) == len(plan.load().targets) - 1
    assert skipped.is_not_null().all()


@pytest.mark.engine
def test_the_first_site_has_the_real_gpu_points_of_the_release_and_they_are_the_readmes(ran):
    layout, _, _ = ran
    query = """
        SELECT release, target, level, ttft_p50_ms, output_speed_p50_tok_s, output_throughput_tok_s,
               joules_per_token
        FROM curve WHERE release IS NOT NULL ORDER BY level, workload DESC"""
    drawn = run(layout, query)
    for section in (ROOT / "data-releases" / "README.md").read_text().split("\n## ")[1:]:
        release, _, text = section.partition("\n")
        of_release = drawn.filter(release=release).drop("release")
        targets = [of_release.filter(target=name).drop("target") for name in of_release["target"].unique()]
        said = text.split("\n| concurrency |")[1:]
        assert len(said) == len(targets) > 0
        for table in said:
            assert sum(_says(table, target) for target in targets) == 1, (release, table)
    failed = run(layout, "SELECT * FROM released_check_results WHERE severity = 'critical' AND NOT passed")
    assert failed.is_empty()
    assert run(layout, "SELECT DISTINCT target FROM summary")["target"].to_list() == ["embedded-smollm2-135m"]
    for chart in ("output_speed_llama_8b", "ttft_llama_8b", "pareto_llama_8b"):
        spec = (layout.charts / f"{chart}.vl.json").read_text()
        for fact in ("H200, transformers serve, random weights", "NVIDIA H200 SXM", "2026-11-24", "16 CPUs"):
            assert fact in spec, (chart, fact)
        for fact in ("H100, vLLM bf16, random weights", "H100, vLLM fp8", "NVIDIA H100 SXM", "2026-11-27"):
            assert fact in spec, (chart, fact)


def _says(table, target):
    """Whether a table of the README, its header cut, has the figures of a target: a row a level."""
    header, _, body = table.partition("\n")
    kept = target if "energy a token" in header else target.drop("joules_per_token")
    found = {}
    for level, *figures in kept.rows():
        found[level] = [*found.get(level, []), *figures]
    rows = re.findall(r"^\| (\d+) \|(.+)\|$", body, re.MULTILINE)
    said = {int(load): [_number(cell) for cell in cells.split("|")] for load, cells in rows}
    assert set(said) >= {1, 2, 4, 8, 16}
    assert set(said) == set(found)
    return all(found[level] == pytest.approx(figures, rel=0.02, abs=0.006) for level, figures in said.items())


def _number(cell):
    return float(re.search(r"[\d.]+", cell.replace(",", ""))[0])


@pytest.mark.engine
def test_no_engine_is_left_behind(ran):
    layout, _, _ = ran
    (manifest, *_) = trace.manifests(layout.traces, tonight())
    with pytest.raises(ProcessLookupError):
        os.kill(manifest.engine["pid"], 0)


@pytest.mark.engine
@pytest.mark.browser
def test_the_demos_site_shows_its_charts_without_errors_or_network(ran):
    layout, _, _ = ran
    page = layout.site / "index.html"
    of_one_night = [one.name for one in charts.on_page() if one.group != "trend"]
    with opened(page.as_uri()) as this:
        for name in of_one_night:
            this.page.locator(f"[data-chart={name}][data-drawn=yes]").wait_for()
        assert "SmolLM2 135M Instruct" in this.page.inner_text("header")
        measured = run(layout, "SELECT count(*) AS n FROM requests WHERE NOT is_warmup")["n"].item()
        assert this.page.locator("#local_ttft [aria-roledescription=point]").count() == measured >= 12
        assert this.errors == []
        assert [url for url in this.requests if not url.startswith(("data:", "blob:"))] == [page.as_uri()]


@contextmanager
def ui(layout):
    """Dagster's UI on a free port, in a session of its own, stopped with everything it started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = layout.data / "ui.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "ui", "--port", str(port)], start_new_session=True,
            cwd=ROOT, env=environment(layout.data.parent), stdout=out, stderr=out,
        )  # fmt: skip
        try:
            yield _answering(f"http://127.0.0.1:{port}", process, log)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _answering(url, process, log):
    for _ in range(600):  # three processes that import everything, on a machine that does other work too
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=5):  # noqa: S310 - loopback
                return url
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


@pytest.mark.engine
@pytest.mark.browser
def test_the_ui_shows_what_the_demo_ran(ran):
    layout, _, _ = ran
    with ui(layout) as url, opened(f"{url}/runs") as this:
        this.page.get_by_text("nightly").first.wait_for()
        this.page.get_by_text("Success").first.wait_for()
        this.page.goto(f"{url}/assets/charts/ttft_llama_8b")
        this.page.get_by_text("[Show Markdown]").click()
        preview = this.page.locator("img[src^='data:image/png']")
        preview.wait_for()
        assert preview.evaluate("image => image.naturalWidth") > 600
        this.page.goto(f"{url}/assets/ttft?view=checks")
        this.page.get_by_text("ttft_is_positive").first.wait_for()
        this.page.get_by_text("Succeeded").first.wait_for()
        this.page.goto(f"{url}/assets/traces/groq_gpt_oss_120b")
        this.page.get_by_text("set GROQ_API_KEY").first.wait_for()


def test_after_interrupted_demos_the_next_one_works_and_nothing_is_corrupted(tmp_path):
    quick = {"P_API_KEY": "k", "TOKENCLOCK_RELEASES": str(tmp_path / "none")}
    slow = [*HELLO[:3], 0.1, *HELLO[3:]]
    with serving(slow) as server:
        path = plans.write(tmp_path, server.url, requests=40, warmup=0)
        sent = [_interrupted(tmp_path, path, server, how, quick) for how in (signal.SIGINT, signal.SIGKILL)]
        plans.write(tmp_path, server.url, requests=5, warmup=0)
        last = demo(tmp_path, "--plan", str(path), **quick)
        out, err = last.communicate(timeout=300)
        assert last.returncode == 0, err + out
    layout = Layout(tmp_path / "data", tmp_path / "site")
    *interrupted, finished = trace.manifests(layout.traces, tonight())
    assert [one.outcome for one in interrupted] == ["interrupted", "interrupted"]
    assert finished.outcome == "finished"
    for one, were_sent in zip(interrupted, sent, strict=True):
        assert one.requests_recorded >= were_sent - 1
    kept = run(layout, "SELECT count(*) AS n FROM requests")["n"].item()
    assert kept == sum(one.requests_recorded for one in interrupted) + 5
    assert (layout.site / "index.html").exists()


def _interrupted(folder, path, server, how, quick):
    """Interrupt a demo after a few of its requests; return how many it had sent."""
    before = len(server.requests)
    process = demo(folder, "--plan", str(path), **quick)
    deadline = time.monotonic() + 120
    while len(server.requests) < before + 4 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode != 0
    sent = len(server.requests) - before
    assert 4 <= sent < 40
    return sent
