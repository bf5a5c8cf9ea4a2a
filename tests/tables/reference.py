"""The metrics once more, slowly, in plain Python, straight from their definitions: no polars, no decoder of ours.

Takes a night as dictionaries: requests as `trace.REQUESTS`, reads as (ns from sent, bytes). Chat streams only.
"""

import json
from itertools import pairwise

FIELDS = ("content", "reasoning", "reasoning_content")


def events(reads):
    """(stamp, JSON or None for [DONE]) of every event; one is complete with its blank line."""
    body, found = b"", []
    for at, data in reads:
        body += data
        while b"\n\n" in body:
            block, body = body.split(b"\n\n", 1)
            text = block.removeprefix(b"data: ")
            found.append((at, None if text == b"[DONE]" else json.loads(text)))
    return found


def delta(event):
    """What an event adds."""
    return (event["choices"][0].get("delta") or {}) if event and event.get("choices") else {}


def of_request(request, reads, count=None):
    """Every metric of a request; None where it has none. `count` counts the tokens of a text, where known."""
    said = events(reads)
    finished = [e for _, e in said if e and e.get("choices") and e["choices"][0].get("finish_reason")]
    if not finished or any(e and "error" in e for _, e in said):
        return None
    bearing = [(at, delta(e)) for at, e in said if any(delta(e).get(name) for name in FIELDS)]
    if not bearing:
        return None  # nothing was answered
    usages = [e["usage"] for _, e in said if e and e.get("usage")]
    text = "".join(d.get(name) or "" for _, d in bearing for name in FIELDS)
    reported = usages[-1]["completion_tokens"] if usages else None
    tokens = count(text) if count else reported
    stamps = sorted({at for at, _ in bearing})
    found = dict.fromkeys(("ttft_ms", "ttft_content_ms", "ttft_cold_ms", "e2e_ms", "tpot_ms", "output_speed_tok_s"))
    found |= {"tokens": tokens, "first_byte_ms": reads[0][0] / 1e6, "prompt_tokens": None, "itl_ms": []}
    found["schedule_lag_ms"] = (request["sent_ns"] - request["scheduled_ns"]) / 1e6
    found["arrivals"] = [at for at, _ in bearing]
    if usages:
        found["prompt_tokens"] = usages[-1]["prompt_tokens"]
        found["usd_per_request"] = (found["prompt_tokens"] * 1.0 + reported * 2.0) / 1e6
        found["usd_per_million_tokens"] = 1e6 * found["usd_per_request"] / reported if reported else None
    first, last = stamps[0], stamps[-1]
    found |= {"ttft_ms": first / 1e6, "e2e_ms": last / 1e6}
    content = [at for at, d in bearing if d.get("content")]
    found["ttft_content_ms"] = min(content) / 1e6 if content else None
    if not request["is_connection_reused"]:
        found["ttft_cold_ms"] = (first + request["sent_ns"] - request["connect_started_ns"]) / 1e6
    if tokens is not None:
        of_first = [d for at, d in bearing if at == first]
        opening = "".join(d.get(name) or "" for d in of_first for name in FIELDS)
        later = tokens - (count(opening) if count else len(of_first))
        if later >= 1 and len(stamps) > 1:
            found["tpot_ms"] = (last - first) / 1e6 / later
            found["output_speed_tok_s"] = 1000 / found["tpot_ms"]
        if tokens / len(stamps) <= 1.2:
            found["itl_ms"] = [(b - a) / 1e6 for a, b in pairwise(stamps)]
    return found


def of_run(requests, metrics, concurrency, slo):
    """Throughput of a closed loop, from the metrics of its requests, warm-up left out."""
    sent = sorted(r["sent_ns"] for r in requests)
    opens = sent[min(concurrency, len(sent)) - 1]
    later = [r["sent_ns"] + r["end_ns"] for r in requests if r["sent_ns"] + r["end_ns"] > sent[-1]]
    closes = min(later, default=None)
    good = [(r, m) for r, m in zip(requests, metrics, strict=True) if m]
    found = {"success_rate": len(good) / len(requests)}
    if closes is None or closes <= opens:
        return found
    window_s = (closes - opens) / 1e9
    tokens = sum(
        m["tokens"] / len(m["arrivals"])
        for r, m in good
        for at in m["arrivals"]
        if m["tokens"] is not None and opens < r["sent_ns"] + at <= closes
    )
    ended = [m for r, m in good if opens < r["sent_ns"] + r["end_ns"] <= closes]
    inside = [m for m in ended if all(m[name] is None or m[name] <= limit for name, limit in slo.items())]
    return found | {
        "output_throughput_tok_s": tokens / window_s,
        "request_throughput_req_s": len(ended) / window_s,
        "goodput_req_s": len(inside) / window_s,
    }


def percentile(values, share):
    """Linear interpolation between neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
