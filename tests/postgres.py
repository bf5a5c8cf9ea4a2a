"""A Postgres of one's own, from Debian's packages: a folder and a port here, and nothing left of them."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

PASSWORD = "not a secret"
START_S = 60.0


@dataclass(frozen=True)
class Postgres:
    """Where it listens."""

    port: int

    def connect(self):
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, dbname="postgres", user="tokenclock", password=PASSWORD
        )

    def rows(self, query: str) -> list[tuple]:
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()


def programs() -> Path | None:
    """The folder with `initdb`: Debian keeps it off PATH, one a version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def running() -> Iterator[Postgres]:
    """A fresh cluster, until the block ends. Postgres refuses root, who starts it as Debian's user for it."""
    folder = Path(tempfile.mkdtemp(prefix="tokenclock-pg-"))
    who: dict[str, object] = {}
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    try:
        yield from _run(folder, who)
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, who: dict[str, object]) -> Iterator[Postgres]:
    data, password, log = folder / "data", folder / "password", folder / "log"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    where = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **who}
    # md5, because Dagster opens a connection for each event and SCRAM is slow on purpose
    made = [programs() / "initdb", "-D", data, "-U", "tokenclock", "-A", "md5", "--pwfile", password]
    subprocess.run([*made, "--no-sync"], check=True, capture_output=True, **where)
    port = _free_port()
    options = ("-k", folder, "-h", "127.0.0.1", "-p", str(port), "-c", "fsync=off", "-c", "max_connections=30")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [programs() / "postgres", "-D", data, *options], stdout=output, stderr=output, **where
        )
        try:
            _wait(Postgres(port), process, log)
            yield Postgres(port)
        finally:
            process.send_signal(signal.SIGINT)  # "fast": ends sessions instead of waiting for them
            process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait(server: Postgres, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            server.connect().close()
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Postgres did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
