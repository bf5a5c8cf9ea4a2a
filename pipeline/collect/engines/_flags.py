"""Command lines from options."""

from collections.abc import Mapping

Value = str | int | float | bool | None


def words(flags: Mapping[str, Value]) -> list[str]:
    """Flags with their values: None and False leave a flag out, True gives it alone."""
    told: list[str] = []
    for flag, value in flags.items():
        if value is None or value is False:
            continue
        told += [flag] if value is True else [flag, str(value)]
    return told
