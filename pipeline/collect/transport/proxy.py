"""Proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`, …), as every other tool on the machine uses them."""

import asyncio
import base64
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from pipeline.collect.transport.recording import HEAD_LIMIT

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Proxy:
    """Where an HTTP proxy listens, and the header that lets us in."""

    host: str
    port: int
    authorization: bytes | None

    def connect(self, host: str, port: int) -> bytes:
        """The request that asks for a tunnel."""
        to = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()
        head = b"CONNECT " + to + b" HTTP/1.1\r\nHost: " + to + b"\r\n"
        return (
            head
            + (b"Proxy-Authorization: " + self.authorization + b"\r\n" if self.authorization else b"")
            + b"\r\n"
        )


def proxy_for(scheme: str, host: str) -> Proxy | None:
    """The proxy for a host, or None; this machine itself is never reached through one."""
    if _is_here(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise OSError(  # the address itself may hold a password
            f"a {parts.scheme} proxy ({parts.hostname}) is not supported; use an http:// proxy, or put {host} into "
            "NO_PROXY"
        )
    return Proxy(parts.hostname, parts.port or 80, _basic(parts.username, parts.password))


def _basic(user: str | None, password: str | None) -> bytes | None:
    if user is None:
        return None
    plain = f"{unquote(user)}:{unquote(password or '')}".encode()
    return b"Basic " + base64.b64encode(plain)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def tunnel(connected: socket.socket, via: Proxy, host: str, port: int) -> None:
    """Have the proxy at the other end of a socket open a tunnel. Raises `OSError` where it does not."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connected, via.connect(host, port))
    answer = b""
    while HEAD_END not in answer and len(answer) <= HEAD_LIMIT:
        more = await loop.sock_recv(connected, 4096)
        if not more:
            raise ConnectionResetError("closed by the proxy")
        answer += more
    _check(answer)


def _check(answer: bytes) -> None:
    """Raise `ConnectionRefusedError` with the proxy's own words unless it opened the tunnel."""
    status = answer.split(b"\r\n", 1)[0].decode("latin-1")
    if " 200" not in status[:13]:
        raise ConnectionRefusedError(f"the proxy refused the tunnel: {status}")
    if not answer.endswith(HEAD_END):
        raise ConnectionRefusedError("the proxy sent more than its answer to CONNECT")
