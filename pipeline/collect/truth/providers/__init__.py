"""Hosted providers, simulated: the shape of each one's chunks, headers, limits and errors.

One module here is one provider, and its name is the provider's; it holds `PROVIDER`. Belongs here: what goes over
the wire, as captured streams, vendors' documents and their SDKs show it. Does not: when, and what the answer says
(`pipeline.collect.truth.simulation`). Speeds, ids and limits are made up or out of date by nature: what comes from
here is `simulated` and says nothing of the company whose wire format it borrows.
"""

import importlib
import pkgutil

from pipeline.collect.truth.providers._contract import Provider
from pipeline.errors import TokenclockError


class UnknownProviderError(TokenclockError):
    """A simulation names a provider that is not here."""


def names() -> list[str]:
    """List the providers there are, by their files."""
    return sorted(one.name for one in pkgutil.iter_modules(__path__) if not one.name.startswith("_"))


def find(name: str) -> Provider:
    """Look a provider up by its name."""
    if name not in names():
        raise UnknownProviderError(
            f"provider {name!r} cannot be simulated; known: {', '.join(names())}. Correct `speaks`, or add "
            f"{name}.py to pipeline/collect/truth/providers"
        )
    provider: Provider = importlib.import_module(f"{__name__}.{name}").PROVIDER
    return provider
