"""What every local engine gives and gets: options, command, facts, errors. No process is started here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import msgspec

from pipeline.errors import TokenclockError

Fact = str | int | float | bool | None


class EngineError(TokenclockError):
    """A local engine cannot be started or used; the message names the engine, the place and the cure."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options that every engine takes, from the `engine` table of a target; port 0 is a free one.

    `attach`: the address of an engine that runs already (`http://127.0.0.1:8000`). It is measured as it
    is, and neither started nor stopped. `restart_each_round`: false leaves an engine up for the next round
    where that follows at once and nothing else is measured between; what a start changes is then in no interval.
    """

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    attach: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/]+/?$")] | None = None
    start_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    stop_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    restart_each_round: bool = True


def as_started(options: Options, **told: Fact) -> dict[str, Fact]:
    """What an engine was told at its start; null where somebody else started it, with options of his own."""
    return dict.fromkeys(told) if options.attach else told


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was really served, as the running engine says; recorded beside every trace it gave.

    Null is what cannot be known, such as the process of an engine that somebody else started.
    """

    name: str
    version: str | None
    model: str
    quantisation: str | None
    threads: int | None
    device: str | None
    pid: int | None
    details: dict[str, Fact] = {}


@dataclass(frozen=True)
class Command:
    """How to start an engine: its words, what its environment gets beside ours, and the folder it stands in.

    `ends_with_stdin`: it ends by itself when its stdin closes, which is how it notices that whoever
    started it was killed. Others are started under `_guard`, which sees to that.
    """

    words: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    ends_with_stdin: bool = False


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True)
class Engine(Generic[OptionsT]):
    """One engine, told in functions.

    The command must not return before the engine ends, and must serve OpenAI's dialect under `/v1` on
    127.0.0.1 at the given port. `facts` and `first_request` get the root address of the engine when
    it is ready: what `first_request` does is over before anything is measured. `is_simulated`: it only
    pretends, so what comes from it is never `measured`. `keeps_connections`: False for one that closes them behind
    a response without saying so; then each request has a connection of its own, opened before it is sent.
    """

    name: str
    options: type[OptionsT]
    command: Callable[[OptionsT, int], Command]
    facts: Callable[[OptionsT, str], EngineFacts]
    first_request: Callable[[OptionsT, str], None] | None = None
    ready_path: str = "/health"
    metrics_path: str | None = None
    is_simulated: bool = False
    keeps_connections: bool = True


def parse_options(engine: Engine[OptionsT], table: Mapping[str, object]) -> OptionsT:
    """Read an `engine` table strictly: a misspelt option is refused, never ignored."""
    given = {key: value for key, value in table.items() if key != "name"}
    if table.get("name", engine.name) != engine.name:
        raise EngineError(
            f"engine {engine.name}: its options carry name = {table['name']!r}. Cure: use one name for both."
        )
    try:
        return msgspec.convert(given, engine.options)
    except msgspec.ValidationError as error:
        known = ", ".join(engine.options.__struct_fields__)
        raise EngineError(
            f"engine {engine.name}: {error}. Cure: correct the engine's table; its options are {known}."
        ) from error
