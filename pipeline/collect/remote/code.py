"""The code that measures elsewhere: what is sent there, and what must be there already."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.collect import host
from pipeline.layout import PACKAGE

PARTS = (
    "__init__.py",
    "collect",
    "errors.py",
    "gguf_header.py",
    "layout.py",
    "ledger.py",
    "plan",
    "plan.toml",
    "progress.py",
    "statistics",
    "trace.py",
)
"""What of this package runs there: the recording half and what it stands on."""

REQUIRES = (
    "dagster_pipes",
    "filelock",
    "httptools",
    "httpx",
    "msgspec",
    "numpy",
    "polars",
    "pyarrow",
    "uvloop",
)
"""Modules that it imports; requirements-collect.lock pins them."""


def files() -> Iterator[tuple[str, bytes]]:
    """Every file to be sent, by its path: the same for the same code."""
    for part in PARTS:
        path = PACKAGE / part
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                yield f"{PACKAGE.name}/{file.relative_to(PACKAGE).as_posix()}", file.read_bytes()
    yield f"{PACKAGE.name}/{host.COMMIT.name}", (host.code_commit() or "").encode()


def packed() -> bytes:
    """All of it as a compressed tar; equal code gives equal bytes."""
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in files():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def bootstrap() -> str:
    """The program that is given to a bare Python: it unpacks the code and becomes it."""
    return Path(__file__).with_name("_bootstrap.py").read_text("utf-8")
