"""Scripts: what a request may ask the truth server to send, as JSON, and the program that follows from it."""

from functools import lru_cache
from typing import Literal

import msgspec

from pipeline.collect.truth import chat, faults
from pipeline.collect.truth.program import CHUNKED, LAST_CHUNK, MS, SSE, Program, Write, program, write
from pipeline.errors import TokenclockError

HEAD = SSE + CHUNKED


class ScriptError(TokenclockError):
    """A script that cannot be followed; the message says which and why."""


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag=str.lower):
    """A script's fields are its JSON keys; its kind is its name."""


class Golden(_Script, frozen=True):
    """METRICS section 6. `end`: complete, error (in-band after the third long chunk), truncated (cut there)."""

    end: Literal["complete", "error", "truncated"] = "complete"


class Constant(_Script, frozen=True):
    """One token an event at a steady rate; the first one interval after the start unless `first_ms` is given.

    `align`: all streams of this rate tick at the same instants, as those of a batching engine do; else
    their ticks are spread evenly over the interval.
    """

    tokens: int
    tok_s: float
    align: bool = False
    first_ms: float | None = None
    finish: str = "stop"


class Burst(_Script, frozen=True):
    """`per_burst` events in one write, every `every_ms`."""

    tokens: int
    per_burst: int
    every_ms: float
    align: bool = False


class Flood(_Script, frozen=True):
    """As fast as the socket takes it, `per_write` events a write."""

    tokens: int
    per_write: int = 1


class Fault(_Script, frozen=True):
    """A response that goes wrong; see `faults`. Its parameters mean what they mean there."""

    fault: faults.Name
    events: int = 3
    every_ms: float = 5.0
    bytes: int = 2**20
    code: int = 500
    form: Literal["json", "html"] = "json"
    retry_after_s: float | None = None
    location: str | None = None
    times: int | None = None


Script = Golden | Constant | Burst | Flood | Fault

DEFAULT = Constant(tokens=50, tok_s=200.0)


@lru_cache(maxsize=256)
def parse(text: str) -> Script:
    """Read a script."""
    try:
        script: Script = msgspec.json.decode(text, type=Script)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ScriptError(f"truth script {text!r}: {error}. Cure: see pipeline/collect/truth/scripts.py") from error
    return script


@lru_cache(maxsize=64)
def compiled(script: Script) -> Program:
    """Make the writes of a script; streams of one script share them."""
    match script:
        case Golden():
            return _golden(script.end)
        case Constant():
            return _constant(script)
        case Burst():
            return _burst(script)
        case Flood():
            return _flood(script)
        case Fault():
            return faults.compiled(msgspec.structs.asdict(script))


def _golden(end: str) -> Program:
    """The timeline of METRICS section 6, to the letter."""
    long = chat.delta(" two two two")
    writes = [write(100 * MS, chat.ROLE, head=HEAD), write(300 * MS, chat.delta("one"))]
    writes += [write((350 + 50 * number) * MS, long) for number in range(10)]
    if end == "complete":
        writes += [write(850 * MS, chat.finish()), write(950 * MS, chat.usage(31))]
        return program([*writes, write(1050 * MS, chat.DONE, tail=LAST_CHUNK)])
    broken = b"data: " + chat.error("the engine died") + b"\n\n"
    last = write(500 * MS, broken, chat.DONE, tail=LAST_CHUNK) if end == "error" else Write(500 * MS, LAST_CHUNK)
    return program([*writes[:5], last])


def _constant(script: Constant) -> Program:
    interval = 1e9 / script.tok_s
    first = interval if script.first_ms is None else script.first_ms * MS
    times = [round(first + number * interval) for number in range(script.tokens)]
    writes = [write(0, chat.ROLE, head=HEAD)]
    writes += [write(at, chat.token(number)) for number, at in enumerate(times)]
    writes.append(_end(round(first + script.tokens * interval), script.tokens, script.finish))
    return program(writes, "keep", round(interval), is_aligned=script.align)


def _burst(script: Burst) -> Program:
    interval = round(script.every_ms * MS)
    writes = [write(0, chat.ROLE, head=HEAD)]
    for number, start in enumerate(range(0, script.tokens, script.per_burst)):
        writes.append(write((number + 1) * interval, *_tokens(start, script.per_burst, script.tokens)))
    writes.append(_end(len(writes) * interval, script.tokens))
    return program(writes, "keep", interval, is_aligned=script.align)


def _flood(script: Flood) -> Program:
    starts = range(0, script.tokens, script.per_write)
    blocks = {start: _block(start, min(script.per_write, script.tokens - start)) for start in starts}
    return program([write(0, chat.ROLE, head=HEAD), *blocks.values(), _end(0, script.tokens)])


def _block(start: int, count: int) -> Write:
    return _repeated(start % chat.WORDS, count)


@lru_cache(maxsize=4096)
def _repeated(start: int, count: int) -> Write:
    """Events from one token on; long floods come back to the same bytes, so that memory stays bounded."""
    return write(0, *_tokens(start, count, start + count))


def _tokens(start: int, count: int, limit: int) -> list[bytes]:
    return [chat.token(number) for number in range(start, min(start + count, limit))]


def _end(at_ns: int, tokens: int, reason: str = "stop") -> Write:
    return write(at_ns, chat.finish(reason), chat.usage(tokens), chat.DONE, tail=LAST_CHUNK)
