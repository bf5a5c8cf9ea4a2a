"""An SSH server of our own on this machine: its own keys, one user, nothing of the machine's configuration."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.collect.engines.process_watch import is_gone, wait_until

SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
"""
CLIENT = """
Host box
  HostName 127.0.0.1
  Port {port}
  IdentityFile {folder}/client
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  StrictHostKeyChecking yes
"""


@dataclass(frozen=True)
class Sshd:
    """Where its client's configuration is, and its process."""

    config: Path
    pid: int

    def host(self, python: str, folder: Path) -> str:
        """The stanza of a host in a plan."""
        options = f'options = ["-F", "{self.config}"]\npython = "{python}"\nfolder = "{folder}"'
        return f'kind = "ssh"\naddress = "box"\n{options}'


@contextmanager
def serving(folder: Path) -> Iterator[Sshd]:
    """Run the server until the block ends. Without one to run the test is skipped, but not in CI."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if sshd is None or shutil.which("ssh") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no sshd; .ci/run installs openssh-server")
        pytest.skip("no sshd here; openssh-server has one")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks itself in; it insists
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    (folder / "config").write_text(CLIENT.format(port=port, folder=folder))
    (folder / "sshd_config").write_text(SERVER.format(port=port, folder=folder))
    log = folder / "log"
    log.touch()
    with subprocess.Popen([sshd, "-D", "-f", folder / "sshd_config", "-E", log]) as process:
        try:
            wait_until(lambda: process.poll() is not None or "Server listening" in log.read_text())
            assert process.poll() is None, log.read_text()
            yield Sshd(folder / "config", process.pid)
        finally:
            process.terminate()
    assert is_gone(process.pid)
