import json

import pytest

from pipeline import cli
from tests import nights, plans
from tests.servers import HELLO, serving


@pytest.fixture
def published(layout):
    nights.published(layout, {})
    return layout


def test_plan_sends_nothing_and_tells_requests_tokens_and_dollars(layout, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("P_API_KEY", "k")
    with serving(HELLO) as server:
        assert cli.main(["plan", "--json", "--plan", str(plans.write(tmp_path, server.url))]) == 0
        assert server.connections == 0
    (target,) = json.loads(capsys.readouterr().out)["targets"]
    assert (target["requests"], target["output_tokens"], target["reason"]) == (3, 93, None)
    assert target["usd"] > 0


def test_plan_shows_skipped_targets_with_the_reason(layout, capsys):
    assert cli.main(["plan"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "set GROQ_API_KEY in the environment or in .env" in shown
    assert "Nothing was sent" in shown


def test_a_key_in_a_env_file_enables_a_target(layout, tmp_path, capsys):
    (tmp_path / ".env").write_text("SAMBANOVA_API_KEY=k\n")
    cli.main(["plan", "--json"])
    reasons = {one["target"]: one["reason"] for one in json.loads(capsys.readouterr().out)["targets"]}
    assert reasons["sambanova-llama-3-3-70b"] is None


def test_collect_then_build_gives_tables(layout, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("P_API_KEY", "k")
    with serving(HELLO) as server:
        assert cli.main(["collect", "--json", "--plan", str(plans.write(tmp_path, server.url))]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["outcome"], run["requests"]) == ("finished", 3)
    assert cli.main(["build", "--json"]) == 0
    (rows,) = json.loads(capsys.readouterr().out).values()
    assert (rows["requests"], rows["ttft"], rows["events"]) == (3, 2, 15)


def test_sql_prints_a_table_or_json(published, capsys):
    assert cli.main(["sql", "SELECT count(*) AS n FROM ttft"]) == 0
    assert "1 rows" in capsys.readouterr().out
    assert cli.main(["sql", "--json", "SELECT count(*) AS n FROM ttft"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 3}]


def test_a_session_answers_statements_and_dot_commands(published, capsys, monkeypatch):
    typed = iter([".tables", ".columns ttft", "SELECT", "42 AS answer;", "SELECT nonsense;", ".nonsense", ".quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    monkeypatch.setattr("pipeline.query._remember_lines", lambda _: None)
    assert cli.main(["sql"]) == 0
    out, err = capsys.readouterr()
    assert "latest_night" in out
    assert "Time to first token" in out
    assert "answer" in out
    assert "unknown" in out
    assert "nonsense" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sql", "SELECT 1"], "no warehouse yet"),
        (["build"], "no night was recorded yet"),
        (["plan", "--plan", "none.toml"], "no such plan"),
        (["collect", "--target", "nobody"], "no target `nobody`"),
    ],
)
def test_a_known_error_is_one_line_with_the_cure_and_exit_code_1(layout, capsys, arguments, said):
    assert cli.main(arguments) == 1
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_a_wrong_query_shows_duckdbs_message(published, capsys):
    assert cli.main(["sql", "SELECT * FROM nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
