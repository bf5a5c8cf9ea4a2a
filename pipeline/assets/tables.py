"""Derived tables: an asset each."""

from typing import Any

import dagster as dg

from pipeline import expiry, tables
from pipeline.assets.recording import received, traces_key
from pipeline.assets.shown import FRESH, NIGHTLY, OWNERS, described, night_of, shape
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.plan import Plan


def table(this: Plan, one: tables.Table) -> dg.AssetsDefinition:
    """One derived table."""
    upstream = {name: [name] for name in one.inputs if name != tables.TRACE}
    recorded = [received.key, *map(traces_key, this.targets)] if tables.TRACE in one.inputs else []

    @dg.asset(
        name=one.name,
        deps=[*recorded, *upstream],
        group_name="tables",
        partitions_def=NIGHTLY,
        description=one.title,
        owners=OWNERS,
        kinds={"polars", "parquet"},
        tags={"grain": _grain(one.columns)},
        freshness_policy=FRESH,
        metadata={"dagster/column_schema": described(one.columns)},
    )
    def build(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        night, layout = night_of(context), Layout.from_environment()
        try:
            built = tables.build(layout, one, night)
        except TokenclockError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        if gone := expiry.of(layout.traces, night):
            context.log.warning(f"{one.name} of {night} is kept as it was built, {gone.said}")
        path = layout.table(one.name, night)
        return dg.MaterializeResult(
            metadata={**shape(built.first, one.columns, built.height), "file": dg.MetadataValue.path(path)}
        )

    return build


def _grain(columns: Any) -> str:
    """What a row of a table is about, to select assets by."""
    return next((name for name in ("event", "request", "run") if f"{name}_id" in columns), "target")
