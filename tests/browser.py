"""Headless Chromium for tests: what a person would see, what the page asked for, what it complained about."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Opened:
    """A page, every address it asked for, and every error on its console."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def opened(url: str, width: int = 1280, **context: object) -> Iterator[Opened]:
    """Open `url` and hand over the page once it has loaded."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise RuntimeError("no Chromium on PATH; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            page = browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
            this = Opened(page)
            page.on("request", lambda request: this.requests.append(request.url))
            page.on("console", lambda said: this.errors.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: this.errors.append(str(error)))
            page.goto(url)
            yield this
        finally:
            browser.close()
