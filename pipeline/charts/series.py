"""No series of a chart may hold figures of two dialects: the same name means something else in each.

A series is what a mark's encodings tell apart. Where a mark's data say of which dialect a figure is, every series
of it must be of one, in one version.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.errors import TokenclockError

TELLS_APART = (
    "x", "y", "xOffset", "yOffset", "color", "fill", "stroke", "shape", "strokeDash", "detail", "facet", "row",
    "column",
)  # fmt: skip
POSITIONS = ("x", "y", "x2", "y2", "theta", "size", "text")
DISCRETE = ("nominal", "ordinal")

Tool = tuple[object, object]
"""A dialect and its version."""


class MixedSeriesError(TokenclockError):
    """A chart would draw figures of two tools as one series; the message names chart, series and tools."""


def refuse_mixed(name: str, spec: Mapping[str, Any]) -> None:
    """Raise where a series of this Vega-Lite chart mixes dialects."""
    for data, fields in _marks(spec, None, {}):
        for series, tools in _series(spec["datasets"][data], fields).items():
            if len(tools) > 1:
                names = ", ".join(sorted(f"{dialect} {version}" for dialect, version in tools))
                raise MixedSeriesError(
                    f"chart {name}: one series ({', '.join(map(str, series)) or 'all'}) holds figures of {names}, "
                    "whose definitions differ; tell them apart by colour, row or axis, or draw one of them"
                )


def _series(rows: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> dict[tuple[object, ...], set[Tool]]:
    """The tools whose figures are in each series."""
    found: dict[tuple[object, ...], set[Tool]] = {}
    for row in rows:
        if "dialect" in row:
            found.setdefault(tuple(row.get(field) for field in fields), set()).add(
                (row["dialect"], row.get("version"))
            )
    return found


def _marks(
    node: Mapping[str, Any], data: str | None, above: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Data of each mark that draws figures of some, and the fields that tell its series apart."""
    data = node.get("data", {}).get("name", data)
    facet = node.get("facet", {})
    encoding = {**above, **({"facet": facet} if "field" in facet else facet), **node.get("encoding", {})}
    if "mark" in node and data and any("field" in encoding.get(channel, {}) for channel in POSITIONS):
        yield data, tuple(_telling(encoding))
    below = [*node.get("layer", ()), *node.get("vconcat", ()), *node.get("hconcat", ())]
    for child in (*below, *([node["spec"]] if "spec" in node else [])):
        yield from _marks(child, data, encoding)


def _telling(encoding: Mapping[str, Any]) -> Iterator[str]:
    for channel in TELLS_APART:
        parts = encoding.get(channel, ())
        for part in parts if isinstance(parts, list) else [parts]:
            if part and part.get("type") in DISCRETE and "field" in part:
                yield part["field"]
