"""The far end of the line: as long as somebody is heard on stdin, the collection goes on."""

import os
import selectors
import signal
import threading
import time

from pipeline.collect.remote import wire

STDIN = 0
ENDING_S = 90.0
"""What a collection may need to stop its engine and close its run, before it is ended by force."""


class Lifeline:
    """Watches stdin in a thread: ends the process when told to or when the line is cut, and notes receipts."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._receipts: set[int] = set()
        self._news = threading.Condition()
        self.is_cut = False

    def watch(self) -> None:
        """Begin."""
        threading.Thread(target=self._watch, daemon=True).start()

    def await_receipt(self, number: int) -> bool:
        """Wait until a parcel is said to be home; False where the line is cut before."""
        with self._news:
            self._news.wait_for(lambda: self.is_cut or number in self._receipts)
            return number in self._receipts

    def _watch(self) -> None:
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(STDIN, selectors.EVENT_READ)
            while selector.select(self._silence_s) and (piece := os.read(STDIN, 4096)):
                *lines, rest = (rest + piece).split(b"\n")
                with self._news:
                    self._receipts.update(int(line) for line in lines if line.isdigit())
                    self._news.notify_all()
                if wire.STOP.strip() in lines:
                    os.kill(os.getpid(), signal.SIGTERM)
        with self._news:
            self.is_cut = True
            self._news.notify_all()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ENDING_S)
        os._exit(1)
