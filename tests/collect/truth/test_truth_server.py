import json
import subprocess
import sys
from contextlib import closing
from typing import get_args

import pytest

from pipeline.collect.truth import faults
from pipeline.collect.truth.child import Certificate, TruthServerError, serving
from tests import certificates
from tests.collect.truth import raw

MS = 1_000_000
CONSTANT = {"kind": "constant", "tokens": 5, "tok_s": 500}
END = b"0\r\n\r\n"


@pytest.fixture(scope="module")
def truth():
    with serving() as running:
        yield running


def test_it_says_where_it_is_and_ends_with_its_parent():
    command = [sys.executable, "-m", "pipeline.collect.truth", "--port", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert json.loads(process.stdout.readline())["port"] > 0
        process.stdin.close()
        assert process.wait(20) == 0


def test_the_golden_stream_is_due_at_the_very_times_of_its_definition(truth):
    body = raw.payload(raw.response(truth, {"kind": "golden"}))
    [log] = truth.logs(["a"])
    due = [(at - log.request_ns) / MS for at in log.due_ns]
    assert due == [100, 300, *range(350, 801, 50), 850, 950, 1050]
    assert log.events == [1] * 15
    assert body.count(b" two two two") == 10
    assert body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(("end", "last"), [("error", b"data: [DONE]\n\n"), ("truncated", b"two two two")])
def test_both_broken_variants_of_the_golden_stream_keep_ten_tokens(truth, end, last):
    body = raw.payload(raw.response(truth, {"kind": "golden", "end": end}))
    assert body.count(b" two") == 9
    assert last in body
    assert (b'"error"' in body) == (end == "error")


def test_nothing_is_sent_before_it_is_due_and_every_byte_is_logged(truth):
    answer = raw.response(truth, CONSTANT)
    [log] = truth.logs(["a"])
    assert all(before >= due for before, due in zip(log.before_ns, log.due_ns, strict=True))
    assert all(after >= before for after, before in zip(log.after_ns, log.before_ns, strict=True))
    assert sum(log.bytes) == len(answer)
    assert sum(log.events) == answer.count(b"\n\n") == 5 + 4
    assert log.accepted_ns <= log.read_ns
    assert log.request_ns <= log.read_ns
    assert log.is_complete


def test_aligned_streams_tick_together_and_others_apart(truth):
    def first_tick(name: str, *, align: bool) -> int:
        raw.response(truth, {**CONSTANT, "align": align}, name)
        return truth.logs([name])[0].due_ns[1] % (2 * MS)

    assert {first_tick("a", align=True), first_tick("b", align=True)} == {0}
    assert first_tick("c", align=False) != first_tick("d", align=False)


def test_bursts_put_their_events_into_one_write(truth):
    raw.response(truth, {"kind": "burst", "tokens": 7, "per_burst": 3, "every_ms": 1})
    assert truth.logs(["a"])[0].events == [1, 3, 3, 1, 3]


def test_what_a_socket_does_not_take_is_sent_later_and_logged_as_it_went(truth):
    connection = raw.connected(truth)
    script = {"kind": "flood", "tokens": 60_000, "per_write": 2_000}
    connection.sendall(raw.ask(truth, script))
    answer = raw.until(connection, END)
    connection.close()
    [log] = truth.logs(["a"])
    assert len(log.bytes) > 32  # more sends than writes: some were partial
    assert sum(log.bytes) == len(answer)
    assert sum(log.events) == answer.count(b"\n\n") == 60_004


def test_a_connection_carries_requests_one_after_the_other_even_when_sent_at_once(truth):
    with closing(raw.connected(truth)) as connection:
        connection.sendall(raw.ask(truth, CONSTANT, "one") + raw.ask(truth, CONSTANT, "two", connection="close"))
        assert raw.rest(connection).count(END) == 2
    assert [log.is_complete for log in truth.logs(["one", "two"])] == [True, True]


def test_a_client_that_leaves_does_not_stop_the_others(truth):
    gone = raw.connected(truth)
    gone.sendall(raw.ask(truth, {"kind": "fault", "fault": "endless", "every_ms": 0.1}, "gone"))
    raw.until(gone, b"\n\n\r\n")
    gone.close()
    raw.response(truth, CONSTANT, "stays")
    assert truth.logs(["stays"])[0].is_complete
    assert not truth.logs(["gone"])[0].is_complete


def test_a_log_is_handed_out_once(truth):
    raw.response(truth, CONSTANT)
    truth.logs(["a"])
    with pytest.raises(TruthServerError, match="handed out before"):
        truth.logs(["a"])


def test_a_script_that_makes_no_sense_is_refused_with_the_reason(truth):
    answer = raw.response(truth, {"kind": "constant", "tokens": 5, "speed": 1})
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"speed" in answer


def test_a_script_can_be_prepared(truth):
    truth.prepare(json.dumps(CONSTANT))
    with pytest.raises(TruthServerError, match="truth script"):
        truth.prepare("{}")


def test_over_tls_the_stream_is_the_same(tmp_path, truth):
    made = certificates.make(tmp_path)
    with serving(Certificate(made.path, made.key)) as sealed:
        context = sealed.trust
        with context.wrap_socket(raw.connected(sealed), server_hostname="localhost") as connection:
            connection.sendall(raw.ask(sealed, CONSTANT, connection="close"))
            assert raw.payload(raw.rest(connection)) == raw.payload(raw.response(truth, CONSTANT))
        [log] = sealed.logs(["a"])
    assert log.events == [1] * 6 + [3]


def test_every_fault_that_can_be_named_has_its_response():
    assert set(get_args(faults.Name)) == set(faults._FAULTS)
