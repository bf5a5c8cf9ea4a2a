"""Wire protocols, one file each: a module here says in `DIALECTS` which names it decodes, and how."""

import importlib
import pkgutil
from functools import cache

from pipeline.decode.delta import Decode
from pipeline.errors import TokenclockError


class UnknownDialectError(TokenclockError):
    """A trace names a wire protocol that no module here decodes."""


@cache
def known() -> dict[str, Decode]:
    """Every dialect of every module in this folder, by name."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {name: decode for module in modules for name, decode in module.DIALECTS.items()}


def decoder(name: str) -> Decode:
    """Return the function that decodes one event of the dialect `name`."""
    try:
        return known()[name]
    except KeyError:
        raise UnknownDialectError(
            f"unknown dialect {name!r}; known: {', '.join(sorted(known()))}. Correct `dialect` of the target "
            "in plan.toml, or add a module to pipeline/decode/dialects"
        ) from None
