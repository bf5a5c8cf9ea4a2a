from pathlib import Path

import pytest

from pipeline.layout import Layout

from .good_night import Night, good_night


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(data=tmp_path / "data", site=tmp_path / "site")


@pytest.fixture
def night() -> Night:
    return good_night()
