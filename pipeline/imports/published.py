"""Figures that others published, carried in `published.csv` with their sources.

The comparison that started this project: specialised hardware against H100 clouds on Llama 3.1 8B and 70B in
autumn 2024. Figures of at least medium confidence only. No published TTFT of Llama 3.1 of that autumn could be
traced; the nearest that can be (Llama 3 in spring 2024, MLPerf on H100) stand in, labelled as what they are.
"""

import csv
from pathlib import Path

import polars as pl

from pipeline.errors import TokenclockError

FILE = Path(__file__).with_name("published.csv")
METRICS = ("output_speed_tok_s", "ttft_ms")
PERIODS = ("autumn-2024", "other")
CONFIDENCES = ("high", "medium")

COMMENTS = {
    "figure_id": "Key",
    "provider": "Who runs what was measured, as published",
    "model": "Model exactly as published",
    "family": "Models that one chart compares",
    "metric": "output_speed_tok_s (one stream) or ttft_ms",
    "value": "The figure, in the unit that the metric's name ends with",
    "published_at": "Date of the figure, as exact as its source",
    "period": "autumn-2024, the comparison that started this project, or other",
    "precision": "Precision of the weights, where the source says",
    "hardware": "What it ran on, where known",
    "workload": "Prompt and output lengths or load, where the source says",
    "measured_by": "Who measured it",
    "source_url": "Where it stands",
    "confidence": "high or medium: how well the source and its origin are known",
    "note": "What is odd about it",
    "provenance": "published; never drawn like measured",
}

SCHEMA = pl.Schema({name: pl.Float64() if name == "value" else pl.String() for name in COMMENTS})


class FigureError(TokenclockError):
    """The file of published figures is not as it should be; the message names file, line and column."""


def load(path: Path = FILE) -> pl.DataFrame:
    """Read and check the figures: one row each, columns of `SCHEMA`, sorted by `figure_id`."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        _check_header(path, reader.fieldnames or [])
        rows = [_row(path, reader.line_num, raw) for raw in reader]
    if twins := sorted({row["figure_id"] for row in rows if _count(rows, row["figure_id"]) > 1}, key=str):
        raise FigureError(f"{path}: figure_id {twins[0]!r} occurs more than once; give every row its own")
    return pl.DataFrame(rows, schema=SCHEMA).sort("figure_id")


def _count(rows: list[dict[str, object]], figure_id: object) -> int:
    return sum(row["figure_id"] == figure_id for row in rows)


def _check_header(path: Path, found: object) -> None:
    expected = [name for name in COMMENTS if name != "provenance"]
    if found != expected:
        raise FigureError(f"{path}, line 1: columns are {found}; they must be {expected}")


def _row(path: Path, line: int, raw: dict[str, str]) -> dict[str, object]:
    _one_of(path, line, "metric", raw["metric"], METRICS)
    _one_of(path, line, "period", raw["period"], PERIODS)
    _one_of(path, line, "confidence", raw["confidence"], CONFIDENCES)
    for name in ("figure_id", "provider", "model", "family", "published_at", "measured_by", "source_url"):
        if not raw[name]:
            raise FigureError(f"{path}, line {line}, column {name}: empty; a figure without it cannot be shown")
    known = {name: text or None for name, text in raw.items()}
    return {**known, "value": _number(path, line, raw["value"]), "provenance": "published"}


def _one_of(path: Path, line: int, column: str, text: str, known: tuple[str, ...]) -> None:
    if text not in known:
        raise FigureError(
            f"{path}, line {line}, column {column}: {text!r} is unknown; use one of {', '.join(known)}"
        )


def _number(path: Path, line: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise FigureError(f"{path}, line {line}, column value: {text!r} is not a positive number")
    return value
