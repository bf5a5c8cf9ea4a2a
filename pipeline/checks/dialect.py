"""As much of DuckDB for SQLAlchemy as great-expectations needs: queries, and which columns a table has."""

from typing import Any

import duckdb
from sqlalchemy import URL, Connection, text, types
from sqlalchemy.engine.default import DefaultDialect


class Audit(DefaultDialect):
    """Every query stands for itself: without transactions, one that raises cannot abort those after it."""

    name = "duckdb"
    driver = "audit"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    supports_native_boolean = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """The driver."""
        return duckdb

    def create_connect_args(self, url: URL) -> Any:
        """The database; no download of extensions, since checks need no network; every file is read anew."""
        settings = {"autoinstall_known_extensions": "false", "enable_external_file_cache": "false"}
        return [url.database], {"config": settings}

    def do_begin(self, dbapi_connection: object) -> None:
        """Begin nothing."""

    def do_commit(self, dbapi_connection: object) -> None:
        """Nothing was begun."""

    def do_rollback(self, dbapi_connection: object) -> None:
        """Nothing was begun."""

    def get_schema_names(self, *_: Any, **__: Any) -> list[str]:
        """The schema that every DuckDB file has."""
        return ["main"]

    def has_table(self, connection: Connection, table_name: str, *_: Any, **__: Any) -> bool:
        """Whether there is a table or view of that name."""
        return bool(self.get_columns(connection, table_name))

    def get_columns(self, connection: Connection, table_name: str, *_: Any, **__: Any) -> Any:
        """Names of a table's columns; their types are DuckDB's business."""
        query = text("SELECT column_name FROM duckdb_columns() WHERE table_name = :name ORDER BY column_index")
        names = connection.execute(query, {"name": table_name}).scalars().all()
        return [{"name": name, "type": types.NULLTYPE, "nullable": True, "default": None} for name in names]
