"""Whoever asked for it is told of failures, and nobody is told a secret."""

import email
import json
import logging

import pytest

from pipeline import alerts
from pipeline.alerts import Alert, AlertError, Channels
from tests import certificates
from tests.mail import receiving
from tests.servers import serving

SECRET = "T000-B000-XXXX"
ALERT = Alert(
    "failure", "nightly of 2026-11-24 failed", ("requests.time_runs_forward: bad",), "nightly", "r1", None
)
OK = [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]


def channels(**known):
    return Channels.from_environment({f"TOKENCLOCK_ALERT_{name.upper()}": value for name, value in known.items()})


def test_nothing_is_sent_unless_the_environment_says_where():
    assert channels().names == []
    assert channels(webhook="", email=" , ").names == []
    assert alerts.send(ALERT, channels()) == []


def test_a_webhook_gets_json_with_a_text_for_people():
    with serving(OK) as server:
        assert alerts.send(ALERT, channels(webhook=f"{server.url}/hook/{SECRET}")) == ["webhook"]
        [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(f"POST /v1/hook/{SECRET} ".encode())
    said = json.loads(body)
    assert said["text"].splitlines() == [ALERT.title, "- requests.time_runs_forward: bad", "Run r1 of nightly"]
    assert (said["kind"], said["run_id"]) == ("failure", "r1")


def test_mail_goes_to_everybody_named():
    with receiving() as box:
        known = channels(email="a@x.org, b@x.org", smtp=f"smtp://127.0.0.1:{box.port}", **{"from": "clock@x.org"})
        assert alerts.send(ALERT, known) == ["e-mail"]
    assert (box.senders, box.recipients) == (["<clock@x.org>"], ["<a@x.org>", "<b@x.org>"])
    message = email.message_from_string(box.messages[0])
    assert message["Subject"] == "tokenclock: nightly of 2026-11-24 failed"
    assert "requests.time_runs_forward: bad" in message.get_payload()


def test_one_channel_that_fails_does_not_keep_the_other_from_working():
    with receiving() as box:
        known = channels(webhook="http://127.0.0.1:9/x", email="a@x.org", smtp=f"smtp://127.0.0.1:{box.port}")
        with pytest.raises(AlertError, match="TOKENCLOCK_ALERT_WEBHOOK: cannot be reached"):
            alerts.send(ALERT, known)
    assert len(box.messages) == 1


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"webhook": f"ftp://x/{SECRET}"}, "ALERT_WEBHOOK: not an http"),
        ({"webhook": f"http://[{SECRET}/"}, "ALERT_WEBHOOK"),
        ({"webhook": f"http://127.0.0.1:9/{SECRET}"}, "ALERT_WEBHOOK: cannot be reached"),
        ({"webhook": f"http://127.0.0.1:9/{SECRET} \n"}, "ALERT_WEBHOOK"),
        ({"email": "a@x.org"}, "ALERT_SMTP: set it to the server"),
        ({"email": "a@x.org", "smtp": f"http://u:{SECRET}@x"}, "ALERT_SMTP: set it to the server"),
        ({"email": "a@x.org", "smtp": f"smtp://u:{SECRET}@127.0.0.1:9"}, "ALERT_SMTP: no mail was sent"),
    ],
)
def test_an_error_names_the_variable_and_not_what_it_holds(known, said, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AlertError) as error:
        alerts.send(ALERT, channels(**known))
    assert said in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert SECRET not in str(error.value) + caplog.text + repr(channels(**known))


def test_what_a_webhook_answers_with_an_error_is_not_delivered():
    refusal = [b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"]
    with serving(refusal) as server, pytest.raises(AlertError, match="answered 404"):
        alerts.send(ALERT, channels(webhook=f"{server.url}/{SECRET}"))


def test_a_password_is_not_sent_in_the_clear(monkeypatch):
    with receiving() as box:
        monkeypatch.setattr(alerts, "AT_HOME", ())
        known = channels(email="a@x.org", smtp=f"smtp://u:{SECRET}@127.0.0.1:{box.port}")
        with pytest.raises(AlertError, match="offers no TLS"):
            alerts.send(ALERT, known)
    assert box.messages == []


@pytest.mark.parametrize(("scheme", "starts_plain"), [("smtps", False), ("smtp", True)])
def test_a_password_goes_inside_tls_from_the_start_or_after_starttls(scheme, starts_plain, tmp_path, monkeypatch):
    certificate = certificates.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    monkeypatch.setattr(alerts, "AT_HOME", ())
    with receiving(certificate.server(), starts_plain=starts_plain) as box:
        alerts.send(ALERT, channels(email="a@x.org", smtp=f"{scheme}://u:{SECRET}@localhost:{box.port}"))
    assert (box.logins, len(box.messages)) == ([f":u:{SECRET}"], 1)


@pytest.mark.parametrize(("scheme", "starts_plain"), [("smtps", False), ("smtp", True)])
def test_a_mail_server_that_nobody_vouches_for_gets_neither_password_nor_mail(scheme, starts_plain, tmp_path):
    with receiving(certificates.make(tmp_path).server(), starts_plain=starts_plain) as box:
        known = channels(email="a@x.org", smtp=f"{scheme}://u:{SECRET}@localhost:{box.port}")
        with pytest.raises(AlertError, match="no mail was sent \\(SSLCertVerificationError\\)"):
            alerts.send(ALERT, known)
    assert (box.logins, box.messages) == ([], [])
