"""What lies in `sql/`: views, macros and worked queries, with the words that each begins with.

A view's file is its SELECT. A macro's file is what follows its name in CREATE MACRO: `(value, p) AS …`, or
`(id) AS TABLE SELECT …`. The path is the name, the leading comment says what it is; a line `-- column: meaning` in
it describes a column of a view. Views and macros may use each other: their order is found from the SQL itself.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import duckdb

from pipeline.errors import TokenclockError
from pipeline.layout import shipped

Kind = Literal["view", "macro"]
KINDS: tuple[Kind, ...] = ("view", "macro")

OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""How every DuckDB here is opened: what it needs is in it, and nothing is fetched."""

_MACRO = re.compile(r"\((?P<parameters>[^)]*)\)\s+AS\s+(?P<table>TABLE\s+)?(?P<body>.+)", re.DOTALL | re.IGNORECASE)
_COLUMN = re.compile(r"([a-z][a-z0-9_]*): (.+)")


class SqlError(TokenclockError):
    """A file of `sql/` cannot be used; the message names it and the cure."""


@dataclass(frozen=True)
class Definition:
    """A view or a macro. `columns`: what its comment says of columns; `uses`: names that its SQL reads or calls."""

    kind: Kind
    name: str
    title: str
    sql: str
    columns: dict[str, str]
    uses: tuple[str, ...]

    @property
    def is_table(self) -> bool:
        """Whether it is asked like a table."""
        return self.kind == "view" or _parts(self.sql)["table"] is not None

    @property
    def call(self) -> str:
        """How it is written in a query."""
        return self.name if self.kind == "view" else f"{self.name}({_parts(self.sql)['parameters']})"

    @property
    def statements(self) -> list[str]:
        """What makes it, with its comment, in any DuckDB."""
        if self.kind == "view":
            made, named = f'VIEW "{self.name}" AS {self.sql}', "VIEW"
        else:
            made, named = f'MACRO "{self.name}"{self.sql.strip()}', "MACRO TABLE" if self.is_table else "MACRO"
        return [f"CREATE OR REPLACE {made}", f'COMMENT ON {named} "{self.name}" IS {quoted(self.title)}']


@dataclass(frozen=True)
class Query:
    """A worked question: its file, the question, what the answer shows, and the statements that give it."""

    name: str
    question: str
    shows: str
    sql: str


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def definitions(folder: Path | None = None) -> list[Definition]:
    """The views of `sql/views` and the macros of `sql/macros`, each after those that it uses."""
    folder = folder or shipped("sql")
    found: dict[str, Definition] = {}
    with duckdb.connect(config=OFFLINE) as parser:
        for kind in KINDS:
            for one in _read(parser, kind, folder / f"{kind}s"):
                if one.name in found:
                    raise SqlError(f"{folder}: a view and a macro are both named {one.name}; rename one of them")
                found[one.name] = one
    uses = {name: [used for used in one.uses if used in found] for name, one in found.items()}
    try:
        return [found[name] for name in TopologicalSorter(uses).static_order()]
    except CycleError as error:
        raise SqlError(f"{folder}: these views and macros use each other: {error.args[1]}") from error


def _read(parser: duckdb.DuckDBPyConnection, kind: Kind, folder: Path) -> Iterator[Definition]:
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text("utf-8")
        title, columns = _described(text) if kind == "view" else (_said(text), {})
        if not title:
            raise SqlError(f"{path}: begin with a comment that says what it is (`-- One row a …`)")
        sql = text.strip().rstrip(";")
        if kind == "macro":
            sql = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
        yield Definition(kind, path.stem, title, sql, columns, tuple(_uses(parser, path, _select(path, kind, sql))))


def _described(text: str) -> tuple[str, dict[str, str]]:
    """The leading comment: its sentences, and what it says of columns."""
    said = [(line, _COLUMN.fullmatch(line)) for line in _leading_comment(text)]
    return " ".join(line for line, column in said if not column), {one[1]: one[2] for _, one in said if one}


def _said(text: str) -> str:
    return " ".join(_leading_comment(text))


def _leading_comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("--"):
            return
        yield line.removeprefix("--").strip()


def _parts(sql: str) -> dict[str, str | None]:
    found = _MACRO.fullmatch(sql.strip())
    return found.groupdict() if found else {"parameters": None, "table": None, "body": None}


def _select(path: Path, kind: Kind, sql: str) -> str:
    """The SELECT that a definition stands for."""
    if kind == "view":
        return sql
    parts = _parts(sql)
    if parts["body"] is None:
        raise SqlError(f"{path}: write what follows the name, `(value, p) AS …` or `(id) AS TABLE SELECT …`")
    return parts["body"] if parts["table"] else f"SELECT {parts['body']}"


def _uses(parser: duckdb.DuckDBPyConnection, path: Path, select: str) -> list[str]:
    """Names of tables, views and functions that a SELECT uses, in their order, by DuckDB's own parser."""
    [[text]] = parser.execute("SELECT json_serialize_sql(?)", [select]).fetchall()
    tree = json.loads(text)
    if tree.get("error"):
        raise SqlError(f"{path}: {tree['error_message']}")
    return list(dict.fromkeys(_names(tree)))


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (node[key] for key in ("table_name", "function_name") if isinstance(node.get(key), str))
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _names(child)


def queries(folder: Path | None = None) -> list[Query]:
    """The worked questions of `sql/queries`."""
    return [query(path) for path in sorted((folder or shipped("sql") / "queries").glob("*.sql"))]


def query(path: Path) -> Query:
    """A worked question: its leading comment is the question, and what the answer shows."""
    text = path.read_text("utf-8")
    question, mark, shows = _said(text).partition("?")
    if not mark or not shows.strip():
        raise SqlError(f"{path}: begin with the question, ending in `?`, and a sentence on what the answer shows")
    return Query(path.stem, question + mark, shows.strip(), text)
