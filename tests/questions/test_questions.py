import pytest

from pipeline import publish, sql, warehouse
from pipeline.query import run
from tests.questions import answers


@pytest.mark.parametrize("query", sql.queries(), ids=lambda query: query.name)
def test_a_worked_question_has_the_answer_that_was_reviewed(fixed, query):
    said = answers.text(fixed, query)
    assert said == answers.kept(query).read_text("utf-8"), (
        "look at the difference; `make answers` renews what is kept"
    )
    assert len(said.splitlines()) > 5, "an answer without rows shows nothing"


def test_every_kept_answer_has_its_question_and_there_are_at_least_fifteen():
    names = [query.name for query in sql.queries()]
    assert sorted(path.stem for path in answers.FOLDER.glob("*.txt")) == names
    assert len(names) >= 15


def test_questions_are_answered_where_nothing_was_recorded(fixed, layout):
    warehouse.publish(layout, [], publish.beside(layout, [], [], publish.released(layout)[0]))
    for query in sql.queries():
        if "raw_reads(" not in query.sql:  # there are no traces to read
            assert run(layout, query.sql).columns == run(fixed, query.sql).columns, query.name


def test_renewing_an_answer_shows_what_changed(fixed, tmp_path, monkeypatch, capsys):
    (first, *_), shown = sql.queries(), answers.FOLDER
    monkeypatch.setattr(answers, "FOLDER", tmp_path)
    monkeypatch.setattr(sql, "queries", lambda: [first])
    answers.kept(first).write_text((shown / f"{first.name}.txt").read_text().replace("alpha", "omega"))
    (tmp_path / "gone.txt").write_text("")
    answers.renew(fixed)
    told = capsys.readouterr().out
    assert "gone: gone.txt" in told
    assert any(line.startswith("-") and "omega" in line for line in told.splitlines())
    assert any(line.startswith("+") and "alpha" in line for line in told.splitlines())
    assert answers.kept(first).read_text() == (shown / f"{first.name}.txt").read_text()
