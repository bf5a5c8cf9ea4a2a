"""Looking at processes from outside, through /proc."""

import time
from pathlib import Path


def wait_until(condition, at_most_s: float = 20) -> None:
    deadline = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.02)


def is_idle(pid: int) -> bool:
    """Whether a process uses no processor time for a while."""

    def used() -> list[str]:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]

    before = used()
    time.sleep(0.3)
    return used() == before


def is_gone(pid: int) -> bool:
    """A zombie, which only waits for its parent to look, is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
