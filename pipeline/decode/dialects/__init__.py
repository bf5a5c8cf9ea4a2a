"""Wire protocols, one file each: a module here says in `DIALECTS` which names it decodes, and how.

It may also name `SLOTS`, the keys that vary from event to event; that only makes it faster.
"""

import importlib
import pkgutil
from functools import cache
from typing import Any

from pipeline.decode.delta import NO_SLOTS, Decode, Slots
from pipeline.errors import TokenclockError


class UnknownDialectError(TokenclockError):
    """A trace names a wire protocol that no module here decodes."""


@cache
def known() -> dict[str, Decode]:
    """Every dialect of every module in this folder, by name."""
    return {name: decode for module in _modules() for name, decode in module.DIALECTS.items()}


@cache
def slots(name: str) -> Slots:
    """The `SLOTS` of the module that decodes the dialect `name`, where it has any."""
    return next((getattr(module, "SLOTS", NO_SLOTS) for module in _modules() if name in module.DIALECTS), NO_SLOTS)


def _modules() -> list[Any]:
    return [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]


def decoder(name: str) -> Decode:
    """Return the function that decodes one event of the dialect `name`."""
    try:
        return known()[name]
    except KeyError:
        raise UnknownDialectError(
            f"unknown dialect {name!r}; known: {', '.join(sorted(known()))}. Correct `dialect` of the target "
            "in plan.toml, or add a module to pipeline/decode/dialects"
        ) from None
