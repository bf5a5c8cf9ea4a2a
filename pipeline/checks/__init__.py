"""What must hold of a night's tables before it is published, run by great-expectations over DuckDB.

Belongs here: reading `expectations/`, running it, and the audits it leaves beside the tables. The checks
themselves are no Python: `<table>.json` is a suite of great-expectations, `<table>.<rule>.sql` selects rows
that should not exist. great_expectations takes seconds to import, so only `audit` and `ensure` do.
"""

from pipeline.checks.audits import (
    COMMENTS,
    Audit,
    Result,
    audit,
    blocking,
    by_checks,
    ensure,
    failing_rows,
    frame,
    is_current,
    marks,
    read_audit,
    vouched,
)
from pipeline.checks.expect import AuditError
from pipeline.checks.suites import Check, CheckError, specs

__all__ = [
    "COMMENTS",
    "Audit",
    "AuditError",
    "Check",
    "CheckError",
    "Result",
    "audit",
    "blocking",
    "by_checks",
    "ensure",
    "failing_rows",
    "frame",
    "is_current",
    "marks",
    "read_audit",
    "specs",
    "vouched",
]
