import json
import shutil
from datetime import date

import duckdb
import polars as pl
import pytest

from pipeline import checks, cli, ledger, publish, trace
from pipeline.checks import suites
from pipeline.provenance import verify
from pipeline.provenance.verify import VerifyError
from tests import nights, streams

NIGHT = streams.NIGHT
RUN = f"night={NIGHT}/target=local/{NIGHT}.local.w.s.r01"
OTHER = f"night={NIGHT}/target=hosted/{NIGHT}.hosted.w.s.r01"
ALTERED = b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"ONE"},"finish_reason":null}]}\n\n'


def only(layout, **how):
    (one,) = verify.verify(layout, **how).differences
    return one


def tamper(layout, change=ALTERED, index=1):
    """Change one payload of the first request, and leave its size as it is."""
    path = layout.traces / RUN / "reads.parquet"
    reads = pl.read_parquet(path)
    payloads = reads["payload"].to_list()
    payloads[index] = payloads[index].replace(b'"one"', b'"ONE"') if change is ALTERED else change
    trace.write_parquet(reads.with_columns(payload=pl.Series(payloads, dtype=pl.Binary)), path)
    return path


def adapt_manifest(layout, *files):
    """What a tamperer does next: make the manifest vouch for the changed files."""
    path = layout.traces / RUN / "manifest.json"
    manifest = json.loads(path.read_text())
    for file in files:
        manifest["files"][file.name]["sha256"] = trace.sha256(file)
    path.write_text(json.dumps(manifest))
    return path


def rewrite_ledger(layout):
    """And next: a ledger that knows nothing of it."""
    (layout.traces / ledger.NAME).unlink()
    nights.enter(layout)


def test_what_was_published_from_its_traces_has_no_difference(published, capsys):
    before = {path: trace.sha256(path) for path in published.data.rglob("*") if path.is_file()}
    assert cli.main(["verify", "--all", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["differences"], said["notes"]) == ([], [])
    assert said["head"] == ledger.read(published.traces)[-1].head
    assert min(said["counts"].values()) > 0
    assert set(said["counts"]) == {
        *("entries of the ledger", "runs", "files", "tables recomputed"),
        *("rows of the warehouse", "charts redrawn", "files of the site"),
    }
    assert {path: trace.sha256(path) for path in published.data.rglob("*") if path.is_file()} == before


def test_a_tampered_read_is_found_by_its_manifest(published, capsys):
    tamper(published)
    assert cli.main(["verify"]) == 1
    said = capsys.readouterr().out
    assert f"traces: traces/{RUN}/reads.parquet" in said
    assert "by the manifest" in said


def test_a_tampered_read_whose_manifest_was_adapted_is_found_by_the_ledger(published):
    adapt_manifest(published, tamper(published))
    one = only(published)
    assert (one.stage, one.file) == ("ledger", f"traces/{RUN}/manifest.json")
    assert one.recomputed.endswith("as entered")


def test_a_tampered_read_with_manifest_and_ledger_rewritten_is_found_in_the_tables(published):
    adapt_manifest(published, tamper(published))
    rewrite_ledger(published)
    one = only(published)
    assert (one.stage, one.table, one.column) == ("tables", "events", "content")
    assert (one.file, one.column) == (f"tables/events/night={NIGHT}.parquet", "content")
    assert one.row == f"request_id = {NIGHT}.local.w.s.r01/0000, event_index = 1"
    assert (one.published, one.recomputed) == ("'one'", "'ONE'")


def test_everything_rewritten_but_what_was_published_is_found_by_the_published_ledger(published):
    noted = ledger.read(published.traces)[0].head
    adapt_manifest(published, tamper(published))
    rewrite_ledger(published)
    publish.build_night(published, NIGHT)
    one = only(published)
    assert (one.stage, one.table) == ("warehouse", "ledger")
    one = only(published, head=noted)
    assert (one.stage, one.recomputed) == ("ledger", f"head {noted}")


def test_a_head_that_was_noted_down_stays_in_the_ledger_while_nights_are_added(published):
    noted = ledger.read(published.traces)[-1].head
    nights.record(published, date(2026, 11, 25))
    shutil.rmtree(published.site)
    published.warehouse.unlink()
    found = verify.verify(published, [NIGHT], head=noted)
    assert (found.differences, found.notes) == (
        [],
        ["no warehouse is published: nothing to compare with the tables"],
    )
    assert found.head != noted


def test_a_read_of_another_size_is_found_by_its_request_even_when_all_hashes_fit(published):
    adapt_manifest(published, tamper(published, change=b"data: [DONE]\n\n"))
    rewrite_ledger(published)
    one = only(published)
    assert (one.stage, one.file, one.column) == ("traces", f"traces/{RUN}/reads.parquet", "body_bytes")
    assert one.row == f"request_id = {NIGHT}.local.w.s.r01/0000"


def test_a_manifest_of_another_run_is_named_as_such(published):
    shutil.copyfile(published.traces / OTHER / "manifest.json", published.traces / RUN / "manifest.json")
    assert only(published).stage == "ledger"
    rewrite_ledger(published)
    one = only(published)
    assert (one.file, one.published) == (f"traces/{RUN}/manifest.json", f"the manifest of {OTHER}")


def test_files_that_are_gone_or_that_nobody_recorded_are_named(published):
    extra = published.traces / RUN / "more.parquet"
    extra.write_bytes(b"x")
    assert only(published).published == "a file"
    extra.unlink()
    shutil.rmtree(published.traces / RUN)
    assert only(published).published == "the file is gone"


def test_a_changed_calibration_is_found_by_the_ledger(published):
    (path,) = published.traces.glob("night=*/calibration/*.json")
    path.write_text(path.read_text().replace("17000.0", "1000.0"))
    one = only(published)
    assert (one.stage, one.file.split("/")[2]) == ("ledger", "calibration")


def test_an_edited_table_is_named_by_row_and_column(published):
    path = published.table("ttft", NIGHT)
    frame = pl.read_parquet(path)
    edited = pl.when(pl.col("request_id") == f"{NIGHT}.local.w.s.r01/0001").then(200.0).otherwise("ttft_ms")
    trace.write_parquet(frame.with_columns(ttft_ms=edited), path)
    one = only(published)
    assert (one.stage, one.table, one.column) == ("tables", "ttft", "ttft_ms")
    assert one.row == f"request_id = {NIGHT}.local.w.s.r01/0001"
    assert (one.published, one.recomputed) == ("200.0", "300.0")


@pytest.mark.parametrize(
    ("spoil", "published_is", "recomputed_is"),
    [
        (lambda frame: frame.head(-1), "(nothing) (1 rows)", "a row (2 rows)"),
        (lambda frame: pl.concat([frame, frame.head(1).with_columns(run_id=pl.lit("no"))]), "a row (3 rows)", None),
        (lambda frame: frame.drop("load"), "(nothing)", "a column"),
        (lambda frame: frame.with_columns(pl.col("round").cast(pl.Int64)), "Int64", "Int32"),
        (lambda frame: frame.reverse(), "'2026-11-24.local.w.s.r01'", "'2026-11-24.hosted.w.s.r01'"),
    ],
)
def test_rows_columns_types_and_order_of_a_table_are_compared(published, spoil, published_is, recomputed_is):
    path = published.table("throughput", NIGHT)
    trace.write_parquet(spoil(pl.read_parquet(path)), path)
    one = only(published)
    assert (one.table, one.published) == ("throughput", published_is)
    assert recomputed_is in (None, one.recomputed)


def test_a_table_that_is_gone_or_of_a_night_without_traces_is_named(published):
    path = published.table("ttft", NIGHT)
    stray = path.with_name("night=2026-11-01.parquet")
    shutil.copyfile(path, stray)
    assert only(published).file == "tables/ttft/night=2026-11-01.parquet"
    path.unlink()
    assert (only(published).file, only(published).published) == (
        f"tables/ttft/night={NIGHT}.parquet",
        "the file is gone",
    )


@pytest.mark.parametrize(
    ("statement", "table", "column"),
    [
        ("UPDATE summary SET p50 = p50 / 2 WHERE target = 'local' AND metric = 'ttft_ms'", "summary", "p50"),
        ("DELETE FROM requests WHERE request_index = 2", "requests", None),
        ("UPDATE ledger SET head = 'x' WHERE entry = 1", "ledger", "head"),
        ("CREATE OR REPLACE VIEW trend AS SELECT 1 AS a", "columns", None),
        ("INSERT INTO check_results (night) VALUES ('2026-11-24')", "check_results", None),
    ],
)
def test_an_edited_warehouse_row_is_named(published, statement, table, column):
    with duckdb.connect(published.warehouse) as con:
        con.execute(statement).fetchall()
    one = only(published)
    assert (one.stage, one.file, one.table) == ("warehouse", "warehouse.duckdb", table)
    assert column in (None, one.column)


REORDER = """CREATE TEMP TABLE kept AS SELECT * FROM ttft ORDER BY request_id DESC;
DELETE FROM ttft; INSERT INTO ttft SELECT * FROM kept"""


def of_warehouse(layout):
    """The site offers the very file, so it differs, too, when the warehouse is written to."""
    return [one for one in verify.verify(layout, everything=True).differences if one.stage == "warehouse"]


def test_the_order_of_rows_in_the_warehouse_says_nothing_and_their_values_do(published):
    with duckdb.connect(published.warehouse) as con:
        before = con.sql("SELECT request_id FROM ttft").fetchall()
        con.execute(REORDER).fetchall()
        assert con.sql("SELECT request_id FROM ttft").fetchall() != before
    assert of_warehouse(published) == []
    with duckdb.connect(published.warehouse) as con:
        con.execute("UPDATE ttft SET ttft_ms = 1 WHERE request_id LIKE '%.local.w.s.r01/0001'").fetchall()
    (one,) = of_warehouse(published)
    assert (one.table, one.column, one.published, one.recomputed) == ("ttft", "ttft_ms", "1.0", "300.0")
    assert one.row == f"request_id = {NIGHT}.local.w.s.r01/0001"


@pytest.fixture
def audited(published, monkeypatch):
    """With the audits of two tables, which are published, too."""
    load = suites.load
    monkeypatch.setattr("pipeline.checks.audits.load", lambda _=None: {n: load()[n] for n in ("ttft", "targets")})
    publish.publish_warehouse(published)
    publish.publish_site(published)
    return published


def test_an_audit_edited_by_hand_is_named_by_what_was_changed_in_it(audited):
    found = verify.verify(audited, everything=True)
    assert (found.differences, found.counts["audits"]) == ([], 2)
    path = audited.audit("ttft", NIGHT)
    text = path.read_text()
    path.write_text(text.replace('"passed": true', '"passed": false', 1))
    stages = {one.stage: one for one in verify.verify(audited, everything=True).differences}
    assert set(stages) >= {"audits", "warehouse"}
    one = stages["audits"]
    assert (one.table, one.row, one.published, one.recomputed) == ("ttft", "results[0].passed", "False", "True")
    assert (stages["warehouse"].table, stages["warehouse"].column) == ("check_results", "passed")
    path.write_text(text.replace(f'"night": "{NIGHT}"', '"night": "no"'))
    assert only(audited).published == "gone, or no audit"


def test_an_edited_chart_is_named_by_the_row_of_its_data(published):
    path = published.charts / "local_ttft.vl.json"
    path.write_text(path.read_text().replace('"p50": 300.0', '"p50": 30.0', 1))
    one = only(published)
    assert (one.stage, one.file) == ("charts", "site/charts/local_ttft.vl.json")
    assert one.row.startswith("datasets.data-")
    assert one.row.endswith(".p50")
    assert (one.published, one.recomputed) == ("30.0", "300.0")


def test_edited_pictures_downloads_and_pages_are_named(published):
    for name, old, new in (
        ("charts/local_ttft.svg", "300", "200"),
        ("downloads/summary.csv", "300.0", "200.0"),
        ("index.html", "300.0", "200.0"),
    ):
        path = published.site / name
        path.write_text(path.read_text().replace(old, new, 1))
    path = published.site / "downloads" / "ttft.parquet"
    pl.read_parquet(path).with_columns(ttft_ms=pl.lit(1.0)).write_parquet(path)
    (published.site / "downloads" / "warehouse.duckdb").unlink()
    (published.charts / "old.svg").write_text("<svg/>")
    found = verify.verify(published, everything=True)
    assert [(one.file, one.column) for one in found.differences] == [
        ("site/charts/local_ttft.svg", None),
        ("site/downloads/summary.csv", None),
        ("site/downloads/ttft.parquet", "ttft_ms"),
        ("site/downloads/warehouse.duckdb", None),
        ("site/index.html", None),
    ]
    assert all(
        "200" in one.published for one in found.differences if one.column is None and "duckdb" not in one.file
    )
    assert found.notes == ["site/charts/old.svg: a file that nothing writes any more"]


def test_with_checks_they_are_run_anew_and_compared(published, monkeypatch):
    with duckdb.connect(published.warehouse) as con:
        row = "SELECT DATE '2026-11-24' AS night, 'ttft' AS table_name, 'c' AS check_name, false AS passed"
        con.execute(f"INSERT INTO check_results BY NAME {row}").fetchall()
    asked = []
    monkeypatch.setattr("pipeline.checks.audit", lambda _, table, night: asked.append(table) or audit(table, night))
    one = only(published, with_checks=True)
    assert (one.stage, one.table, one.column) == ("warehouse", "check_results", None)
    assert {"ttft", "requests", "summary"} <= set(asked)


def audit(table, night):
    return checks.Audit(table=table, night=night, files={}, checks_sha256="0", results=[])


def test_without_ledger_tables_or_warehouse_it_says_what_could_not_be_compared(layout):
    nights.record(layout)
    (layout.traces / ledger.NAME).unlink()
    found = verify.verify(layout)
    assert found.differences == []
    assert [note.split(" ")[0:2] for note in found.notes] == [
        ["no", "ledger"],
        ["2026-11-24:", "recomputed,"],
        ["no", "warehouse"],
    ]


def test_nothing_recorded_or_an_unknown_night_is_an_error(layout):
    with pytest.raises(VerifyError, match="nothing was recorded"):
        verify.verify(layout)
    nights.record(layout)
    with pytest.raises(VerifyError, match="no night 2020-01-01"):
        verify.verify(layout, [date(2020, 1, 1)])
