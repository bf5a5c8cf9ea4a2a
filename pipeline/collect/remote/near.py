"""The near side of a collection elsewhere: starts it, gives the order, and returns what came of it."""

import shlex
import sys
from contextlib import nullcontext
from pathlib import Path

from pipeline import trace
from pipeline.collect import night as nights
from pipeline.collect.remote import code, wire
from pipeline.collect.remote.ears import Ears, nobody
from pipeline.collect.remote.line import Line
from pipeline.plan import Host, Ssh
from pipeline.progress import Step, tell

SILENCE_S = 60.0
"""So long without a sign of life, and the far side takes the line for cut: six beats of `line.BEAT_S`."""
SSH = (
    "-oBatchMode=yes",  # nobody is there to answer a question
    "-oServerAliveInterval=15",
    "-oServerAliveCountMax=4",
    "-oControlPath=none",  # a connection of our own, which ends with us
    "-oClearAllForwardings=yes",
)
"""Options of ssh that go without saying; those of the plan come before them and win."""


def command(host: Host, folder: Path) -> list[str]:
    """The words that start the far side; `folder` is where a subprocess works."""
    program = ["-c", code.bootstrap()]
    if not isinstance(host, Ssh):
        return [host.python or sys.executable, *program, str(folder), ",".join(code.REQUIRES)]
    words = [host.python, *program, host.folder, ",".join(code.REQUIRES)]
    return ["ssh", "-T", *host.options, *SSH, host.address, "exec " + " ".join(map(_quoted, words))]


def _quoted(word: str) -> str:
    """A word for the shell there, which is to know `~/` all the same."""
    return f'"$HOME"/{shlex.quote(word[2:])}' if word.startswith("~/") else shlex.quote(word)


def collect(
    this: nights.Collection, name: str, targets: list[str], ears: Ears | None = None
) -> list[trace.Manifest]:
    """Record the runs that are due for targets of one host, and return their manifests.

    Raises as `night.collect` does, and `FarError` where the far side fails; what has come home until then is kept.
    """
    nights.refuse(this, targets)
    host, traces = this.plan.hosts[name], this.layout.traces
    traces.mkdir(parents=True, exist_ok=True)
    with nullcontext() if isinstance(host, Ssh) else nights.alone(traces, this.wait_s):
        nights.take_census(this)
        tell(Step("requests", 0, 1, f"starting on {host.title}"))
        line = Line(this, name, ears or nobody(targets))
        with line.open(command(host, this.layout.data / "hosts" / name), _order(this, name, targets, line.ears)):
            line.hear_out()
        recorded = line.recorded()
    return [one for one in trace.manifests(traces, this.night) if one.run_id in recorded]


def _order(this: nights.Collection, name: str, targets: list[str], ears: Ears) -> wire.Order:
    return wire.Order(
        plan=Path(this.plan.source).read_text("utf-8"),
        plan_sha256=this.plan.sha256,
        night=this.night.isoformat(),
        targets=targets,
        recorder=name,
        known=trace.manifests(this.layout.traces, this.night),
        wait_s=this.wait_s,
        silence_s=SILENCE_S,
        pipes=dict(ears.pipes),
        assets=dict(ears.assets),
    )
