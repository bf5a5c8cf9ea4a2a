"""The port of an engine: free before its start, and its own afterwards."""

import errno
import socket
from pathlib import Path

from pipeline.collect.engines._contract import EngineError

HOST = "127.0.0.1"
_LISTENS = "0A"


def claim_port(engine: str, port: int) -> int:
    """Return `port` if nothing listens there; for 0, a free one."""
    try:
        with socket.create_server((HOST, port)) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is already in use" if taken else f"cannot be had ({error.strerror})"
        raise EngineError(
            f"engine {engine}: port {port} of {HOST} {reason}. Cure: stop what listens there "
            f"(`ss -ltnp 'sport = :{port}'` names it), or set port = 0 to get a free one."
        ) from error


def stranger(port: int, group: int) -> bool:
    """Whether somebody else than a process group listens on the port, as far as /proc can tell."""
    sockets = _listening(port)
    members = [process for process in Path("/proc").glob("[0-9]*") if _descends(int(process.name), group)]
    return bool(sockets) and not any(sockets & _sockets(process) for process in members)


def _listening(port: int) -> set[str]:
    """The sockets that listen on a port, as /proc names them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _lines(table)[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENS and int(local.rsplit(":", 1)[1], 16) == port:
                found.add(f"socket:[{inode}]")
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _descends(pid: int, ancestor: int) -> bool:
    """Whether a process is, or comes from, another."""
    while pid not in (ancestor, 0, 1):
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            return False
    return pid == ancestor


def _sockets(process: Path) -> set[str]:
    try:
        return set(filter(None, map(_link, (process / "fd").iterdir())))
    except OSError:  # a process that is gone meanwhile holds no port
        return set()


def _link(descriptor: Path) -> str | None:
    try:
        return str(descriptor.readlink())
    except OSError:
        return None
