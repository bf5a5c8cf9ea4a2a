"""Traces: what is recorded here or on a host, and what comes through the inbox."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from pipeline import elsewhere, inbox, plan, progress, trace
from pipeline.assets.shown import FRESH, NIGHTLY, OWNERS, night_of
from pipeline.collect import night as nights
from pipeline.collect.environment import environment
from pipeline.collect.remote.line import LineCutError
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.plan import Plan

INTERRUPTED = "interrupted; finished requests are kept, and the next run goes on from there"
RETRY_S = 10  # before a night that failed for now is tried again
POOL = "collect"
"""Of one place: collections on this instance take turns. Those outside of Dagster, a file lock holds apart."""
WAIT_S = 6 * 3600.0  # for another collection to end; what waits too long is not tonight any more


def traces_key(target: str) -> dg.AssetKey:
    """The asset of one target's traces."""
    return dg.AssetKey(["traces", target.replace("-", "_")])


def traces(this: Plan, host: str | None = None) -> dg.AssetsDefinition:
    """One asset a target that runs on a host, or here. All share a step, so that they take turns in each round."""
    of_key = {traces_key(name): name for name, one in this.targets.items() if one.host == host}

    @dg.multi_asset(
        name=f"collect_on_{host.replace('-', '_')}" if host else "collect",
        specs=[_traces_spec(this, name) for name in of_key.values()],
        can_subset=True,
        partitions_def=NIGHTLY,
        pool=POOL,
        retry_policy=dg.RetryPolicy(max_retries=2, delay=RETRY_S),
    )
    def collect(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        """Record tonight's runs of the selected targets."""
        night, layout = night_of(context), Layout.from_environment()
        keys = {of_key[key]: key for key in sorted(context.selected_asset_keys)}
        collection, seen = nights.Collection(this, layout, night, environment(), wait_s=WAIT_S), elsewhere.Seen()
        try:
            with progress.listening(_log_and_pass_on(context)):
                if host is None:
                    recorded = nights.collect(collection, list(keys))
                else:
                    recorded, seen = elsewhere.collect(context, collection, host, keys)
        except LineCutError as error:
            raise dg.RetryRequested(max_retries=2, seconds_to_wait=RETRY_S) from error
        except TokenclockError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
            # Dagster would retry an interrupted step by its policy; whoever interrupts wants it to end.
            raise dg.Failure(INTERRUPTED, allow_retries=False) from error
        failed = [one for one in recorded if one.outcome == "failed"]
        if failed and context.retry_number < 2:
            raise dg.RetryRequested(max_retries=2, seconds_to_wait=RETRY_S) from RuntimeError(failed[0].error)
        for name, key in keys.items():
            runs = [one for one in recorded if one.target.name == name]
            about = {**seen.get(name, {}), **_traces_metadata(layout, night, name, runs)}
            yield dg.MaterializeResult(key, metadata=about)

    return collect


def _traces_spec(this: Plan, name: str) -> dg.AssetSpec:
    one = this.targets[name]
    today = nights.tonight()
    reason = plan.skip_reason(this, name, today, environment())
    state = f"\n\n**Skipped**: {reason}." if reason else "\n\nEnabled."
    return dg.AssetSpec(
        traces_key(name),
        group_name="traces",
        description=f"Raw streams of {one.title}, {this.models[one.model].title}: bytes and nanoseconds.{state}",
        owners=OWNERS,
        kinds={"parquet", "openvino" if one.engine else "http"},
        tags={"family": this.models[one.model].family, "provider": one.provider},
        metadata={
            "target": name,
            "model_id": one.model_id,
            "host": one.host or "here",
            "enabled": reason is None,
            "reason": reason or "—",
        },
        freshness_policy=None if reason else FRESH,
    )


def _log_and_pass_on(context: dg.AssetExecutionContext) -> progress.Listener:
    """Log each new text, and pass every step on to who listens already."""
    texts: set[str] = set()

    def listen(step: progress.Step) -> None:
        outer(step)
        if step.text not in texts:
            texts.add(step.text)
            context.log.info(f"{step.text} ({step.done} of {step.total} {step.phase} done)")

    outer = progress.current()
    return listen


def _traces_metadata(layout: Layout, night: date, name: str, runs: list[trace.Manifest]) -> dict[str, Any]:
    folder = layout.traces / f"night={night}" / f"target={name}"
    errors = sorted({one.error for one in runs if one.error})
    return {
        "dagster/row_count": sum(one.requests_recorded for one in runs),
        "runs": len(runs),
        "failed runs": sum(one.outcome in ("failed", "refused") for one in runs),
        "rounds": sorted({one.round for one in runs}),
        "folder": dg.MetadataValue.path(folder),
        "errors": dg.MetadataValue.md("\n\n".join(f"```\n{error}\n```" for error in errors) or "none"),
    }


@dg.asset(
    group_name="traces",
    partitions_def=NIGHTLY,
    description="Results of collections elsewhere from the inbox: verified, then part of the night's traces.",
    owners=OWNERS,
    kinds={"parquet"},
)
def received(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Open the night's letters. A refused one is put aside and told; it holds nobody up."""
    night, layout = night_of(context), Layout.from_environment()
    waiting = inbox.waiting(layout, settled=True)
    opened = [inbox.open_letter(layout, path) for path in waiting if inbox.night_of(path) == night]
    refused = [f"{one.path}: {one.refused}" for one in opened if one.refused]
    for reason in refused:
        context.log.error(reason)
    if refused and not trace.manifests(layout.traces, night):
        raise dg.Failure("\n".join(refused), allow_retries=False)
    return dg.MaterializeResult(
        metadata={
            "new runs": dg.MetadataValue.json([run for one in opened for run in one.runs]),
            "files": dg.MetadataValue.json([str(one.path) for one in opened]),
            "refused": dg.MetadataValue.md("\n".join(f"* {reason}" for reason in refused) or "none"),
        }
    )
