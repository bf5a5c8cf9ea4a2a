"""Reading `expectations/`: strict, so that a check which cannot run is an error and never a silent pass."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pipeline import tables
from pipeline.errors import TokenclockError
from pipeline.layout import shipped

EXPECTATIONS = shipped("expectations")
RULE = "unexpected_rows_expectation"

Severity = Literal["critical", "warning", "info"]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]+$")]
Text = Annotated[str, msgspec.Meta(pattern=r"\S")]


class CheckError(TokenclockError):
    """A file of `expectations/` cannot be used; the message names it and the cure."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class _Expectation(_Strict, frozen=True, kw_only=True):
    type: Text
    id: Name
    severity: Severity
    notes: Text
    kwargs: dict[str, Any]
    meta: dict[str, Any] = {}


class _Meta(_Strict, frozen=True, kw_only=True):
    key: Annotated[list[str], msgspec.Meta(min_length=1)]


class _File(_Strict, frozen=True, kw_only=True):
    name: str
    meta: _Meta
    expectations: list[_Expectation]


class _Header(_Strict, frozen=True, kw_only=True):
    severity: Severity
    note: Text


@dataclass(frozen=True)
class Check:
    """One check of one table. `config` is its expectation, word for word as great-expectations gets it.

    `sql`: of a rule, the query as its file has it.
    """

    table: str
    name: str
    severity: Severity
    notes: str
    kind: Literal["expectation", "rule"]
    file: Path
    config: Mapping[str, Any]
    sql: str | None = None


@dataclass(frozen=True)
class Suite:
    """All checks of a table. `key` names the columns that tell a failing row; `reads` other tables it needs."""

    table: str
    key: tuple[str, ...]
    checks: tuple[Check, ...]
    reads: tuple[str, ...]
    sha256: str


def specs(folder: Path | None = None) -> list[Check]:
    """Every check of every table, without running any."""
    return [check for suite in load(folder).values() for check in suite.checks]


def load(folder: Path | None = None) -> dict[str, Suite]:
    """The suites in `folder` (else the shipped `expectations/`), each after those of the tables it reads."""
    folder = folder or EXPECTATIONS
    upstream = _upstream()
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix, path.name)):
        if path.name != "README.md" and not path.name.startswith("."):
            files.setdefault(_table_of(path, upstream), []).append(path)
    return {table: _suite(table, files[table], upstream[table]) for table in upstream if table in files}


@cache
def _upstream() -> dict[str, frozenset[str]]:
    """All tables that a table is computed from, directly or not; tables in the order they are built."""
    found: dict[str, frozenset[str]] = {}
    for name, table in tables.tables().items():
        inputs = [one for one in table.inputs if one != tables.TRACE]
        found[name] = frozenset(inputs).union(*(found[one] for one in inputs))
    return found


def _table_of(path: Path, upstream: Mapping[str, object]) -> str:
    shape = re.fullmatch(r"([a-z0-9_]+)(\.json|\.[a-z0-9_]+\.sql)", path.name)
    if not shape:
        raise CheckError(f"{path}: no check is read from this name; call it <table>.json or <table>.<rule>.sql")
    if shape[1] not in upstream:
        raise CheckError(f"{path}: there is no table {shape[1]!r}; name one of {', '.join(upstream)}")
    return shape[1]


def _suite(table: str, paths: list[Path], upstream: frozenset[str]) -> Suite:
    key: tuple[str, ...] = ()
    checks: list[Check] = []
    for path in paths:
        if path.suffix == ".json":
            file = _read(path, table)
            key = tuple(file.meta.key)
            checks += [_expectation(table, path, one) for one in file.expectations]
        else:
            checks.append(_rule(table, path))
    _refuse_twins(checks)
    words = set(re.findall(r"\w+", " ".join(str(one.config["kwargs"]) for one in checks)))
    return Suite(table, key, tuple(checks), tuple(sorted(words & upstream)), _digest(paths))


def _read(path: Path, table: str) -> _File:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except msgspec.DecodeError as error:
        raise CheckError(
            f"{path}: {error}; a suite has name, meta.key and expectations, and each of these type, "
            "id ([a-z0-9_]), severity (critical, warning, info), notes (why it holds) and kwargs"
        ) from error
    if file.name != table:
        raise CheckError(f"{path}: the suite is named {file.name!r}; name it {table!r} like its file")
    return file


def _expectation(table: str, path: Path, one: _Expectation) -> Check:
    if one.type == RULE:
        raise CheckError(f"{path}: {one.id} is a query; put it into {path.stem}.{one.id}.sql")
    return Check(table, one.id, one.severity, one.notes, "expectation", path, msgspec.to_builtins(one))


def _rule(table: str, path: Path) -> Check:
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    comments = list(takewhile(lambda line: line.startswith("--"), lines))
    sql = "\n".join(lines[len(comments) :]).strip().rstrip(";")
    try:
        header = msgspec.convert(dict(_fields(comments)), type=_Header)
    except msgspec.ValidationError as error:
        raise CheckError(
            f"{path}: {error}; start it with the lines `-- severity: critical` (or warning, info) "
            "and `-- note: why no such row should exist`"
        ) from error
    if not sql:
        raise CheckError(f"{path}: holds no query; write a SELECT of the rows that should not exist")
    name = path.name.split(".")[1]
    config = {
        "type": RULE,
        "id": name,
        "severity": header.severity,
        "notes": header.note,
        "kwargs": {"unexpected_rows_query": _as_query(sql)},
    }
    return Check(table, name, header.severity, header.note, "rule", path, config, sql)


def _fields(comments: list[str]) -> Iterator[tuple[str, str]]:
    """`-- key: value`; comment lines that are indented further go on with the value."""
    text = "\n".join(line.removeprefix("--") for line in comments)
    for found in re.finditer(r"^ ?(\w+):(.*?)(?=^ ?\w+:|\Z)", text, re.MULTILINE | re.DOTALL):
        yield found[1], " ".join(found[2].split())


def _as_query(sql: str) -> str:
    """The rule as great-expectations wants it, which formats braces and reads `:word` as a parameter.

    The rule names its table itself, so that it runs as it stands in any DuckDB that has the tables; the
    placeholder that must occur stands in a comment.
    """
    escaped = re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", sql.replace("{", "{{").replace("}", "}}"))
    return f"/* {{batch}} */ SELECT * FROM (\n{escaped}\n) AS unexpected"  # noqa: S608 - the rule is a query of ours


def _refuse_twins(checks: list[Check]) -> None:
    seen: dict[str, Check] = {}
    for check in checks:
        if twin := seen.get(check.name):
            raise CheckError(
                f"{check.file}: {check.table} already has a check {check.name!r} (in {twin.file.name}); "
                "give this one another name"
            )
        seen[check.name] = check


def _digest(paths: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
