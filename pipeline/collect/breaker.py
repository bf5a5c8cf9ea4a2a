"""When a run gives up: an endpoint that refuses for good is told so once, not by every request of the night.

A wrong key, an empty account, an id that has ended: the answer to the next request is known. The refused request
stays a request with its own status and bytes; the run is closed as `refused`, in the provider's words.
"""

import re
from dataclasses import dataclass

from pipeline.collect import retry

FINAL = {
    401: "check the key",
    402: "top up the account",
    404: "correct model_id or base_url, or end the target with valid_to",
    410: "end the target with valid_to",
}
"""Answers that hold for the next request as well, and what to do."""

ENDED = re.compile(rb"model_(?:decommissioned|not_found|deprecated)|decommissioned", re.IGNORECASE)
"""What a 400 or 403 says of an id that has ended; Groq answers 400 `model_decommissioned`."""

FOR_NOW = retry.REFUSALS | {408, 409, 425}
IN_A_ROW = 3
"""Other refusals (400, 403, 422, …) may be of one prompt; after so many on end they are of all."""

WORDS = 300
"""Characters of a body that are quoted."""


@dataclass
class Breaker:
    """Watches the answers of one run."""

    in_a_row: int = 0

    def said(self, status: int | None, payloads: list[bytes]) -> str | None:
        """Why no further request makes sense, after an answer; None where the next may well succeed."""
        is_refused = status is not None and 400 <= status < 500 and status not in FOR_NOW
        self.in_a_row = self.in_a_row + 1 if is_refused else 0
        if status is None or not is_refused:
            return None
        body = b"".join(payloads)
        cure = FINAL.get(status) or (FINAL[404] if ENDED.search(body) else None)
        if cure is None and self.in_a_row < IN_A_ROW:
            return None
        return f"HTTP {status}: {quoted(body)} – not asked again in this round; {cure or 'correct the request'}"


def quoted(body: bytes) -> str:
    """The beginning of a body as one line."""
    line = " ".join(body[: 4 * WORDS].decode("utf-8", "replace").split())
    return line if len(line) <= WORDS else f"{line[:WORDS]}…"
