"""Telling somebody: a message to a webhook, by e-mail, or to nobody, as the environment says.

Addresses and passwords stay there. No error and no log names more of them than the variable that holds them.
"""

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

from pipeline.errors import TokenclockError

WEBHOOK = "TOKENCLOCK_ALERT_WEBHOOK"
EMAIL = "TOKENCLOCK_ALERT_EMAIL"
SMTP = "TOKENCLOCK_ALERT_SMTP"
SENDER = "TOKENCLOCK_ALERT_FROM"
PATIENCE_S = 10.0
AT_HOME = ("localhost", "127.0.0.1", "::1")


class AlertError(TokenclockError):
    """An alert was not delivered; the message names the variable to mend."""


@dataclass(frozen=True)
class Alert:
    """What happened, in one line and in some more; `night` where it is of one."""

    kind: str
    title: str
    lines: tuple[str, ...]
    job: str
    run_id: str
    night: str | None

    @property
    def text(self) -> str:
        """All of it, for people."""
        return "\n".join([self.title, *(f"- {line}" for line in self.lines), f"Run {self.run_id} of {self.job}"])


@dataclass(frozen=True)
class Channels:
    """Where alerts go. Its `repr` is silent, so that no traceback tells a secret."""

    webhook: str | None
    recipients: tuple[str, ...]
    smtp: str | None
    sender: str

    @classmethod
    def from_environment(cls, known: Mapping[str, str]) -> "Channels":
        """Read the four variables; e-mail needs two of them."""
        recipients = tuple(filter(None, (one.strip() for one in known.get(EMAIL, "").split(","))))
        return cls(
            known.get(WEBHOOK) or None, recipients, known.get(SMTP) or None, known.get(SENDER) or "tokenclock"
        )

    def __repr__(self) -> str:
        return f"Channels({', '.join(self.names) or 'none'})"

    @property
    def names(self) -> list[str]:
        """Which there are."""
        return [name for name, is_on in (("webhook", self.webhook), ("e-mail", self.recipients)) if is_on]


def send(alert: Alert, channels: Channels) -> list[str]:
    """Deliver an alert by every channel, one that fails after the others; return the channels."""
    failures = []
    for name in channels.names:
        try:
            _post(alert, channels.webhook or "") if name == "webhook" else _mail(alert, channels)
        except AlertError as error:
            failures.append(str(error))
    if failures:
        raise AlertError("; ".join(failures))
    return channels.names


def _post(alert: Alert, address: str) -> None:
    """JSON whose `text` is what Slack, Mattermost and their kin show; the rest is for programs."""
    if not _parts(address, "http", "https"):
        raise AlertError(f"{WEBHOOK}: not an http(s) address; set it to where alerts are to be posted")
    body = json.dumps({"text": alert.text, **asdict(alert)}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - as above
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        raise AlertError(f"{WEBHOOK}: the server there answered {error.code}; mend the address") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AlertError(
            f"{WEBHOOK}: cannot be reached ({type(error).__name__}); mend the address or its server"
        ) from None


def _parts(address: str, *schemes: str) -> SplitResult | None:
    """An address of one of these schemes, taken apart; None where it is none."""
    try:
        parts = urlsplit(address.strip())
        is_whole = parts.scheme in schemes and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        return None
    return parts if is_whole else None


def _mail(alert: Alert, channels: Channels) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = f"tokenclock: {alert.title}", channels.sender
    message["To"] = ", ".join(channels.recipients)
    message.set_content(alert.text)
    where = _parts(channels.smtp or "", "smtp", "smtps")
    if where is None:
        raise AlertError(f"{SMTP}: set it to the server that sends the mail: smtps://user:password@host:465")
    try:
        with _server(where) as server:
            if where.username:
                server.login(unquote(where.username), unquote(where.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise AlertError(f"{SMTP}: no mail was sent ({type(error).__name__}); mend the server's address") from None


def _server(where: SplitResult) -> smtplib.SMTP:
    """The mail server. A password crosses a network only inside TLS."""
    host, context = where.hostname or "", ssl.create_default_context()
    if where.scheme == "smtps":
        return smtplib.SMTP_SSL(host, where.port or 465, timeout=PATIENCE_S, context=context)
    server = smtplib.SMTP(host, where.port or 587, timeout=PATIENCE_S)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=context)
    elif where.username and host not in AT_HOME:
        server.close()
        raise AlertError(f"{SMTP}: that server offers no TLS, and the password would be readable; use smtps://")
    return server
