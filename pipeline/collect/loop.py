"""The event loop of a collection: uvloop, ended in order when somebody interrupts it."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end; on SIGINT or SIGTERM cancel it, clean up, and deliver the signal again.

    uvloop swallows what a signal handler raises unless that is KeyboardInterrupt, and Dagster's raises
    something else: so the signal is taken inside the loop and handed on outside of it.
    """
    if threading.current_thread() is not threading.main_thread():
        return uvloop.run(coroutine)
    outside = {number: signal.getsignal(number) for number in SIGNALS}
    caught: list[signal.Signals] = []
    try:
        return uvloop.run(_interruptible(coroutine, caught))
    except asyncio.CancelledError:
        if not caught:
            raise
    finally:
        for number, handler in outside.items():
            signal.signal(number, handler)
    signal.raise_signal(caught[0])
    raise KeyboardInterrupt  # where the handler outside lets the signal pass, the collection is over all the same


async def _interruptible(coroutine: Coroutine[Any, Any, T], caught: list[signal.Signals]) -> T:
    loop = asyncio.get_running_loop()
    task = loop.create_task(coroutine)

    def interrupt(number: signal.Signals) -> None:
        caught.append(number)
        task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    return await task
