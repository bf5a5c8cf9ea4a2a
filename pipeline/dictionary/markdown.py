"""The dictionary as Markdown, with the entity diagram as Mermaid, which code hosts draw."""

from collections.abc import Iterator

from pipeline.dictionary import HUBS, Dictionary, Relation, references

HEAD = """\
# The warehouse

Every table, column, view, macro and worked question, generated from their comments by `make dictionary`.

`data/warehouse.duckdb` holds all of it; `data/attach.sql` gives any other DuckDB the same from the Parquet files.
`make sql` opens a session: `.tables`, `.columns ttft`, `.questions`, `.run hours_of_the_day`.
"""


def text(this: Dictionary) -> str:
    """The whole document."""
    tables = [one for one in this.relations if one.kind == "table"]
    views = [one for one in this.relations if one.kind == "view"]
    parts = [
        HEAD,
        _diagram(this),
        "## Tables\n",
        *(_relation(one) for one in tables),
        "## Views\n",
        *(_relation(one) for one in views),
        "## Macros\n",
        *(f"* `{one.call}`: {one.title}" for one in this.macros),
        "\n## Worked questions\n",
        "Run one with `make sql F=sql/queries/NAME.sql`, or `.run NAME` in a session.\n",
        *(f"* [`{one.name}`](../sql/queries/{one.name}.sql): {one.question} {one.shows}" for one in this.queries),
    ]
    return "\n".join(parts) + "\n"


def _diagram(this: Dictionary) -> str:
    """Tables with their keys, and what refers to what."""
    refers = references(this)
    lines = [f"    {hub} ||--o{{ {name} : {'_'.join(HUBS[hub])}" for name, hub in sorted(refers.items())]
    return "\n".join(["```mermaid", "erDiagram", *lines, *_entities(this), "```", ""])


def _entities(this: Dictionary) -> Iterator[str]:
    for one in this.relations:
        if one.kind == "table":
            kinds = {column.name: column.type.split("(")[0].replace(" ", "_") for column in one.columns}
            keys = "".join(f" {kinds[name]} {name} PK;" for name in one.key).rstrip(";").split(";")
            yield "\n".join([f"    {one.name} {{", *(f"       {key}" for key in keys if key), "    }"])


def _relation(one: Relation) -> str:
    facts = [f"Key: {', '.join(f'`{name}`' for name in one.key)}."] if one.key else []
    if one.made_from:
        facts.append(f"Made from {', '.join(f'`{name}`' for name in one.made_from)}.")
    rows = [f"| `{c.name}` | {c.type} | {c.unit} | {_cell(c.meaning)} |" for c in one.columns]
    head = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    return "\n".join(
        [f"### {one.name}\n", f"{one.title}. {' '.join(facts)}".replace("..", ".").strip(), "", *head, *rows, ""]
    )


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
