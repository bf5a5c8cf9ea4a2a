import duckdb
import pytest

from pipeline import sql


@pytest.fixture
def folder(tmp_path):
    for name in ("views", "macros", "queries"):
        (tmp_path / name).mkdir()
    return tmp_path


def put(folder, name, text):
    (folder / f"{name}.sql").write_text(text)


def names(folder):
    return [one.name for one in sql.definitions(folder)]


def test_views_and_macros_come_after_what_they_use():
    order = [one.name for one in sql.definitions()]
    assert order.index("side_by_side") < order.index("latest_night")
    assert order.index("percentile") < order.index("p99")


def test_the_order_is_found_across_views_scalar_macros_and_table_macros(folder):
    put(folder, "views/a", "-- One row\nSELECT twice(x) AS y FROM ones(3)")
    put(folder, "macros/ones", "-- Ones\n(n) AS TABLE SELECT 1 AS x FROM c LIMIT n")
    put(folder, "macros/twice", "-- Twice\n(x) AS 2 * x")
    put(folder, "views/c", "-- One row\nSELECT 1 AS one")
    order = names(folder)
    assert order.index("c") < order.index("ones") < order.index("a")
    assert order.index("twice") < order.index("a")
    with duckdb.connect() as con:
        for one in sql.definitions(folder):
            for statement in one.statements:
                con.execute(statement).fetchall()
        assert con.execute("FROM a").fetchall() == [(2,)]
        told = con.execute("SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal").fetchall()
    assert sorted(told) == [("ones", "Ones"), ("twice", "Twice")]


def test_how_a_definition_is_written_in_a_query(folder):
    put(folder, "views/a", "-- One row\nSELECT 1 AS x")
    put(folder, "macros/b", "-- Rows\n(id, n := 2)  AS  TABLE\nSELECT id FROM range(n)")
    put(folder, "macros/c", "-- Value\n-- of x\n(x) AS x + 1")
    found = {one.name: one for one in sql.definitions(folder)}
    assert [(found[name].call, found[name].is_table) for name in "abc"] == [
        ("a", True), ("b(id, n := 2)", True), ("c(x)", False),
    ]  # fmt: skip
    assert found["c"].title == "Value of x"


def test_a_comment_may_describe_columns_and_they_are_no_part_of_the_title(folder):
    put(folder, "views/a", "-- One row a thing: all of it.\n-- x_ms: How long it took [ms]\nSELECT 1 AS x_ms")
    (one,) = sql.definitions(folder)
    assert (one.title, one.columns) == ("One row a thing: all of it.", {"x_ms": "How long it took [ms]"})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"views/a": "-- One row\nSELECT * FROM b", "views/b": "-- One row\nSELECT * FROM a"}, "use each other"),
        ({"views/a": "-- One row\nSELECT f(1)", "macros/f": "-- F\n(x) AS (SELECT x FROM a)"}, "use each other"),
        ({"views/a": "SELECT 1"}, r"a\.sql.*comment"),
        ({"views/a": "-- One row\nSELEC 1"}, r"a\.sql.*syntax"),
        ({"macros/f": "-- F\nCREATE MACRO f(x) AS x"}, r"f\.sql: write what follows the name"),
        ({"views/a": "-- One row\nSELECT 1", "macros/a": "-- F\n(x) AS x"}, "both named a"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(folder, files, said):
    for name, text in files.items():
        put(folder, name, text)
    with pytest.raises(sql.SqlError, match=said):
        sql.definitions(folder)


def test_a_worked_question_begins_with_the_question_and_what_the_answer_shows(folder):
    put(folder, "queries/good", "-- Who is first? One row a runner,\n-- fastest first.\nSELECT 1")
    (one,) = sql.queries(folder / "queries")
    assert (one.question, one.shows) == ("Who is first?", "One row a runner, fastest first.")
    put(folder, "queries/bad", "-- Runners\nSELECT 1")
    with pytest.raises(sql.SqlError, match=r"bad\.sql.*question"):
        sql.queries(folder / "queries")
