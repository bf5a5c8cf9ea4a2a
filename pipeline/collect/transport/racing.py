"""Which of a name's addresses carries the connection: the first that answers, and none can hold the others up.

As RFC 8305 has it: families take turns, the next address is tried when one has failed or has said nothing for a
while, and those that were tried stay in the race.
"""

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

ATTEMPT_S = 0.25
"""How long an address has for itself before the next one is tried beside it."""

Address = tuple[Any, ...]
"""As `getaddrinfo` has it: family, type, protocol, canonical name, socket address."""


async def first_connected(addresses: Sequence[Address]) -> socket.socket:
    """A non-blocking socket, connected to the first address that answers; those of all others are closed.

    Raises the last failure (`OSError`) where none answers, and whatever cancels it; nothing is left open then.
    """
    if len(addresses) == 1:
        return await _connected(addresses[0])
    racing: list[asyncio.Task[socket.socket]] = []
    try:
        return await _won(_in_turns(addresses), racing)
    finally:
        await _called_off(racing)


async def _won(waiting: list[Address], racing: list["asyncio.Task[socket.socket]"]) -> socket.socket:
    """Start one attempt after the other; the winner is taken out of `racing`."""
    failure = OSError("the name has no address")
    while waiting or racing:
        if waiting:
            racing.append(asyncio.create_task(_connected(waiting.pop(0))))
        await asyncio.wait(racing, timeout=ATTEMPT_S if waiting else None, return_when=asyncio.FIRST_COMPLETED)
        for one in [one for one in racing if one.done()]:
            racing.remove(one)
            try:
                return one.result()
            except OSError as error:
                failure = error
    raise failure


async def _called_off(racing: list["asyncio.Task[socket.socket]"]) -> None:
    """End attempts that are of no more use, with their sockets."""
    for one in racing:
        one.cancel()
    for found in await asyncio.gather(*racing, return_exceptions=True):
        if isinstance(found, socket.socket):
            found.close()


async def _connected(address: Address) -> socket.socket:
    family, kind, protocol, _, to = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, to)
    except BaseException:
        made.close()
        raise
    return made


def _in_turns(addresses: Sequence[Address]) -> list[Address]:
    """The same, one of each family after the other: a family without a route costs one attempt."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    return [one for one in chain.from_iterable(zip_longest(*families.values())) if one is not None]
