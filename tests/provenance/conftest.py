import shutil

import pytest

from pipeline import publish
from pipeline.layout import Layout
from tests import nights, streams

HOSTED = {"family": "llama-8b", "title": "Somebody"}
LOCAL = {"kind": "local", "family": "smollm2-135m", "engine": "an-engine", "title": "This engine"}


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A night of two targets, built and published without checks, which have tests of their own."""
    folder = tmp_path_factory.mktemp("published")
    layout = Layout(data=folder / "data", site=folder / "site")
    nights.record(layout, target="hosted", **HOSTED)
    nights.record(layout, target="local", **LOCAL)
    nights.take_census(
        layout, streams.NIGHT, [streams.target("hosted", **HOSTED), streams.target("local", **LOCAL)]
    )
    nights.calibrate(layout, streams.NIGHT)
    nights.enter(layout)
    publish.build_night(layout, streams.NIGHT)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipeline.checks.ensure", lambda *_: [])
        publish.publish_warehouse(layout)
    publish.publish_site(layout)
    return layout


@pytest.fixture
def published(once, layout):
    """A copy of it that may be spoilt."""
    shutil.copytree(once.data, layout.data)
    shutil.copytree(once.site, layout.site)
    return layout
