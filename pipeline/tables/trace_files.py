"""One row a file of a run as it was recorded: where it lies, and its hash."""

import polars as pl

from pipeline.tables.recorded import Recorded
from pipeline.trace import Manifest, run_path

INPUTS = ("trace",)

MANIFEST = "manifest.json"

COLUMNS = {
    "run_id": "Run that the file belongs to. Key with file",
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "file": "Its name: manifest.json, or a file that the manifest vouches for",
    "path": "Where it lies under data/traces",
    "sha256": "Hash of its content; the manifest's own stands in the ledger too",
    "rows": "Rows in it; null of the manifest",
}

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.String),
    "night": pl.Date,
    "rows": pl.Int64,
}


def build(recorded: Recorded) -> pl.DataFrame:
    """Each manifest of the night, and the files that it vouches for."""
    rows = [row for one in recorded.manifests for row in _rows(one, recorded.manifest_hashes.get(one.run_id))]
    return pl.DataFrame(rows, schema=_SCHEMA).sort("run_id", "file")


def _rows(one: Manifest, manifest_sha256: str | None) -> list[dict[str, object]]:
    files = {name: (file.sha256, file.rows) for name, file in one.files.items()}
    folder = run_path(one.night, one.target.name, one.run_id)
    return [
        {
            "run_id": one.run_id,
            "night": one.night,
            "target": one.target.name,
            "file": name,
            "path": f"{folder}/{name}",
            "sha256": sha256,
            "rows": rows,
        }
        for name, (sha256, rows) in {MANIFEST: (manifest_sha256, None), **files}.items()
    ]
