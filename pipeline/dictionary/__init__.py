"""The data dictionary: every table, column, view, macro and worked question, read from the warehouse itself.

Belongs here: what there is to say, from the COMMENTs of a warehouse and the files in `sql/` and `expectations/`,
and as Markdown. The page is in `pipeline.site`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import duckdb

from pipeline import sql, tables
from pipeline.layout import shipped

RELATIONS = """
SELECT table_name AS name, comment AS title FROM duckdb_tables() WHERE schema_name = 'main'
UNION ALL
SELECT view_name, comment FROM duckdb_views() WHERE NOT internal
ORDER BY name
"""
COLUMNS = """
SELECT table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns()
WHERE NOT internal AND schema_name = 'main' ORDER BY table_name, column_index
"""

_UNITS = {
    "_ns": "ns", "_us": "µs", "_ms": "ms", "_s": "s", "_tok_s": "tok/s", "_req_s": "req/s", "_reads_s": "reads/s",
    "_bytes": "bytes", "_bytes_s": "bytes/s", "_usd": "USD", "_at": "UTC", "_share": "1", "_rate": "1", "_hz": "Hz",
    "_mhz": "MHz", "_pct": "%", "_w": "W", "_j": "J", "_joules_per_token": "J", "_temperature_max_c": "°C",
}  # fmt: skip
_OF_THE_ROW = re.compile(r"(p\d+|mean|std|value|before|after|difference|limit)(_low|_high)?")
_STATED = re.compile(r" ?\[([^\]]+)\]$")
_KEY = re.compile(r"\bKey\b(?: with ([\w, ]+))?")
_RELEASED, _RELEASE = "released_", "release"

HUBS = {
    "events": ("request_id", "event_index"), "requests": ("request_id",), "runs": ("run_id",),
    "targets": ("night", "target"), "released_runs": ("release", "run_id"),
    "released_targets": ("release", "night", "target"),
}  # fmt: skip
"""Tables that others refer to, and the columns by which; the nearest first. Releases are among themselves."""


@dataclass(frozen=True)
class Column:
    """A column: its type, its unit ("" where it has none) and what it means."""

    name: str
    type: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Relation:
    """A table or a view; `key` tells its rows apart, as far as the checks or its comments say."""

    name: str
    kind: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    made_from: tuple[str, ...]


@dataclass(frozen=True)
class Dictionary:
    """All that an analyst can ask for."""

    relations: list[Relation]
    macros: list[sql.Definition]
    queries: list[sql.Query]


def read(con: duckdb.DuckDBPyConnection) -> Dictionary:
    """The dictionary of a warehouse."""
    columns: dict[str, list[Column]] = {}
    told = con.execute(COLUMNS).fetchall()
    has_unit = {name for name, column, _, _ in told if column == "unit"}
    for name, column, kind, meaning in told:
        columns.setdefault(name, []).append(_column(column, kind, meaning, name in has_unit))
    defined = {one.name: one for one in sql.definitions()}
    relations = [
        _relation(name, title, tuple(columns[name]), defined.get(name))
        for name, title in con.execute(RELATIONS).fetchall()
    ]
    return Dictionary(relations, [one for one in defined.values() if one.kind == "macro"], sql.queries())


def _column(name: str, kind: str, meaning: str, has_unit: bool) -> Column:
    stated = _STATED.search(meaning)
    return Column(name, kind, stated[1] if stated else _unit(name, kind, has_unit), _STATED.sub("", meaning))


def _unit(name: str, kind: str, has_unit: bool) -> str:
    """The unit that a name ends with; figures of many metrics have their row's."""
    if name.startswith("usd"):
        return "USD"
    if has_unit and kind == "DOUBLE" and _OF_THE_ROW.fullmatch(name):
        return "see unit"
    fitting = [suffix for suffix in _UNITS if f"_{name}".endswith(suffix)]
    return _UNITS[max(fitting, key=len)] if fitting and kind != "VARCHAR" else ""


def _relation(name: str, title: str, columns: tuple[Column, ...], view: sql.Definition | None) -> Relation:
    if view:
        known = {*tables.tables(), *(one.name for one in sql.definitions())}
        return Relation(name, "view", title, columns, (), tuple(used for used in view.uses if used in known))
    derived = tables.tables().get(name)
    return Relation(name, "table", title, columns, _key(name, columns), derived.inputs if derived else ())


def _key(name: str, columns: tuple[Column, ...]) -> tuple[str, ...]:
    """What tells the rows of a table apart: as its checks say, else as its comments do.

    Of a table of releases: the release, and what tells the rows of the table apart that it is made like.
    """
    names = [column.name for column in columns]
    if name.startswith(_RELEASED) and _RELEASE in names:
        others = tuple(column for column in columns if column.name != _RELEASE)
        return (_RELEASE, *_key(name.removeprefix(_RELEASED), others))
    path = shipped("expectations") / f"{name}.json"
    if path.exists():
        stated: dict[str, Any] = json.loads(path.read_text("utf-8"))
        key = stated["meta"]["key"]
        in_one_night = "night" in names and not {"night", "request_id", "run_id"} & set(key)
        return ("night", *key) if in_one_night else tuple(key)
    for column in columns:
        if found := _KEY.search(column.meaning):
            key = {column.name, *re.findall(r"\w+", found[1] or "")}
            return tuple(name for name in names if name in key)
    return ()


def references(this: Dictionary) -> dict[str, str]:
    """For each table the nearest that it refers to: who has a request has its run through it."""
    found = {}
    for one in this.relations:
        names = {column.name for column in one.columns}
        ours_or_not = {hub: key for hub, key in HUBS.items() if (_RELEASE in key) == (_RELEASE in names)}
        hubs = [hub for hub, key in ours_or_not.items() if hub != one.name and set(key) <= names]
        if one.kind == "table" and hubs:
            found[one.name] = hubs[0]
    return found
