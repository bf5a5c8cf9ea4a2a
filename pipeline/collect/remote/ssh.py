"""How another machine is reached: the words of an ssh that asks nobody anything."""

import shlex

from pipeline.plan import Ssh

OPTIONS = (
    "-oBatchMode=yes",  # nobody is there to answer a question
    "-oServerAliveInterval=15",
    "-oServerAliveCountMax=4",
    "-oControlPath=none",  # a connection of our own, which ends with us
    "-oClearAllForwardings=yes",
)
"""Options that go without saying; those of the plan come before them and win."""


def words(host: Ssh, *command: str) -> list[str]:
    """Have the shell there become a command; its words are quoted for it."""
    return ["ssh", "-T", *host.options, *OPTIONS, host.address, "exec " + " ".join(map(quoted, command))]


def by_hand(host: Ssh, *command: str) -> str:
    """The same as a person would type it."""
    return " ".join(["ssh", *host.options, host.address, *command])


def quoted(word: str) -> str:
    """A word for the shell there, which is to know `~/` all the same."""
    return f'"$HOME"/{shlex.quote(word[2:])}' if word.startswith("~/") else shlex.quote(word)
