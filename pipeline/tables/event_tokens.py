"""One row an event with tokens, where the model's tokenizer is known: how many tokens it brought.

The whole text is tokenised once and each token belongs to the event that its first character came in, so that
the tokens of all events are those of the request. A tool that tokenises each event by itself counts otherwise.
"""

import polars as pl

from pipeline.decode import tokens
from pipeline.tables.inputs import ASKED
from pipeline.tables.parts import Parts
from pipeline.tables.recorded import Recorded, is_counted, specs

INPUTS = ("trace", "events")
PARTS = Parts(by="requests", index="trace", runs=is_counted)
USES = {
    ASKED: ("request_id", "run_id"),
    "events": ("request_id", "event_index", "read_index", "at_ns", "has_token", "content", "reasoning"),
}

COLUMNS = {
    "request_id": "The request that the event answers. Key with event_index",
    "event_index": "Position in the response, from 0",
    "read_index": "The socket read that completed the event",
    "at_ns": "Stamp of that read, ns from sent",
    "tokens": "Tokens of the whole text that begin in this event",
    "tokens_alone": "Tokens of the event's text when it is tokenised by itself",
    "tokens_of_read": "Tokens of all events of this read",
}

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.Int64),
    "request_id": pl.String,
    **dict.fromkeys(("event_index", "read_index"), pl.Int32),
}


def build(recorded: Recorded, events: pl.DataFrame) -> pl.DataFrame:
    """Count the tokens of each event of every request whose tokenizer is known and whose answer is text."""
    parts = [_counted(spec, part) for spec, part in _by_tokenizer(recorded, events)]
    return (
        pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])
        .with_columns(tokens_of_read=pl.col("tokens").sum().over("request_id", "read_index"))
        .sort("request_id", "event_index")
    )


def _by_tokenizer(recorded: Recorded, events: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Token-bearing events with their text, by tokenizer; answers with tool calls are left out."""
    spec_of = specs(recorded)
    if not spec_of:
        return []
    ids = recorded.requests.select("request_id", spec=pl.col("run_id").replace_strict(spec_of, default=None))
    text = pl.concat_str(pl.col("reasoning").fill_null(""), pl.col("content").fill_null(""))
    found = (
        events.filter("has_token")
        .select("request_id", "event_index", "read_index", "at_ns", text=text)
        .join(ids.drop_nulls(), on="request_id")
        .filter((pl.col("text") != "").all().over("request_id"))
        .sort("request_id", "event_index")
    )
    return [(str(spec), part) for (spec,), part in found.sort("spec").group_by("spec", maintain_order=True)]


def _counted(spec: str, events: pl.DataFrame) -> pl.DataFrame:
    tokenizer = tokens.load(spec)
    pieces = events.group_by("request_id", maintain_order=True).agg("text")["text"].to_list()
    whole = [count for counts in tokens.count_pieces(tokenizer, pieces) for count in counts]
    alone = tokens.count(tokenizer, events["text"].to_list())
    return events.select(
        "request_id",
        "event_index",
        "read_index",
        "at_ns",
        tokens=pl.Series(whole, dtype=pl.Int64),
        tokens_alone=pl.Series(alone, dtype=pl.Int64),
        tokens_of_read=pl.lit(0, pl.Int64),
    )
