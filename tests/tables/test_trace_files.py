from pipeline import tables, trace
from tests import nights, streams

FOLDER = f"night={streams.NIGHT}/target=t/{streams.NIGHT}.t.w.s.r01"


def test_every_file_of_a_run_stands_there_with_its_hash_and_the_manifest_with_its_own(layout):
    one = nights.record(layout)
    built = tables.build(layout, tables.tables()["trace_files"], streams.NIGHT)
    assert built["file"].to_list() == ["manifest.json", "reads.parquet", "requests.parquet"]
    for row in built.to_dicts():
        assert row["path"] == f"{FOLDER}/{row['file']}"
        assert row["sha256"] == trace.sha256(layout.traces / row["path"])
        assert row["rows"] == (one.files[row["file"]].rows if row["file"] in one.files else None)
