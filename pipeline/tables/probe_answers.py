"""One row an answered prompt of a probe: what a target says, greedily, to a question that never changes."""

from hashlib import sha256
from typing import Any

import msgspec
import polars as pl

from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts
from pipeline.tables.recorded import Recorded
from pipeline.trace import Manifest

INPUTS = ("trace", "requests", "events")

_OF_RUNS = {
    **dict.fromkeys(("run_id", "precision", "tokenizer", "probe"), pl.String),
    "prompts": pl.Int32,
    "prompts_sha256": pl.String,
}

COLUMNS = {
    **{name: KEYS[name] for name in ("request_id", "night", "target", "model", "family", "provenance")},
    "provider": "Who runs the endpoint",
    "model_id": "The id that was asked for",
    "precision": "Precision of the weights that the target claims; null where it claims none",
    "tokenizer": "Where the model's own tokenizer is; null where it is not known",
    "probe": "The probe, as named in the plan",
    "prompt_index": "Which of its prompts, from 0",
    "prompts_sha256": "Hash of its prompts, length and seed: answers to different ones are not compared",
    "status": "How the request ended: complete or length",
    "reasoning": "Reasoning text of the answer; null where there is none",
    "content": "Text of the answer itself; null where there is none",
}


def _probe(run: Manifest) -> dict[str, Any]:
    """The workload of a run whose prompts are fixed; of others nothing."""
    workload: dict[str, Any] = (run.load or {}).get("workload", {})
    return workload if workload.get("prompts") else {}


PARTS = Parts(by="requests", index="requests", runs=lambda run: bool(_probe(run)))
USES = {"events": ("request_id", "event_index", "reasoning", "content")}


def build(recorded: Recorded, requests: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Texts of the probe requests that ended well."""
    asked = requests.filter("has_metrics").join(_runs(recorded), on="run_id")
    texts = (
        events.join(asked, on="request_id", how="semi")
        .sort("request_id", "event_index")
        .group_by("request_id")
        .agg(*(pl.col(name).drop_nulls().str.join() for name in ("reasoning", "content")))
        .with_columns(pl.when(pl.col(name) != "").then(name) for name in ("reasoning", "content"))
    )
    return (
        asked.join(texts, on="request_id")
        .with_columns(prompt_index=pl.col("request_index") % pl.col("prompts"))
        .select(*COLUMNS)
        .sort("request_id")
    )


def _runs(recorded: Recorded) -> pl.DataFrame:
    """The runs of probes: those whose prompts are fixed."""
    rows = [
        {
            "run_id": one.run_id,
            "precision": one.target.precision,
            "tokenizer": one.target.tokenizer,
            "probe": one.workload,
            "prompts": len(workload["prompts"]),
            "prompts_sha256": _sha256([workload["prompts"], workload["output_tokens"], workload.get("seed")]),
        }
        for one in recorded.manifests
        if (workload := _probe(one))
    ]
    return pl.DataFrame(rows, schema=_OF_RUNS)


def _sha256(said: object) -> str:
    return sha256(msgspec.json.encode(said)).hexdigest()
