"""What every local engine gives and gets: options, command, facts, errors. No process is started here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import msgspec

from pipeline.errors import TokenclockError

Fact = str | int | float | bool


class EngineError(TokenclockError):
    """A local engine cannot be started or used; the message names the engine, the place and the cure."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options that every engine takes, from the `engine` table of a target; port 0 is a free one."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    start_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 120.0


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was really served, as the running engine says; recorded beside every trace it gave."""

    name: str
    version: str
    model: str
    quantisation: str
    threads: int
    device: str
    pid: int
    details: dict[str, Fact] = {}


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True)
class Engine(Generic[OptionsT]):
    """One engine, told in functions.

    The command must not return before the engine ends, must serve OpenAI's dialect under `/v1` on
    127.0.0.1 at the given port, and must end by itself when its stdin closes: that is how it notices
    that whoever started it was killed.
    """

    name: str
    options: type[OptionsT]
    command: Callable[[OptionsT, int], list[str]]
    facts: Callable[[OptionsT, int], EngineFacts]
    ready_path: str = "/health"


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
