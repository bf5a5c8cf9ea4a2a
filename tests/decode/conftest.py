import pytest
from hypothesis import HealthCheck, settings

CORPUS_ROWS = pytest.StashKey[list[str]]()


# A busy machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CORPUS_ROWS] = []


@pytest.fixture
def corpus_rows(request: pytest.FixtureRequest) -> list[str]:
    return request.config.stash.setdefault(CORPUS_ROWS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(CORPUS_ROWS, [])
    if rows:
        terminalreporter.section("wire corpus: dialect, fixture, what it says")
        terminalreporter.write_line("\n".join(sorted(rows)))
