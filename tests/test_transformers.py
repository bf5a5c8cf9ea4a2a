"""A real engine in each place where one may run: `transformers serve`, on the processor, with a tiny random Llama.

Runs where `TOKENCLOCK_TRANSFORMERS` names a Python that has it; `make engines-check` makes one and comes here.
"""

import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipeline import assets, cli, plan, progress, trace
from pipeline.collect import fleet, random_llama
from pipeline.collect.night import tonight
from pipeline.instance import prepare
from tests import plans
from tests.collect.engines.process_watch import is_gone, wait_until
from tests.collect.remote import fleets, ssh

PYTHON = os.environ.get("TOKENCLOCK_TRANSFORMERS")
if PYTHON is None:
    pytest.skip(
        "TOKENCLOCK_TRANSFORMERS names no Python that has `transformers serve`; `make engines-check` makes one",
        allow_module_level=True,
    )

ROOT = plan.DEFAULT.parent.parent
TOKENS = 31
TARGET = """
[targets.tiny]
title = "Tiny Llama, random weights"
provider = "local"
model = "m"
model_id = "{model.name}"
dialect = "openai-chat"
workloads = ["w"]
scenarios = ["s"]
{host}

[targets.tiny.engine]
name = "transformers-serve"
python = "{python}"
model = "{model}"
device = "cpu"
dtype = "float32"
kv_blocks = 64
block_tokens = 64
batch_tokens = 256
start_timeout_s = 300
{engine}

[providers.local]
title = "This machine"
may_publish = true
"""
FIND = "import importlib.util as u; print(*u.find_spec('llama_models').submodule_search_locations)"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A checkpoint of 16 million random weights, with Llama 3's tokenizer."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    found = subprocess.run([PYTHON, "-c", FIND], capture_output=True, text=True, check=True, cwd="/").stdout.strip()
    random_llama.write(folder, "tiny", 0, Path(found) / "llama3" / "tokenizer.model")
    return folder


@pytest.fixture
def written(layout, tmp_path, model):
    """Write a plan of one target: four answers of 31 tokens, two at a time."""

    def write(host="", engine="", hosts="", at=model, **more):
        target = TARGET.format(model=at, python=PYTHON, host=host, engine=engine) + hosts
        values = {"requests": 4, "warmup": 1, "concurrency": 2, "timeout_s": 120.0, "calibration_tokens": 100}
        return plans.write(tmp_path, extra=target, **{**values, **more})

    return write


@pytest.fixture
def figures(layout, capsys):
    """Build the tables, see that all came, and tell the figures of a way."""
    begun = time.monotonic()

    def tell(way, recorder):
        wall_s = time.monotonic() - begun
        (run,) = trace.manifests(layout.traces, tonight())
        assert (run.outcome, run.target.provenance, run.host["recorder"]) == ("finished", "measured", recorder)
        assert (run.engine["version"], run.engine["details"]["weights"]) == ("5.17.0", "random")
        assert run.engine["details"]["torch"].startswith("2.13.0")
        assert cli.main(["build", "--quiet"]) == 0
        rows = pl.read_parquet(layout.table("requests", tonight())).filter(~pl.col("is_warmup"))
        assert rows["status"].to_list() == ["length"] * 4
        assert rows["tokens_reported"].to_list() == [TOKENS] * 4
        assert rows["has_metrics"].all()
        ttft = pl.read_parquet(layout.table("ttft", tonight()))["ttft_ms"].median()
        (tok_s,) = pl.read_parquet(layout.table("throughput", tonight()))["output_throughput_tok_s"]
        log = layout.traces / f"night={tonight()}" / "target=tiny" / "engine.r01.log"
        assert "Uvicorn running on" in log.read_text()
        with capsys.disabled():
            sys.stdout.write(
                f"\n  {way}: {wall_s:.1f} s with the engine's start; 4 answers, {4 * TOKENS} tokens; "
                f"TTFT {ttft:.0f} ms, throughput {tok_s:.0f} tok/s\n"
            )

    return tell


def engines_of(*ancestors):
    """Processes that serve a model and come from these, over any number of others; not those that guard them."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = fleets.parent(entry.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = set(ancestors)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    serving = {pid: words_of(pid) for pid in found - set(ancestors)}
    return {pid for pid, words in serving.items() if b"transformers.cli" in words and b"_guard.py" not in words}


def words_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_in_this_process_and_on_to_the_site(layout, written, figures, monkeypatch):
    path = written()
    monkeypatch.setenv("TOKENCLOCK_PLAN", str(path))
    fleet.collect(fleets.collection(layout, path), ["tiny"])
    figures("in process", "here")
    assert cli.main(["publish", "--quiet"]) == 0
    assert "Tiny Llama, random weights" in (layout.site / "index.html").read_text()
    assert engines_of(os.getpid()) == set()


@pytest.fixture(params=["subprocess", "ssh"])
def host(request, tmp_path):
    """The stanza of a host of each kind."""
    if request.param == "subprocess":
        yield "subprocess", fleets.SUBPROCESS
    else:
        (tmp_path / "sshd").mkdir()
        with ssh.serving(tmp_path / "sshd") as server:
            yield "ssh", server.host(sys.executable, tmp_path / "there")


def test_on_a_host_through_dagster_pipes(layout, written, figures, host):
    kind, stanza = host
    path = written('host = "box"', hosts=f'\n[hosts.box]\ntitle = "The box"\n{stanza}\n')
    prepare(layout)
    with dg.DagsterInstance.get() as instance:
        result = dg.materialize(
            [assets.traces(plan.load(path), "box")], instance=instance, partition_key=str(tonight())
        )
        said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    (made,) = result.get_asset_materialization_events()
    assert made.materialization.metadata["dagster/row_count"].value == 5
    assert [one for one in said if "tiny, s, round 1" in one]
    figures(f"{kind}, through Dagster Pipes", "box")


def test_from_a_bundle_with_its_wheels_by_a_bare_python(layout, written, figures, tmp_path):
    bundle = tmp_path / "vault.tar"
    assert cli.main(["bundle", str(bundle), "--quiet", "--plan", str(written()), "--target", "tiny"]) == 0
    with tarfile.open(bundle) as tar:
        tar.extractall(tmp_path / "room", filter="data")
    bare = [sys._base_executable, "-I", tmp_path / "room" / "vault" / "collect.py"]
    done = subprocess.run(
        bare, cwd="/", env={"PATH": "/nowhere", "LANG": "C.UTF-8"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    layout.inbox.mkdir(parents=True)
    Path(done.stdout.strip()).rename(layout.inbox / "result-vault.tar")
    assert cli.main(["ingest", "--quiet"]) == 0
    figures("bundle, bare Python, inbox", "vault")


def test_an_engine_killed_in_the_middle_fails_its_run_and_leaves_nothing(layout, written):
    killed = set()

    def kill_the_engine(step):
        if step.done >= 3 and not killed:
            killed.update(engines_of(os.getpid()))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    with progress.listening(kill_the_engine):
        (run,) = fleet.collect(fleets.collection(layout, written(requests=200, calibration_tokens=0)), ["tiny"])
    assert killed
    assert run.outcome == "failed"
    assert "engine transformers-serve: ended with signal 9" in run.error
    assert all(is_gone(pid) for pid in killed)


def test_a_collector_that_is_killed_leaves_no_engine(layout, written, tmp_path):
    path = written(requests=200, calibration_tokens=0)
    words = [sys.executable, "-m", "pipeline.cli", "collect", "--quiet", "--target", "tiny", "--plan", str(path)]
    with subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path) as collector:
        wait_until(lambda: journals_with_an_answer(layout), at_most_s=300)
        engines = engines_of(collector.pid)
        collector.kill()
    assert engines
    wait_until(lambda: all(is_gone(pid) for pid in engines))


def journals_with_an_answer(layout):
    found = layout.traces.glob("night=*/target=tiny/.*/journal")
    return [path for path in found if b"finished" in path.read_bytes()]


def test_an_engine_that_hangs_in_its_shutdown_is_killed(layout, written):
    stopped = set()

    def stop_the_engine(step):
        if step.done == step.total and not stopped:
            stopped.update(engines_of(os.getpid()))
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)  # takes no polite signal any more

    path = written(engine="stop_timeout_s = 0.5", calibration_tokens=0)
    with progress.listening(stop_the_engine):
        (run,) = fleet.collect(fleets.collection(layout, path), ["tiny"])
    assert stopped
    assert run.outcome == "finished"
    assert all(is_gone(pid) for pid in stopped)


def test_an_engine_that_breaks_down_at_its_start_is_told_with_its_last_words_and_the_cure(
    layout, written, model, tmp_path
):
    broken = tmp_path / "broken-llama"
    broken.mkdir()
    (broken / "config.json").write_bytes((model / "config.json").read_bytes())
    path = written(at=broken, calibration_tokens=0)
    (run,) = fleet.collect(fleets.collection(layout, path), ["tiny"])
    assert run.outcome == "failed"
    assert "engine.r01.log" in run.error
    assert "broken-llama" in run.error
    assert "Cure: " in run.error
    assert engines_of(os.getpid()) == set()
