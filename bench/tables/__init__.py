"""How fast, and in how much memory, stored reads become tables; beside pandas and DuckDB where they do the same."""
