"""Collections that run elsewhere: in a process of their own, or on another machine over SSH.

One connection carries everything. Down its stdin go this very code, the order and, while it lasts, a sign of life
now and then; up its stdout come Dagster Pipes' messages and parcels of traces. The far side needs Python and the
packages of `code.REQUIRES`, ends when the line does, and keeps what has not come home.
"""
