"""Real collecting processes: killed at random instants, and on a disk that is really full."""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from pipeline import plan, trace
from pipeline.collect.journal import Finished, records
from pipeline.collect.night import tonight
from tests import plans
from tests.servers import HELLO, serving

ROOT = plan.DEFAULT.parent.parent
COLLECT = [sys.executable, "-m", "pipeline.cli", "collect", "--plan"]

KILLS = 25
CONCURRENCY = 3
SHAPE = {"concurrency": CONCURRENCY, "requests": 6, "warmup": 1}
ANSWER = b"".join(part.split(b"\r\n")[1] for part in HELLO[1:-1])


def collector(layout, path, *options):
    environment = {**os.environ, "P_API_KEY": "k", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*COLLECT, str(path), *options], env=environment, cwd=layout.data.parent,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


COLLECTORS = """
import os, sys
import pipeline.cli, pipeline.collect.night
for line in sys.stdin:
    if (process := os.fork()) == 0:
        os._exit(pipeline.cli.main(["collect", "--quiet", "--plan", line.strip()]))
    print(process, flush=True)
    print(os.waitpid(process, 0)[1], flush=True)
"""
"""Starts one collector a line, and says its id and how it ended. To import takes longer than most of them live."""


@contextmanager
def collectors(layout):
    environment = {**os.environ, "P_API_KEY": "k", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", COLLECTORS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, cwd=layout.data.parent, bufsize=0, **pipes) as parent:
        yield parent


def is_alive(parent):
    """Whether the collector in progress has not ended."""
    return not select.select([parent.stdout], [], [], 0)[0]


def bodies(requests):
    return [request.partition(b"\r\n\r\n")[2] for request in requests]


def wait_until_asked(server, parent, count):
    """Wait for the `count`-th request; the collector may end before."""
    while len(server.requests) < count and is_alive(parent):
        time.sleep(0.001)


def journalled(traces):
    """Ids of requests in journals that no one has sealed."""
    found = [records(path) for path in traces.glob("night=*/target=*/.*/journal")]
    return {one.request["request_id"] for journal in found for one in journal if isinstance(one, Finished)}


def test_kills_at_random_instants_lose_the_requests_in_flight_and_no_other(layout, tmp_path):
    instants = random.Random(20261124)
    kept = set()
    with serving([HELLO[0], 0.004, *HELLO[1:3], 0.004, *HELLO[3:]]) as server:
        path = plans.write(tmp_path, server.url, rounds=1000, **SHAPE)
        with collectors(layout) as parent:
            for _ in range(KILLS):
                parent.stdin.write(f"{path}\n".encode())
                process = int(parent.stdout.readline())
                wait_until_asked(server, parent, len(server.requests) + instants.randint(1, 20))
                time.sleep(instants.uniform(0, 0.02))
                assert is_alive(parent)
                os.kill(process, signal.SIGKILL)
                assert int(parent.stdout.readline()) == signal.SIGKILL
                kept |= journalled(layout.traces)
        again = collector(layout, plans.write(tmp_path, server.url, **SHAPE))
        _, told = again.communicate()
        assert again.returncode == 0, told
    seen, answered = bodies(server.requests), bodies(server.answered)
    closed = trace.manifests(layout.traces, tonight())
    requests, reads = trace.load(layout.traces, tonight())
    recorded = requests["request_body"].to_list()

    assert len(kept) > KILLS
    assert kept <= set(requests["request_id"])
    assert requests["request_id"].is_unique().all()
    assert len(set(recorded)) == len(recorded)
    assert set(recorded) <= set(seen)
    lost = sum(one.requests_lost for one in closed)
    assert len(set(answered) - set(recorded)) <= len(set(seen) - set(recorded)) <= lost

    by_run = dict(requests["run_id"].value_counts().iter_rows())
    for one in closed:
        assert one.requests_recorded == by_run.get(one.run_id, 0)
        assert one.requests_lost <= (CONCURRENCY if one.outcome == "interrupted" else 0)
        assert (f"{one.requests_lost} requests in flight were lost" in (one.error or "")) == (one.requests_lost > 0)
        planned = one.requests_planned + one.warmup_planned
        assert one.requests_recorded + one.requests_lost <= planned
        assert one.requests_recorded == planned or one.outcome == "interrupted"
    assert {"interrupted", "finished"} == {one.outcome for one in closed}

    whole = reads.group_by("request_id", maintain_order=True).agg("payload")["payload"]
    assert {b"".join(payloads) for payloads in whole} == {ANSWER}
    assert set(requests["outcome"]) == {"ended"}
    assert [path.name for path in layout.traces.rglob(".*")] == [".collecting"]


def small_disk(folder, size):
    """A command line that runs a shell script in a namespace where `folder` is a small disk; None where refused."""
    if shutil.which("unshare") is None:
        return None
    mount = f'mount -t tmpfs -o size={size} none "{folder}" && '
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    allowed = subprocess.run([*command, mount + "true"], capture_output=True, check=False).returncode == 0
    return lambda script: [*command, mount + script] if allowed else None


FILLED = """
set +e
head -c {filler} /dev/zero > "$TOKENCLOCK_DATA/filler"
{collect}
echo "ended with $?" >&2
rm "$TOKENCLOCK_DATA/filler"
{collect} --json
ended=$?
cp -r "$TOKENCLOCK_DATA" "{out}"
exit $ended
"""


def test_a_full_disk_ends_the_collection_with_its_cure_and_keeps_every_finished_request(layout, tmp_path):
    layout.data.mkdir()
    disk = small_disk(layout.data, "16m")
    long = b"x" * 200_000
    answer = [HELLO[0], b"%x\r\ndata: %s\n\n\r\n" % (len(long) + 8, long), *HELLO[1:]]
    collect = f'"{sys.executable}" -m pipeline.cli collect --quiet --plan "{tmp_path}/plan.toml"'
    script = FILLED.format(filler=6 * 2**20, collect=collect, out=tmp_path / "out")
    if disk is None or (command := disk(script)) is None:
        pytest.skip("no small disk can be mounted here")
    with serving(answer) as server:
        plans.write(tmp_path, server.url, concurrency=2, requests=40, warmup=0)
        environment = {**os.environ, "P_API_KEY": "k", "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        sent = len(server.requests)
    assert ended.returncode == 0, ended.stderr
    assert "finished requests are kept there. Cure: make room on that disk" in ended.stderr
    assert "ended with 1" in ended.stderr
    first, second = trace.manifests(tmp_path / "out" / "traces", tonight())
    assert (first.outcome, second.outcome) == ("interrupted", "finished")
    assert "the disk took no more (No space left on device)" in first.error
    assert sent - 40 - first.requests_recorded == first.requests_lost <= 1
    requests, _ = trace.load(tmp_path / "out" / "traces", tonight())
    assert requests.height == first.requests_recorded + 40
