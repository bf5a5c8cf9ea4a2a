"""A collector that is killed leaves no process of any engine, however little the engine's own program cares.

Each engine is started as its file says; in the place of its program stands `stand_in`, the worst of them all.
"""

import json
import os
import subprocess
import sys

import pytest

from pipeline.collect import engines
from pipeline.collect.engines import _child
from tests.collect.engines import stand_in
from tests.collect.engines.process_watch import is_gone, wait_until

COLLECTOR = """
import asyncio, json, sys
from contextlib import AsyncExitStack
from pathlib import Path
from pipeline.collect import engines
async def main(folder, tables):
    async with AsyncExitStack() as stack:
        started = [engines.running(name, table, folder / f"{name}.log") for name, table in tables.items()]
        ready = await asyncio.gather(*map(stack.enter_async_context, started))
        print(json.dumps({one.facts.name: one._process.process.pid for one in ready}), flush=True)
        await asyncio.Event().wait()
asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
"""
REAL = {"simulator": {"speaks": "groq"}}
ELSEWHERE = {"openvino-genai"}  # takes seconds to load; test_openvino_ends.py kills its parent


@pytest.fixture
def tables(tmp_path):
    """The table of each engine, with a program that ignores the polite signal."""
    found = stand_in.tables(tmp_path, set(engines.names()) - set(REAL) - ELSEWHERE)
    return {name: table | {"stop_timeout_s": 0.2} for name, table in (found | REAL).items()}


def test_a_killed_collector_leaves_no_process_of_any_engine(tmp_path, tables):
    words = [sys.executable, "-c", COLLECTOR, str(tmp_path), json.dumps(tables)]
    environment = {**os.environ, "PYTHONPATH": str(_child.IMPORT_ROOT)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) as collector:
        started = json.loads(collector.stdout.readline())
        assert set(started) == set(tables)
        said = [(tmp_path / f"{name}.log").read_text().split() for name in set(tables) - set(REAL)]
        pids = [*started.values(), *(int(pid) for words in said for pid in words[1:3])]
        assert len(set(pids)) == 3 * len(said) + len(REAL)
        assert not any(map(is_gone, pids))
        collector.kill()
    wait_until(lambda: all(map(is_gone, pids)))
