"""Whole load generators against the truth server: what they report of TTFT beside what was true.

One file a tool: the pinned `REQUIREMENT` of an environment of its own, its `command`, and `ttfts_ms`, which reads
the tool's own export. Nothing of a tool is imported here.
"""
