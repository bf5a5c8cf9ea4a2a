"""One row a request, however it ended: its status, its marks in ns from `sent`, its tokens."""

import polars as pl

from pipeline import trace
from pipeline.decode import tokens
from pipeline.decode.status import WITH_METRICS, content_type, status
from pipeline.tables import answered, marks, order
from pipeline.tables.inputs import ASKED
from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts, Steps
from pipeline.tables.recorded import Recorded, specs
from pipeline.tables.runs import load_kind
from pipeline.tables.windows import phase, windows

INPUTS = ("trace", "events")
USES = {
    ASKED: tuple(name for name in trace.REQUESTS if name != "request_body"),
    "trace": ("request_id", "at_ns", "read_index", trace.PAYLOAD_BYTES),
    "events": (
        *("request_id", "event_index", "at_ns", "has_token", "content", "reasoning", "finish_reason"),
        *("prompt_tokens", "completion_tokens", "model", "system_fingerprint", "response_id", "served_by"),
        *("error_code", "error_message"),
    ),
}

_MARKS = {
    "scheduled_ns": "When the load wanted the request to start; ns from the run's clock anchor",
    "sent_ns": "When its first byte was handed to an open connection; ns from the run's clock anchor",
    "connect_started_ns": "When connecting began; ns from the run's clock anchor; null on a reused connection",
    "dns_ns": "Name resolution, ns; null on a reused connection",
    "tcp_ns": "TCP until an address answered, those that did not included, ns; null on a reused connection",
    "tls_ns": "TLS handshake, ns; null on a reused connection and without TLS",
    "first_byte_ns": "First byte of the response, ns from sent",
    "first_event_ns": "First event of any kind (role, comment of the dialect, token), ns from sent",
    "first_token_ns": "First event with content, reasoning or tool call, ns from sent",
    "first_content_ns": "First event with content, ns from sent",
    "last_token_ns": "Last event with content, reasoning or tool call, ns from sent",
    "end_ns": "End of the response body (or of waiting for it), ns from sent",
}

_COUNTS = {
    "read_count": "Socket reads",
    "reads_stored": "Of these, reads whose bytes are stored",
    "body_bytes": "Bytes of the response body",
    "bytes_stored": "Of these, bytes that are stored",
    "event_count": "Events decoded from the body",
    "token_event_count": "Events with content, reasoning or tool call",
    "arrival_count": "Distinct stamps among them: events of one read cannot be told apart in time",
    "prompt_tokens": "Input tokens as the provider counts them",
    "tokens_requested": "max_tokens of the request",
    "tokens_reported": "Output tokens as the provider counts them (last usage seen)",
    "tokens_recounted": "Output tokens by the model's own tokenizer over the whole text",
    "tokens": "Output tokens that metrics use: recounted where the tokenizer is known, else reported",
    "tokens_first_arrival": "Of these, tokens of the first arrival: recounted, else one for each of its events",
}

COLUMNS = {
    **KEYS,
    "provider": "Who runs the endpoint",
    "engine": "Serving software, where we started it ourselves",
    "hardware": "What the target is said (hosted) or seen (local) to run on",
    "dialect": "Wire protocol",
    "load": "closed (each stream starts its next request when one ends) or open (requests start at a rate)",
    "concurrency": "Requests kept in flight in this run; in an open loop at most",
    "request_index": "Position in the run, warm-up first",
    "attempt": "1, or more where the request was sent anew after a refusal",
    "retry_of": "The refused request that this one repeats",
    "is_warmup": "True for requests that are left out of every metric",
    "phase": "warmup, ramp_up (sent before the run's window opened), window, or drain (ended after it closed)",
    "status": "How the request ended; only complete and length have metrics",
    "has_metrics": "True where status is complete or length",
    "outcome": "How the transport saw the response end",
    "error": "What the transport said of it",
    "http_status": "HTTP status code",
    "content_type": "Media type of the response",
    "is_connection_reused": "True where the connection was warm",
    **_MARKS,
    **_COUNTS,
    "token_source": "recounted or reported; null where tokens is",
    "finish_reason": "As the provider gave it",
    "model_id": "The id that was asked for",
    "model_echoed": "The id that the response carries",
    "model_echoed_as": "Other names of it that the plan knows, with commas between",
    "system_fingerprint": "As the provider gave it",
    "response_id": "As the provider gave it",
    **answered.NAMES,
    "error_code": "In-band or body error, its code",
    "error_message": "In-band or body error, its message",
    "clock_source": "What stamped the reads",
}


def build(recorded: Recorded, events: pl.DataFrame) -> pl.DataFrame:
    """Marks, counts and status of every recorded request."""
    return of_runs(by_themselves(recorded, events))


def by_themselves(recorded: Recorded, events: pl.DataFrame) -> pl.DataFrame:
    """What requests tell by themselves: all but what hangs on the others of their run."""
    return (
        _facts(recorded)
        .join(_reads(recorded.reads), on="request_id", how="left")
        .join(_marks(events), on="request_id", how="left")
        .join(_recounted(recorded, events), on="request_id", how="left")
        .with_columns(
            pl.col("event_count", "token_event_count", "arrival_count", "reads_stored", "bytes_stored").fill_null(0)
        )
        .with_columns(pl.col("has_error").fill_null(value=False))
    )


def of_runs(facts: pl.DataFrame) -> pl.DataFrame:
    """The table, from what the requests of whole runs tell."""
    return (
        facts.join(windows(facts), on="run_id", how="left")
        .with_columns(status=status(), phase=phase())
        .with_columns(has_metrics=pl.col("status").is_in(WITH_METRICS), **_token_columns())
        .with_columns(served_by=pl.coalesce("served_by_stream", "served_by"))
        .select(*COLUMNS)
        .sort("request_id")
    )


PARTS = Parts(by="runs", index="trace", steps=Steps(by_themselves, of_runs))


def _facts(recorded: Recorded) -> pl.DataFrame:
    """What the trace says before anything is decoded, beside the facts of the run's target."""
    runs = pl.DataFrame(
        [
            {
                "run_id": one.run_id,
                "concurrency": one.concurrency,
                "load": load_kind(one),
                "provider": one.target.provider,
                "engine": one.target.engine,
                "hardware": one.target.hardware,
                "family": one.target.family,
                "provenance": one.target.provenance,
                "model": one.target.model,
                "model_echoed_as": ", ".join(one.target.echoed_as) or None,
            }
            for one in recorded.manifests
        ],
        schema={
            "run_id": pl.String,
            "concurrency": pl.Int32,
            "load": pl.String,
            **dict.fromkeys(("provider", "engine", "hardware", "family", "provenance", "model"), pl.String),
            "model_echoed_as": pl.String,
        },
    )
    return (
        recorded.requests.rename({"model": "model_id"})
        .with_columns(content_type())
        .drop("request_body", "response_headers", "url", strict=False)
        .join(answered.names(recorded.requests), on="request_id", how="left")
        .join(runs, on="run_id", how="left")
    )


def _reads(reads: pl.DataFrame) -> pl.DataFrame:
    """When the first came, how many are stored, and their bytes; `reads` have payloads, or their sizes."""
    if trace.PAYLOAD_BYTES not in reads.columns:
        reads = reads.with_columns(trace.payload_bytes())
    ordered = order.numbered(order.by_read(reads))
    found = ordered.group_by(order.NUMBER, maintain_order=True).agg(
        pl.col("request_id").first(),
        first_byte_ns=pl.col("at_ns").min(),
        reads_stored=pl.len().cast(pl.Int64),
        bytes_stored=pl.col(trace.PAYLOAD_BYTES).sum().cast(pl.Int64),
    )
    return found.drop(order.NUMBER)


def _marks(events: pl.DataFrame) -> pl.DataFrame:
    """Marks and counts from the events; the last usage, finish reason and error win."""
    at = pl.col("at_ns")
    has_content = pl.col("content").fill_null("") != ""
    last = {
        "finish_reason": "finish_reason",
        "prompt_tokens": "prompt_tokens",
        "tokens_reported": "completion_tokens",
        "model_echoed": "model",
        "system_fingerprint": "system_fingerprint",
        "response_id": "response_id",
        "served_by_stream": "served_by",
        "error_code": "error_code",
        "error_message": "error_message",
    }
    ordered = order.numbered(order.by_event(events))
    return (
        ordered.group_by(order.NUMBER, maintain_order=True)
        .agg(
            pl.col("request_id").first(),
            first_event_ns=at.min(),
            first_content_ns=at.filter(has_content).min(),
            event_count=pl.len().cast(pl.Int64),
            has_error=(pl.col("error_message").is_not_null() | pl.col("error_code").is_not_null()).any(),
            **{name: pl.col(column).drop_nulls().last() for name, column in last.items()},
        )
        .drop(order.NUMBER)
        .join(marks.of_tokens(ordered), on="request_id", how="left")
    )


_NOT_COUNTED = pl.DataFrame(
    schema={"request_id": pl.String, "tokens_recounted": pl.Int64, "recounted_first": pl.Int64}
)


def _recounted(recorded: Recorded, events: pl.DataFrame) -> pl.DataFrame:
    """Count tokens of the whole text, and of its first arrival, where the model's tokenizer is known.

    Answers with tool calls are left to the provider's count: their framing is not in the recorded text.
    """
    spec_of = specs(recorded)
    ids = recorded.requests.select("request_id", spec=pl.col("run_id").replace_strict(spec_of, default=None))
    if not spec_of:
        return _NOT_COUNTED
    text = pl.concat_str(pl.col("reasoning").fill_null(""), pl.col("content").fill_null(""))
    first = pl.col("at_ns") == pl.col("at_ns").min()
    texts = (
        events.filter("has_token")
        .sort("request_id", "event_index")
        .with_columns(text=text)
        .group_by("request_id", maintain_order=True)
        .agg(
            whole=pl.col("text").str.join(),
            first=pl.col("text").filter(first).str.join(),
            is_text=(pl.col("text") != "").all(),
        )
        .filter("is_text")
        .join(ids.drop_nulls(), on="request_id", how="inner")
    )
    counted = [
        _count(spec, part) for (spec,), part in texts.sort("request_id").group_by("spec", maintain_order=True)
    ]
    return pl.concat([_NOT_COUNTED, *counted])


def _count(spec: object, texts: pl.DataFrame) -> pl.DataFrame:
    tokenizer = tokens.load(str(spec))
    return texts.select(
        "request_id",
        tokens_recounted=pl.Series(tokens.count(tokenizer, texts["whole"].to_list()), dtype=pl.Int64),
        recounted_first=pl.Series(tokens.count(tokenizer, texts["first"].to_list()), dtype=pl.Int64),
    )


def _token_columns() -> dict[str, pl.Expr]:
    """The count that metrics use, and where it is from."""
    is_recounted = pl.col("tokens_recounted").is_not_null()
    is_reported = pl.col("tokens_reported").is_not_null()
    source = pl.when(is_recounted).then(pl.lit("recounted")).when(is_reported).then(pl.lit("reported"))
    counted = pl.coalesce("tokens_recounted", "tokens_reported")
    first = pl.coalesce("recounted_first", pl.when(is_reported).then(pl.col("events_first_arrival")))
    return {"tokens": counted, "token_source": source, "tokens_first_arrival": first}
