"""The production instance: the whole nightly job with its history in a real Postgres."""

import os
import shutil
from importlib.util import find_spec

import dagster as dg
import pytest

from pipeline import checks, instance
from pipeline.assets import POOL
from pipeline.collect.night import tonight
from pipeline.layout import PACKAGE
from tests import plans
from tests.servers import HELLO, serving

IN_CI = os.environ.get("CI") == "true"


@pytest.fixture(scope="module")
def postgres():
    missing = [name for name in ("dagster_postgres", "psycopg2") if find_spec(name) is None]
    if missing and not IN_CI:
        pytest.skip(f"{', '.join(missing)}: not installed; `make test` installs it from requirements-dev.lock")
    from tests import postgres

    if postgres.programs() is None and not IN_CI:
        pytest.skip("no Postgres on this machine; on Debian: apt-get install postgresql")
    assert postgres.programs(), "no Postgres in CI; .ci/run installs it"
    with postgres.running() as server:
        yield server


@pytest.fixture
def production(layout, postgres, monkeypatch):
    """The instance as README says to set it up."""
    from tests.postgres import PASSWORD

    layout.dagster_home.mkdir(parents=True)
    shutil.copyfile(PACKAGE / "dagster.postgres.yaml", layout.dagster_home / "dagster.yaml")
    known = {
        "HOST": "127.0.0.1", "PORT": postgres.port, "DATABASE": "postgres", "USER": "tokenclock",
        "PASSWORD": PASSWORD,
    }  # fmt: skip
    for name, value in known.items():
        monkeypatch.setenv(f"TOKENCLOCK_PG_{name}", str(value))
    return layout


def test_the_whole_nightly_job_runs_with_its_history_in_postgres(production, postgres, tmp_path, monkeypatch):
    monkeypatch.setenv("P_API_KEY", "a-key")
    with serving(HELLO) as server:
        monkeypatch.setenv("TOKENCLOCK_PLAN", str(plans.write(tmp_path, server.url)))
        outcome = instance.run_nightly(production, tonight())
    assert outcome == instance.Outcome(succeeded=True, failures=[])
    assert production.warehouse.exists()
    assert (production.site / "index.html").exists()
    assert postgres.rows("SELECT pipeline_name, status FROM runs") == [("nightly", "SUCCESS")]
    count = "SELECT count(*) FROM asset_check_executions WHERE execution_status = 'SUCCEEDED'"
    [(evaluated,)] = postgres.rows(count)
    assert evaluated > 0.8 * len(checks.specs())
    assert list(production.dagster_home.rglob("*.db")) == []
    with dg.DagsterInstance.get() as found:
        assert found.event_log_storage.get_pool_config().default_pool_limit == 1
        assert POOL in found.event_log_storage.get_concurrency_keys()
        assert found.event_log_storage.get_concurrency_info(POOL).active_slot_count == 0
