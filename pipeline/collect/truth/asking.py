"""Requests as the truth server reads them: as much HTTP/1.1 as load generators send."""

from dataclasses import dataclass

HEADERS_LIMIT = 64 * 2**10
BODY_LIMIT = 64 * 2**20


class AskedWronglyError(Exception):
    """Bytes that are no request this server can read; the text becomes the body of a 400."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. Scripted streams have no use for its body; simulated providers answer to it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def is_kept_alive(self) -> bool:
        """Whether the client wants to send another request on this connection."""
        return self.headers.get("connection", "").lower() != "close"


def take(inbox: bytearray) -> Asked | None:
    """Take one whole request out of `inbox`; None while it is not there yet."""
    end = inbox.find(b"\r\n\r\n")
    if end < 0:
        if len(inbox) > HEADERS_LIMIT:
            raise AskedWronglyError(f"request headers longer than {HEADERS_LIMIT} bytes")
        return None
    first, *lines = inbox[:end].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    over = end + 4 + _length(headers)
    if len(inbox) < over:
        return None
    words = first.split(" ")
    if len(words) != 3:
        raise AskedWronglyError(f"{first[:80]!r} is no HTTP/1.1 request line")
    body = bytes(inbox[end + 4 : over])
    del inbox[:over]
    return Asked(words[0], words[1], headers, body)


def _length(headers: dict[str, str]) -> int:
    """Length of the body; chunked requests are refused, no client of ours or of the peers sends them."""
    if "transfer-encoding" in headers:
        raise AskedWronglyError("the truth server reads no chunked requests; send a content-length")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        raise AskedWronglyError(f"content-length {length[:40]!r} is not a number up to {BODY_LIMIT}")
    return int(length)
