"""The probe of each night: the same greedy questions for all that claim one model. beta serves something else."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from pipeline.layout import Layout
from tests import streams
from tests.questions import traces
from tests.questions.subjects import ENGINE, Subject, subjects, words
from tests.streams import DONE, MS, ROLE, chunk

PROBE = "identity"
SAID = {
    "Why is the sky blue?": "air bends the short waves of light more than the long ones and so we see them",
    "What is a lighthouse?": "a tower by the sea with a lamp that tells ships at night where the rocks are",
    "How is soup made?": "boil what you have in water with some salt until it is soft and then stir",
}
TURNED = {"How is soup made?": "boil what you have in a large pot of water until all of it is soft"}
OTHERWISE = {
    "Why is the sky blue?": "molecules in our atmosphere scatter sunlight and blue is scattered most of all",
    "What is a lighthouse?": "a tower by the sea that guides sailors home and it was once lit by burning oil",
    "How is soup made?": "first you need a good stock which takes several hours of gentle simmering on the stove",
}
ANSWERS = {"alpha": SAID, "beta": OTHERWISE, "gamma": SAID | TURNED}
"""gamma rounds unlike alpha and turns at a near tie in one answer; beta begins one as they do."""


def record(layout: Layout, night: date) -> None:
    """Write the traces of the probe of one of the nights."""
    for subject in subjects(words(layout.data)):
        _record(layout, night, subject)


def _record(layout: Layout, night: date, subject: Subject) -> None:
    target = subject.target
    run_id = f"{night}.{target.name}.{PROBE}.{PROBE}.r01"
    rows = list(_requests(run_id, night, subject))
    workload = {"prompts": list(SAID), "output_tokens": 48, "seed": 7, "unique_prompts": False}
    manifest = streams.manifest(
        run_id, night=night, workload=PROBE, scenario=PROBE, target=target, requests_planned=0,
        warmup_planned=len(rows), requests_recorded=len(rows), started_at=f"{night}T02:30:00+00:00",
        load={"scenario": {"kind": "closed"}, "workload": workload},
        engine=ENGINE if target.engine else None,
    )  # fmt: skip
    traces.write(layout, manifest, rows)


def _requests(run_id: str, night: date, subject: Subject) -> Iterator[traces.Exchange]:
    """One prompt after the other, all of them warm-up: no metric holds them."""
    for index, text in enumerate(ANSWERS[subject.target.name].values()):
        script = _answer(subject, text.split())
        rows = streams.reads(script, f"{run_id}/{index:04d}")
        sent = (1000 + 1500 * index) * MS
        yield streams.request(
            index, run_id, night=night, target=subject.target.name, workload=PROBE, scenario=PROBE, is_warmup=True,
            model=subject.target.model, attempt=1, scheduled_ns=sent, sent_ns=sent, tokens_requested=48,
            end_ns=round(script[-1][0] * MS), read_count=len(rows),
            body_bytes=sum(len(row["payload"]) for row in rows),
        ), rows  # fmt: skip


def _answer(subject: Subject, said: list[str]) -> list[tuple[float, bytes]]:
    """What came back and when, ms from sent: a word an event."""
    first, step = subject.ttft_ms, subject.tpot_ms
    body = [(first + step * n, chunk(word if n == 0 else f" {word}")) for n, word in enumerate(said)]
    end = body[-1][0] + 10
    usage: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": len(said)}}
    told = f"data: {json.dumps(usage)}\n\n".encode()
    return [(first / 2, ROLE), *body, (end, chunk(finish="stop")), (end + 20, told), (end + 21, DONE)]
