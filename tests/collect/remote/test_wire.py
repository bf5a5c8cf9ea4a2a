"""The line itself: what counts as silence, and that no beat falls into anything else."""

import io
import json
import os
import threading
import time

import pytest

from pipeline.collect.remote import wire
from pipeline.collect.remote.hearing import Hearing
from tests.collect.engines.process_watch import wait_until


@pytest.fixture
def pipe():
    """Its two ends."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        yield stream, writing


def test_silence_counts_only_while_somebody_listens_and_nothing_has_come(pipe):
    stream, writing = pipe
    hearing, heard = Hearing(stream), []
    thread = threading.Thread(target=lambda: heard.extend(hearing))
    wait_until(lambda: hearing.silent_s() > 0)  # from the first moment on
    os.write(writing, b"a word\n")
    assert hearing.silent_s() == 0  # it came in time, and we have not listened yet
    thread.start()
    wait_until(lambda: heard and hearing.silent_s() > 0)
    os.close(writing)
    thread.join()
    assert heard == [b"a word\n"]
    assert hearing.silent_s() == 0  # whoever has heard all is busy with it, and listens no more


def test_a_parcel_that_comes_in_drops_is_taken_as_it_comes(pipe):
    stream, writing = pipe
    hearing = Hearing(stream)
    os.write(writing, b"drop")
    assert hearing.read(1000) == b"drop"
    os.close(writing)
    assert not wire.receive_parcel(hearing, wire.Coming(1, 10), io.BytesIO())


def test_beats_fall_between_lines_and_parcels_and_never_into_them(pipe):
    stream, writing = pipe
    content = os.urandom(2**20)
    far = threading.Thread(target=_far_side, args=(wire.Voice(writing), content))
    far.start()
    hearing, into, lines = Hearing(stream), io.BytesIO(), []
    for line in hearing:
        if line == wire.BEAT:
            continue
        match wire.heard(line):
            case wire.Coming() as coming:
                assert wire.receive_parcel(hearing, coming, into)
            case said:
                lines.append(said)
    far.join()
    assert into.getvalue() == content
    assert lines == [wire.log("x" * 20_000)] * 50


class SlowFile(io.BytesIO):
    """Time passes in each reading: enough for a beat that nobody holds back."""

    def read(self, size=-1):
        time.sleep(0.002)
        return super().read(size)


def _far_side(out, content):
    """Send a parcel between messages, with as many beats as go in between; each in pieces that the pipe takes."""
    with out, wire.beating(out, 1e-4):
        for number in range(50):
            out.writelines((json.dumps(wire.log("x" * 20_000)), "\n"))
            if number == 25:
                wire.send_parcel(out, 1, SlowFile(content))
