"""Whether a sweep has gone far enough: decided between its levels, from what collecting knows.

Nothing is parsed, so nothing is known of tokens. Answers of one workload ask for equally many, so answers a second
stand for tokens a second; and an answer that took longer than its SLO's first token and all its further tokens may
take together has broken one of these limits, whichever. The tables tell afterwards how it really was.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline import trace
from pipeline.plan import Plan, Run, Saturation

PACE = "pace"
"""In a manifest's `load`: what the levels of a sweep are held against each other by."""

ENVELOPE = ("sent_ns", "end_ns", "http_status", "outcome")
"""What is asked of a request."""


def pace(requests: Iterable[Mapping[str, Any]], most_ms: float | None) -> dict[str, float | None]:
    """Answers a second from the first sent to the last ended, and the share of those within `most_ms`.

    `requests` are envelopes of those measured. An answer is a response that ended by itself with status 200.
    """
    sent = [one for one in requests if one["sent_ns"] is not None]
    answers = [one for one in sent if one["http_status"] == 200 and one["outcome"] == "ended"]
    ends_ns = [one["sent_ns"] + one["end_ns"] for one in answers]
    in_time = [one for one in answers if most_ms is not None and one["end_ns"] <= most_ms * 1e6]
    spread_s = (max(ends_ns) - min(one["sent_ns"] for one in sent)) / 1e9 if answers else 0.0
    return {
        "answers_req_s": len(answers) / spread_s if spread_s > 0 else 0.0,
        "in_time_share": len(in_time) / len(sent) if most_ms is not None and sent else None,
    }


def most_ms(plan: Plan, run: Run) -> float | None:
    """The longest that a request can take within its scenario's SLO; null where the SLO allows any time."""
    scenario = plan.scenarios[run.scenario]
    slo = plan.slos[scenario.slo] if scenario.slo else None
    if slo is None:
        return None
    later = plan.workloads[run.workload].output_tokens - 1
    by_parts = slo.ttft_ms + slo.tpot_ms * later if slo.ttft_ms is not None and slo.tpot_ms is not None else None
    known = [limit for limit in (by_parts, slo.e2e_ms) if limit is not None]
    return min(known, default=None)


def reason_to_stop(plan: Plan, run: Run, recorded: Sequence[trace.Manifest]) -> str | None:
    """Why this level of a sweep need not be measured any more, after those that are; None where it must be."""
    name = plan.scenarios[run.scenario].sweep
    sweep = plan.sweeps.get(name) if name else None
    if name is None or sweep is None or sweep.until is None:
        return None
    lower = _levels_below(list(sweep.levels(name)), run, recorded)
    found = (_reason(sweep.until, before, after) for before, after in zip([None, *lower], lower, strict=False))
    return next(filter(None, found), None)


def _levels_below(levels: list[str], run: Run, recorded: Sequence[trace.Manifest]) -> list[trace.Manifest]:
    """The finished levels of the same target, workload and round that come before this one, in order."""
    below = levels[: levels.index(run.scenario)]
    mine = (run.target, run.workload, run.round)
    found = {
        one.scenario: one
        for one in recorded
        if (one.target.name, one.workload, one.round) == mine
        and one.outcome == "finished"
        and PACE in (one.load or {})
    }
    return [found[name] for name in below if name in found]


def _reason(until: Saturation, before: trace.Manifest | None, after: trace.Manifest) -> str | None:
    now, then = _pace(after), _pace(before) if before else {}
    kept, rate = now["in_time_share"], then.get("answers_req_s")
    if kept is not None and kept < until.slo_kept_under:
        return f"at {after.scenario} {kept:.0%} of the answers came within the longest time that the SLO allows"
    gain = now["answers_req_s"] / rate - 1 if rate else None
    if gain is not None and gain < until.gain_under:
        return f"at {after.scenario} answers a second rose by {gain:.1%}, less than {until.gain_under:.0%}"
    return None


def _pace(one: trace.Manifest) -> dict[str, Any]:
    found: dict[str, Any] = (one.load or {})[PACE]
    return found
