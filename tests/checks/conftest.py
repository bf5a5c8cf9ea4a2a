from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest

from pipeline.layout import Layout

from .good_night import Night, good_night


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(data=tmp_path / "data", site=tmp_path / "site")


@cache
def _built() -> Night:
    return good_night()


@pytest.fixture
def night() -> Night:
    """A good night of the test's own, to plant a fault in."""
    return Night(deepcopy(_built().rows), _built().schemas)
