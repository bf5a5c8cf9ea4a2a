"""The far side: does what it is ordered, tells of it, sends home what it recorded, and leaves nothing running."""

import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from dagster_pipes import PipesContext, PipesMappingParamsLoader, open_dagster_pipes

from pipeline import plan as plans
from pipeline import progress, trace
from pipeline.collect import hardware, host, parcel, store
from pipeline.collect import night as nights
from pipeline.collect.remote import wire
from pipeline.collect.remote.lifeline import Lifeline
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.progress import Step

STEP_EVERY_S = 0.2
"""Between two steps told of the same text, so that telling does not disturb what is measured."""


@dataclass
class Errand:
    """One order under way."""

    order: wire.Order
    layout: Layout
    pipes: PipesContext
    out: wire.Voice
    lifeline: Lifeline
    parcels: int = 0
    told: tuple[str, float] = field(default=("", 0.0))

    def run(self) -> None:
        """Collect, and send home what was recorded, now or before the line was cut once, whatever ends this one."""
        try:
            with progress.listening(self._tell):
                recorded = nights.collect(self._collection(), self.order.targets)
            self._send_home()
        except TokenclockError as error:
            self._send_home()
            self.pipes.report_custom_message({"error": str(error)})
        except KeyboardInterrupt:
            with nights.alone(self.layout.traces, 0):
                store.recover(self.layout.traces)
            self._send_home()
            self.pipes.report_custom_message({"error": "interrupted; finished requests are kept"})
        else:
            self._report(recorded)

    def _collection(self) -> nights.Collection:
        path = self.layout.data / "plan.toml"
        trace.replace(path, self.order.plan.encode())
        this = plans.at_home(plans.load(path))
        if this.sha256 != self.order.plan_sha256:
            raise plans.PlanError("the plan was changed while the collection began; begin it again")
        return nights.Collection(
            this,
            self.layout,
            date.fromisoformat(self.order.night),
            {},
            self.order.wait_s,
            self.order.known,
            self._send_home,
        )

    def _tell(self, step: Step) -> None:
        text, at = self.told
        if step.text != text or step.done == step.total or time.monotonic() - at > STEP_EVERY_S:
            self.told = (step.text, time.monotonic())
            self.pipes.report_custom_message({"step": msgspec.to_builtins(step)})

    def _send_home(self) -> None:
        """Send every closed run, and forget it once it is known to be home."""
        for night in trace.nights(self.layout.traces):
            folder = self.layout.traces / f"night={night}"
            if self.lifeline.is_cut or not (_runs(folder) or _calibrations(folder)):
                continue
            self.parcels += 1
            with tempfile.TemporaryFile(dir=self.layout.data) as file:
                packed = parcel.pack(self.layout.traces, night, self.order.recorder, file)
                wire.send_parcel(self.out, self.parcels, file)
            if self.lifeline.await_receipt(self.parcels):
                _forget(folder, packed)

    def _report(self, recorded: list[trace.Manifest]) -> None:
        for target, asset in self.order.assets.items():
            runs = [one for one in recorded if one.target.name == target]
            facts: dict[str, Any] = {
                "recorder": {"raw_value": host.facts(), "type": "json"},
                "hardware": {"raw_value": hardware.facts(), "type": "json"},
                "code": host.code_commit() or "not known",
                "requests": sum(one.requests_recorded for one in runs),
            }
            self.pipes.report_asset_materialization(facts, asset_key=asset)
        self.pipes.report_custom_message({"recorded": [one.run_id for one in recorded]})


def _runs(folder: Path) -> list[Path]:
    return [path.parent for path in folder.glob("target=*/[!.]*/manifest.json")]


def _calibrations(folder: Path) -> list[Path]:
    return list(folder.glob("calibration/[!.]*.json"))


def _forget(folder: Path, packed: parcel.List) -> None:
    """Remove what is home. Logs stay: the next engine's lines are added to them."""
    for run in _runs(folder):
        if f"{run.relative_to(folder).as_posix()}/manifest.json" in packed.files:
            shutil.rmtree(run, ignore_errors=True)
    for path in _calibrations(folder):
        if path.relative_to(folder).as_posix() in packed.files:
            path.unlink(missing_ok=True)


def _introduction() -> str:
    this = host.facts()
    return f"recording as {this['recorder']} on {this['cpu']}, {this['cpu_count']} CPUs, Python {this['python']}"


def main() -> None:
    """Take the order from stdin and carry it out where we stand."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    out = wire.take_stdout()
    order = msgspec.json.decode(wire.read_block(sys.stdin.fileno()), type=wire.Order)
    host.set_recorder(order.recorder)
    lifeline = Lifeline(order.silence_s)
    data = Path.cwd() / "data"
    (data / "traces").mkdir(parents=True, exist_ok=True)
    try:
        with (
            wire.beating(out, order.beat_s),
            open_dagster_pipes(params_loader=PipesMappingParamsLoader(order.pipes)) as pipes,
        ):
            pipes.report_custom_message({"clock_ns": time.time_ns(), "pid": os.getpid()})
            pipes.log.info(_introduction())
            lifeline.watch()
            Errand(order, Layout(data, data / "site"), pipes, out, lifeline).run()
    except (BrokenPipeError, KeyboardInterrupt):  # nobody listens any more: what is here is sent home next time
        sys.exit(1)


if __name__ == "__main__":
    main()
