"""A mail server that keeps what it is given, on this machine."""

import base64
import contextlib
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Mailbox:
    """Where it listens, who logged in, who sent to whom, and the messages."""

    port: int = 0
    logins: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, box: Mailbox, tls: ssl.SSLContext | None, *, starts_plain: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.box, self.tls, self.starts_plain = box, tls, starts_plain
        box.port = self.server_address[1]


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # of a client that does not trust us
            if not self.server.starts_plain:
                self.go_inside()
            self.say("220 here")
            while (line := self.rfile.readline().decode().strip()) and self.hears(line):
                pass

    def hears(self, line: str) -> bool:
        """Answer a command; whether there may be another."""
        box, verb = self.server.box, line[:4].upper()
        if verb == "EHLO":
            self.say("250-here\r\n250-AUTH PLAIN" + "\r\n250-STARTTLS" * self.can_go_inside())
        elif verb == "STAR":
            self.say("220 go on")
            self.go_inside()
            return True
        elif verb == "AUTH":
            box.logins.append(base64.b64decode(line.rsplit(maxsplit=1)[-1]).decode().replace("\0", ":"))
        elif verb == "DATA":
            self.say("354 go on")
            lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
            box.messages.append("".join(lines))
        elif verb == "MAIL":
            box.senders.append(line.partition(":")[2].split()[0])
        elif verb == "RCPT":
            box.recipients.append(line.partition(":")[2])
        self.say({"QUIT": "221 bye", "AUTH": "235 welcome"}.get(verb, "250 fine"))
        return verb != "QUIT"

    def can_go_inside(self) -> bool:
        return self.server.tls is not None and not isinstance(self.connection, ssl.SSLSocket)

    def go_inside(self) -> None:
        assert self.server.tls
        self.request = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.setup()

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, *, starts_plain: bool = True) -> Iterator[Mailbox]:
    """Take every mail until the block ends. With `tls`, inside it from the start, or after STARTTLS."""
    box = Mailbox()
    with _Server(box, tls, starts_plain=starts_plain) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
