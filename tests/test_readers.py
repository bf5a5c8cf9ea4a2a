"""Readers and publishers as real processes: nobody waits for anybody, and nobody sees half a publication."""

import multiprocessing
import random
import time
from contextlib import ExitStack, contextmanager

from pipeline import tables, trace, warehouse
from tests import publishers

KILLS = 3
PATIENCE_S = 300  # a bound for a machine that is busy with other things

# Each child is forked by a server that has imported all this and started no thread.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.publishers"])


@contextmanager
def running(what, layout):
    """A process that does this to the warehouse, and the pipe through which it tells; killed in the end."""
    hear, tell = processes.Pipe()
    process = processes.Process(target=what, args=(layout, tell), daemon=True)
    process.start()
    tell.close()
    try:
        yield hear
    finally:
        process.kill()
        process.join()
        hear.close()


def told(hear):
    """The next word of a process; one that died has none, and that fails the test."""
    assert hear.poll(PATIENCE_S)
    return hear.recv()


def test_readers_never_fail_nor_see_half_a_night_while_publishers_publish_and_are_killed(layout):
    publishers.stage(layout)
    publishers.publish_once(layout, 1)
    with ExitStack() as stack, warehouse.connect(layout) as old:
        readers = [stack.enter_context(running(publishers.read, layout)) for _ in range(2)]
        steady = stack.enter_context(running(publishers.publish, layout))
        for _ in range(KILLS):
            with running(publishers.publish, layout) as mortal:
                told(mortal)
                time.sleep(random.random() * 2 * publishers.PAUSE_S)  # until anywhere in its pause or its next one
        while told(steady) < publishers.NIGHTS:
            pass
        for reader in readers:
            reader.send("what did you see?")
        answers = [told(reader) for reader in readers]
        assert old.sql(publishers.SEEN).fetchall() == [(1, 1, 1, 1)], "an open reader keeps what it has opened"
    seen = set.union(*(states for _, states in answers))
    assert {once == twice for once, twice in seen} == {True}, "two looks through one connection are one state"
    assert {len(set(state)) for state, _ in seen} == {1}, "all tables are of one publication"
    assert len({state for state, _ in seen}) > 1, "the readers met several publications"


def test_what_a_killed_publisher_left_is_cleared_by_the_next(layout):
    publishers.stage(layout)
    left = layout.data / ".warehouse.duckdb.999999"
    left.write_bytes(b"half a warehouse")
    publishers.publish_once(layout, 1)
    assert [path.name for path in layout.data.glob(".warehouse*")] == []


def test_a_publication_is_on_the_disk_before_its_name_is_and_then_its_name_is_too(layout, monkeypatch):
    publishers.stage(layout)
    synced, sync = [], trace.sync

    def watched(path):
        synced.append((path, layout.warehouse.exists()))
        sync(path)

    monkeypatch.setattr(trace, "sync", watched)
    publishers.publish_once(layout, 1)
    (aside, was_there), (folder, is_there) = synced
    assert aside.name.startswith(".warehouse.duckdb.")
    assert (was_there, folder, is_there) == (False, layout.data, True)


def test_publishers_take_turns(layout, monkeypatch):
    publishers.stage(layout)
    turns = []

    @contextmanager
    def noted(path):
        turns.append(path)
        yield

    monkeypatch.setattr(warehouse, "FileLock", noted)
    publishers.publish_once(layout, 1)
    assert [path.parent for path in turns] == [layout.data]
    assert tables.nights(layout)
