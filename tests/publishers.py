"""Publishers and readers for processes of their own; each tells through a pipe what it did."""

import time
from datetime import date, timedelta
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import polars as pl

from pipeline import publish as publication
from pipeline import tables, trace, warehouse
from pipeline.layout import Layout

FIRST = date(2026, 11, 24)
NIGHTS = 3
PAUSE_S = 0.1  # longer than another publisher looks away: they take turns

SEEN = """
SELECT (SELECT count(DISTINCT night) FROM summary) AS summary, (SELECT nights FROM meta) AS meta,
       (SELECT count(*) FROM first_extra) AS first_extra, (SELECT count(*) FROM last_extra) AS last_extra
"""


def stage(layout: Layout) -> None:
    """Stage nights that hold a line of summary each, and nothing else."""
    for number in range(NIGHTS):
        night = FIRST + timedelta(days=number)
        for name in tables.tables():
            frame = tables.empty(name)
            if name == "summary":
                frame = pl.DataFrame([{"night": night, "target": "t"}], schema=frame.schema)
            trace.write_parquet(frame, layout.table(name, night))


@cache
def _beside() -> dict[str, warehouse.Extra]:
    nobody = Layout(Path("nowhere"), Path("nowhere"))
    return publication.beside(nobody, [], [], publication.released(nobody)[0])


def publish_once(layout: Layout, nights: int) -> None:
    """Publish so many nights, and say in every table how many."""
    marked = warehouse.Extra("One row a night", pl.DataFrame({"n": range(nights)}), {"n": "Its number"})
    extras = {"first_extra": marked, **_beside(), "last_extra": marked}
    warehouse.publish(layout, tables.nights(layout)[:nights], extras)


def publish(layout: Layout, tell: Connection) -> None:
    """Publish one night, two nights, three, one, … until somebody ends this."""
    turn = 0
    while True:
        publish_once(layout, 1 + turn % NIGHTS)
        turn += 1
        tell.send(turn)
        time.sleep(PAUSE_S)


def read(layout: Layout, tell: Connection) -> None:
    """Open the warehouse and look at it twice, again and again, until asked how often and what was seen."""
    times, seen = 0, set()
    while not (times and tell.poll()):
        with warehouse.connect(layout) as con:
            seen.add((*con.sql(SEEN).fetchall(), *con.sql(SEEN).fetchall()))
        times += 1
        time.sleep(PAUSE_S / 10)
    tell.send((times, seen))
