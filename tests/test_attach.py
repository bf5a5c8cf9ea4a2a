"""The tables without this project: another DuckDB, polars and pandas, on the Parquet files alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import publish, sql, tables, warehouse
from pipeline.query import run

RELATIONS = """
SELECT table_name, column_name, data_type, comment FROM duckdb_columns()
WHERE NOT internal AND schema_name = 'main' ORDER BY table_name, column_index
"""
MACROS = "SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal ORDER BY function_name"


@pytest.fixture(scope="module")
def elsewhere(fixed, tmp_path_factory):
    """The Parquet files, carried to another place without the warehouse."""
    folder = tmp_path_factory.mktemp("elsewhere") / "what we got"
    shutil.copytree(fixed.data, folder, ignore=shutil.ignore_patterns("warehouse.duckdb", ".*"))
    return folder


def program():
    """DuckDB's own command: beside this Python, else on PATH."""
    found = shutil.which("duckdb", path=Path(sys.executable).parent) or shutil.which("duckdb")
    if found is None:
        raise RuntimeError("no duckdb command; pip install duckdb-cli (it is in requirements-dev.lock)")
    return found


def duckdb_says(folder, text, *first):
    """The answer of DuckDB's command, started in `folder`, to one statement."""
    command = [program(), "-init", "attach.sql", *first, "-json", "-c", text]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout or "[]")


def test_the_command_is_another_duckdb_than_ours(elsewhere):
    [[version]] = [row.values() for row in duckdb_says(elsewhere, "SELECT version()")]
    assert version.startswith("v1.")
    assert duckdb.__version__.startswith("2.")


def test_another_duckdb_sees_every_table_view_macro_column_type_and_comment(fixed, elsewhere):
    ours, theirs = run(fixed, RELATIONS).to_dicts(), duckdb_says(elsewhere, RELATIONS)
    assert ours == theirs
    assert {row["table_name"] for row in theirs} >= {*tables.tables(), "meta", "changes", "side_by_side"}
    assert run(fixed, MACROS).to_dicts() == duckdb_says(elsewhere, MACROS)


def test_another_duckdb_gives_the_same_answer_to_every_worked_question(fixed, elsewhere, tmp_path):
    script = []
    for query in sql.queries():
        *before, last = (one.query.strip().rstrip(";") for one in duckdb.extract_statements(query.sql))
        script += [f"{statement};" for statement in before]
        script.append(f"COPY (\n{last}\n) TO '{tmp_path / query.name}.parquet';")
    duckdb_says(elsewhere, "\n".join(script))
    for query in sql.queries():
        theirs = pl.read_parquet(tmp_path / f"{query.name}.parquet")
        assert_frame_equal(theirs, run(fixed, query.sql), check_dtypes=False)


def test_the_files_are_found_from_anywhere_when_the_folder_is_named(fixed, elsewhere, tmp_path):
    text = f"SET file_search_path = '{elsewhere}'; .read '{elsewhere}/attach.sql'"
    (tmp_path / "ask.sql").write_text(text.replace("; ", ";\n") + "\nSELECT count(*) AS n FROM ttft;\n")
    done = subprocess.run(
        [program(), "-no-init", "-json", "-f", "ask.sql"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == run(fixed, "SELECT count(*) AS n FROM ttft").to_dicts()


def test_polars_and_pandas_read_the_same_rows(fixed, elsewhere):
    ours = run(fixed, "SELECT * FROM ttft ORDER BY request_id")
    by_polars = pl.read_parquet(elsewhere / "tables" / "ttft" / "night=*.parquet").sort("request_id")
    assert_frame_equal(by_polars, ours)
    by_pandas = pd.read_parquet(elsewhere / "tables" / "ttft").sort_values("request_id")
    assert by_pandas["ttft_ms"].tolist() == ours["ttft_ms"].to_list()
    assert list(by_pandas.columns) == ours.columns


def test_where_nothing_was_recorded_the_tables_are_there_without_rows(layout):
    warehouse.publish(layout, [], publish.beside(layout, [], [], publish.released(layout)[0]))
    assert duckdb_says(layout.data, RELATIONS) == run(layout, RELATIONS).to_dicts()
    assert duckdb_says(layout.data, "SELECT count(*) AS n FROM latest_night") == [{"n": 0}]
