"""How exact and how cheap the recorder is, beside other clients, all against the truth server in one run.

    python -m bench.collector            the whole grid, up to three times in about eight minutes; docs/bench/
    python -m bench.collector --quick    a few cells once, in seconds; printed, not kept
    python -m bench.collector.peers      the same for whole tools, each in an environment of its own

Belongs here: the grid, the clients, the figures and the bar. Does not: the comparison of stamps with the truth
(`pipeline.collect.calibrate`).
"""
