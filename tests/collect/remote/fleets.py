"""Plans whose engine, a fast simulator, runs elsewhere."""

import json
from pathlib import Path

from pipeline import plan
from pipeline.collect import night as nights
from tests import plans
from tests.collect.engines.process_watch import wait_until

TARGET = """
[targets.far]
title = "Far"
provider = "p"
model = "m"
model_id = "llama-3.1-8b-instant"
dialect = "openai-chat"
workloads = ["w"]
scenarios = ["s"]
host = "box"
engine = {{ name = "simulator", speaks = "groq", ttft_ms = {ttft_ms}, tok_s = 2000 }}

[hosts.box]
title = "The box"
{host}
"""
SUBPROCESS = 'kind = "subprocess"'


def write(folder, host=SUBPROCESS, ttft_ms=5, **more):
    """A plan with a target `far` on a host `box`."""
    return plans.write(folder, extra=TARGET.format(host=host, ttft_ms=ttft_ms), **more)


def collection(layout, path):
    return nights.Collection(plan.load(path), layout, nights.tonight(), {})


def under_way(traces, requests=3):
    """Wait until a run on the box has finished some requests; the ids of its collector and its engine."""
    found = []

    def has_begun():
        journals = traces.glob("night=*/target=far/.*/journal")
        found[:] = [path for path in journals if path.read_bytes().count(b"finished") >= requests]
        return bool(found)

    wait_until(has_begun)
    engine = json.loads(found[0].with_name("draft.json").read_text())["engine"]["pid"]
    return parent(engine), engine


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
