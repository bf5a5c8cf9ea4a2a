"""Nights of scripted streams, and all tables of them."""

from pipeline import tables
from tests import streams


def build(recorded, *wanted):
    """Every table of a night, by name; else those wanted, and what they are built from."""
    known, made = tables.tables(), {}
    needed = _with_inputs(known, wanted or known)
    for name, table in known.items():
        if name in needed:
            made[name] = table.build(*(recorded if i == tables.TRACE else made[i] for i in table.inputs))
    return made


def _with_inputs(known, names):
    inputs = {i for name in names for i in known[name].inputs if i != tables.TRACE}
    return {*names, *_with_inputs(known, inputs)} if inputs else {*names}


def night_of(tokenizer, *scripts, **more):
    """A night in which each of these streams answered a request for 50 tokens, one after the other."""
    requests, reads = [], []
    for index, script in enumerate(scripts):
        start = (1000 + 2000 * index) * streams.MS
        end = round(script[-1][0] * streams.MS)
        requests.append(
            streams.request(index, sent_ns=start, scheduled_ns=start, end_ns=end, tokens_requested=50, **more)
        )
        reads += streams.reads(script, f"run/{index:04d}")
    run = streams.manifest(target=streams.target(tokenizer=tokenizer), requests_planned=len(scripts))
    return streams.recorded(requests, reads, run)
