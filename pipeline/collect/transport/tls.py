"""TLS over a socket that somebody else reads and writes, so that reads keep their stamps."""

import ssl

RECORD = 16384
HEADER = 5


class Tls:
    """One TLS connection in memory: ciphertext in and out on one side, plaintext on the other."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def handshake(self, data: bytes) -> tuple[bool, bytes]:
        """Feed what the peer sent; return whether the handshake is done, and what to send next."""
        self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False, self._outgoing.read()
        return True, self._outgoing.read()

    def alert(self) -> bytes:
        """What is left to send after a failed handshake: the alert that tells the peer why."""
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """Plaintext to ciphertext."""
        self._object.write(data)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> tuple[bytes, bool, bytes]:
        """Ciphertext of one read to plaintext; whether the peer has closed; what must be sent in answer."""
        self._incoming.write(data)
        parts = []
        is_closed = False
        try:
            while part := self._object.read(RECORD):
                parts.append(part)
            is_closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            is_closed = True
        return b"".join(parts), is_closed, self._outgoing.read()


def are_whole_records(data: bytes) -> bool:
    """Whether these bytes end where a TLS record does, given that they begin with one."""
    at = 0
    while at + HEADER <= len(data):
        at += HEADER + int.from_bytes(data[at + 3 : at + HEADER], "big")
    return at == len(data)
