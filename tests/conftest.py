"""What every test may ask for: folders of its own, and an environment without anybody's keys."""

import os

import pytest
from filelock import FileLock
from hypothesis import settings

from pipeline.layout import Layout

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


LONGEST = ("test_demo", "test_definitions", "test_providers_demo", "test_postgres", "test_secrets", "test_publish")


def pytest_xdist_auto_num_workers():
    """One more than there are processors: a fifth of the time a test waits for a server or another process."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """The files that take longest come first: else a processor waits at the end for another one's last file."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture
def layout(tmp_path, monkeypatch):
    """Empty folders, where the process stands and looks."""
    for name in list(os.environ):
        if (name.startswith("TOKENCLOCK_") and name != "TOKENCLOCK_WIRE_CORPUS") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKENCLOCK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TOKENCLOCK_RELEASES", str(tmp_path / "no-releases"))  # computing them takes seconds
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "data" / "dagster"))
    return Layout.from_environment()


def _shared(tmp_path_factory):
    """A folder of this session, the same for all its workers."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


@pytest.fixture(scope="session", autouse=True)
def _shelf(tmp_path_factory):
    """Published nights are made once for all workers."""
    from tests import nights

    nights.shelf = _shared(tmp_path_factory) / "nights"
    nights.shelf.mkdir(exist_ok=True)


@pytest.fixture(scope="session")
def fixed(tmp_path_factory):
    """The warehouse of the fixed traces, for tests that only read it: made once for all workers."""
    from tests.questions.published import published

    folder = _shared(tmp_path_factory) / "fixed"
    layout = Layout(folder / "data", folder / "site")
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "done").exists():
            published(layout)
            (folder / "done").touch()
    return layout
