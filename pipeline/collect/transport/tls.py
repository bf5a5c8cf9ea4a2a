"""TLS over a socket that somebody else reads and writes, so that reads keep their stamps."""

import asyncio
import contextlib
import socket
import ssl

RECORD = 16384
HEADER = 5


class Tls:
    """One TLS connection in memory: ciphertext in and out on one side, plaintext on the other."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._read, self._pending = self._object.read, self._object.pending

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
        incoming, read = self._incoming, self._read
        incoming.write(data)
        parts: list[bytes] = []
        is_closed = False
        try:
            while part := read(RECORD):
                parts.append(part)
                if not (incoming.pending or self._pending()):  # else the end costs an exception a read
                    break
            else:
                is_closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            is_closed = True
        answer = self._outgoing.read() if self._outgoing.pending else b""
        return parts[0] if len(parts) == 1 else b"".join(parts), is_closed, answer


async def shaken_hands(connected: socket.socket, context: ssl.SSLContext, host: str) -> Tls:
    """Shake hands over a socket. Raises `ssl.SSLError` (certificate errors among them) and `OSError`."""
    loop = asyncio.get_running_loop()
    tls = Tls(context, host)
    is_done, answer = tls.handshake(b"")
    try:
        while not is_done:
            await loop.sock_sendall(connected, answer)
            data = await loop.sock_recv(connected, 4 * RECORD)
            if not data:
                raise ConnectionResetError("the server closed the connection during the TLS handshake")
            is_done, answer = tls.handshake(data)
    except ssl.SSLError:
        with contextlib.suppress(OSError):
            await loop.sock_sendall(connected, tls.alert())
        raise
    await loop.sock_sendall(connected, answer)
    return tls


def are_whole_records(data: bytes) -> bool:
    """Whether these bytes end where a TLS record does, given that they begin with one."""
    at = 0
    while at + HEADER <= len(data):
        at += HEADER + int.from_bytes(data[at + 3 : at + HEADER], "big")
    return at == len(data)
