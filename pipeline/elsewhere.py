"""Collections elsewhere as Dagster sees them: a Pipes session whose messages come over the collection's own line.

Belongs here: what Pipes needs on this side. Does not: the line itself (`pipeline.collect.remote`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster_pipes import PipesParams

from pipeline import trace
from pipeline.collect import night as nights
from pipeline.collect.remote import ears, near

Seen = dict[str, Mapping[str, Any]]
"""What the far side says of a target, beside its runs."""


class LineReader(dg.PipesMessageReader):
    """Hears what the far side says on the line that it was started with."""

    handler: dg.PipesMessageHandler

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        """Take the handler; the line calls it."""
        self.handler = handler
        yield ears.STDOUT

    @property
    def expected_writer_count(self) -> int:
        """One line, one writer; said here because Dagster warns whoever asks its own."""
        return 1

    def no_messages_debug_text(self) -> str:
        """Where to look when nothing was heard."""
        return "Messages come over the stdout of the far side; what it said on stderr stands in the error."


def collect(
    context: dg.AssetExecutionContext, this: nights.Collection, host: str, keys: Mapping[str, dg.AssetKey]
) -> tuple[list[trace.Manifest], Seen]:
    """Record the targets of one host; log, steps and runs show up in the UI while it goes on."""
    reader, injector = LineReader(), dg.PipesEnvContextInjector()
    of_step = context.op_execution_context  # Pipes asks the context of assets for what is deprecated there
    with dg.open_pipes_session(of_step, injector, reader) as session:
        hearing = ears.Ears(
            pipes=session.get_bootstrap_env_vars(),
            assets={name: key.to_escaped_user_string() for name, key in keys.items()},
            message=_hear(context, reader),
            arrived=lambda run: context.log_event(_observed(run, keys)) if run.target.name in keys else None,
        )
        recorded = near.collect(this, host, list(keys), hearing)
    reported = {one.asset_key: one.metadata or {} for one in session.get_reported_results()}
    return recorded, {name: reported.get(key, {}) for name, key in keys.items()}


def _hear(context: dg.AssetExecutionContext, reader: LineReader) -> Callable[[Mapping[str, Any]], None]:
    """Hand each message to Pipes; a last word after its end goes to the log."""

    def hear(message: Any) -> None:
        if reader.handler.received_closed_message:
            context.log.info(message["params"].get("message", message["method"]))
        else:
            reader.handler.handle_message(message)

    return hear


def _observed(run: trace.Manifest, keys: Mapping[str, dg.AssetKey]) -> dg.AssetObservation:
    return dg.AssetObservation(
        keys[run.target.name],
        partition=run.night.isoformat(),
        description=f"{run.run_id} has come home",
        metadata={
            "outcome": run.outcome,
            "requests": run.requests_recorded,
            "round": run.round,
            "error": run.error or "none",
        },
    )
