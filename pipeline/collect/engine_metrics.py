"""What an engine says of itself while it is measured: its Prometheus page, scraped and kept as it came.

Nothing is parsed. A line of the file is one scrape: when it was asked for, how long it took, the page.
Sealing the run compresses the file (`trace.seal_engine_metrics`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

TIMEOUT_S = 2.0


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    """One scrape. `at_ns` is from the run's anchor; `error` is why there is no page."""

    at_ns: int
    took_ns: int
    page: str | None
    error: str | None


@contextmanager
def scraping(url: str | None, path: Path, period_s: float, anchor_ns: int) -> Iterator[None]:
    """Scrape every `period_s` for as long as the body lasts, once more at its end; nothing without a URL."""
    if url is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(url, path, period_s, anchor_ns, stop), name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _run(url: str, path: Path, period_s: float, anchor_ns: int, stop: threading.Event) -> None:
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client, path.open("ab") as file:
        while True:
            is_last = stop.is_set()
            file.write(msgspec.json.encode(_scrape(client, url, anchor_ns)) + b"\n")
            file.flush()
            if is_last:
                return
            stop.wait(period_s)


def _scrape(client: httpx.Client, url: str, anchor_ns: int) -> Scrape:
    before_ns = time.monotonic_ns()
    page, error = None, None
    try:
        answer = client.get(url)
        page, error = (answer.text, None) if answer.status_code == 200 else (None, f"HTTP {answer.status_code}")
    except httpx.HTTPError as failure:
        error = str(failure) or type(failure).__name__
    return Scrape(at_ns=before_ns - anchor_ns, took_ns=time.monotonic_ns() - before_ns, page=page, error=error)
