"""The one ancestor of errors whose message is for the user: the thing, the place and the cure."""


class TokenclockError(Exception):
    """Something the user can mend; a terminal shows the message alone, without a traceback."""
