"""Words that stanzas are made of, what a stanza is, and the error of one that cannot be used."""

from difflib import get_close_matches
from typing import Annotated, Any

import msgspec

from pipeline.errors import TokenclockError

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Count = Annotated[int, msgspec.Meta(ge=1)]
Usd = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Milliseconds = Annotated[float, msgspec.Meta(gt=0)]


class PlanError(TokenclockError):
    """The plan cannot be used; the message names file, stanza and cure."""


class Stanza(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the plan's file: what it does not know is refused."""


def hint(word: str, known: Any) -> str:
    """The end of a sentence on a word that is not known: the one that may be meant, else all."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known: {', '.join(known)}"
