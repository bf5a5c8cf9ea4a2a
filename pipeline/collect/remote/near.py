"""The near side of a collection elsewhere: starts it, gives the order, and returns what came of it."""

import sys
from contextlib import nullcontext
from pathlib import Path

from pipeline import trace
from pipeline.collect import night as nights
from pipeline.collect.remote import code, line, ssh, wire
from pipeline.collect.remote.ears import Ears, nobody
from pipeline.plan import Host, Ssh
from pipeline.progress import Step, tell

SILENCE_S = 60.0
"""So long without a sign of life, and the far side takes the line for cut: six beats of `line.BEAT_S`."""


def command(host: Host, folder: Path) -> list[str]:
    """The words that start the far side; `folder` is where a subprocess works."""
    program = ["-c", code.bootstrap()]
    if isinstance(host, Ssh):
        return ssh.words(host, host.python, *program, host.folder, ",".join(code.REQUIRES))
    return [host.python or sys.executable, *program, str(folder), ",".join(code.REQUIRES)]


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
        far = line.Line(this, name, ears or nobody(targets))
        with far.open(command(host, this.layout.data / "hosts" / name), _order(this, name, targets, far.ears)):
            far.hear_out()
        recorded = far.recorded()
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
        beat_s=line.BEAT_S,
        pipes=dict(ears.pipes),
        assets=dict(ears.assets),
    )
