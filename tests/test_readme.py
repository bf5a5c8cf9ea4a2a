import re
import subprocess

import pytest

from pipeline import cli, ledger, plan, tables
from pipeline.decode.status import STATUSES
from pipeline.tables.metrics import METRICS
from pipeline.tables.summary import RUN_METRICS

ROOT = plan.DEFAULT.parent.parent
README = (ROOT / "README.md").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_make_command_of_the_readme_exists():
    named = re.findall(r"make ((?:[a-z]+ )*[a-z]+)(?=`|\s+#|\n| [A-Z]=)", README)
    words = {word for words in named for word in words.split()}
    assert {"demo", "test", "ui", "sql", "plan", "collect", "build", "publish", "help"} <= words
    assert words <= TARGETS


def test_make_help_lists_every_target():
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == TARGETS


def test_every_path_of_the_readme_exists():
    paths = re.findall(r"`((?:pipeline|sql|expectations)/[\w./*]*)`", README)
    assert len(paths) > 15
    for path in paths:
        assert list(ROOT.glob(path.rstrip("/"))), path


def test_every_status_and_published_metric_is_defined_in_the_readme():
    for status in STATUSES:
        assert status in README, status
    for name in ("ttft_ms", "ttft_cold_ms", "e2e_ms", "tpot_ms", "output_speed_tok_s"):
        assert name in METRICS
        assert f"`{name}`" in README
    assert "output_throughput_tok_s" in RUN_METRICS
    assert "`output_throughput_tok_s`" in README


def test_the_graph_of_the_readme_names_every_table():
    graph = README.partition("## The graph")[2].partition("## Add a")[0]
    assert [name for name in tables.tables() if name not in graph] == []


@pytest.mark.parametrize(
    "command",
    [
        *("demo", "collect", "build", "publish", "sql", "plan", "ui"),
        *("explain", "trace", "verify", "gc", "backup", "restore", "bundle", "ingest"),
    ],
)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert "usage: tokenclock" in capsys.readouterr().out


@pytest.mark.parametrize("release", ["h100-2026-11-27", "h200-2026-11-24"])
def test_the_head_of_a_measured_releases_ledger_is_the_one_that_is_written_down(release):
    lines = ledger.read(ROOT / "data-releases" / release / "traces")
    assert lines[-1].head in (ROOT / "data-releases" / "README.md").read_text()
