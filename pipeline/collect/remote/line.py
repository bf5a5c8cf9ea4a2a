"""The near end of the line: hears a far side out, takes in what it sends, and never leaves it running."""

import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any

import msgspec

from pipeline.collect import night as nights
from pipeline.collect.ingest import free, ingest, refuse
from pipeline.collect.parcel import ParcelError
from pipeline.collect.remote import code, ssh, wire
from pipeline.collect.remote.ears import Ears, nobody
from pipeline.collect.remote.hearing import Hearing
from pipeline.errors import TokenclockError
from pipeline.plan import Host, Ssh
from pipeline.progress import Step, tell

BEAT_S = 10.0
PATIENCE_S = 60.0
"""So long nothing comes from the far side, not even a beat, and it is frozen: six beats."""
BEGIN_S = 300.0
"""The same before it has said its first word: a login, an unpacking and the imports come before."""
WATCH_EVERY_S = 5.0
FORCE_S = 15.0
GOODBYE_S = 60.0
"""What the far side gets to stop its engine and to send home what was finished."""
SKEW_TOLD_S = 1.0
LINES_SHOWN = 20
SSH_FAILED = 255  # ssh's own exit status for what went wrong before and beside the command


class FarError(TokenclockError):
    """A collection elsewhere did not end well; the message names the host, what was said there, and the cure."""


class LineCutError(FarError):
    """The line to the far side was cut, or never there: to try again may help."""


@dataclass
class Line:
    """One connection to a far side, from its first byte to its last."""

    this: nights.Collection
    name: str
    ears: Ears
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_SHOWN))
    said: dict[str, Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    pid: int | None = None
    frozen: str | None = None
    has_begun: bool = False
    is_closed: bool = False

    @property
    def host(self) -> Host:
        """Where the far side is."""
        return self.this.plan.hosts[self.name]

    @contextmanager
    def open(self, words: list[str], order: wire.Order) -> Iterator[None]:
        """Start the far side and give it its order. In a session of its own: whoever interrupts, interrupts us."""
        try:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            raise FarError(f"host {self.name}: {words[0]} cannot be started ({error.strerror})") from error
        assert self.process.stdin and self.process.stdout and self.process.stderr  # noqa: S101, PT018 - pipes
        self.stdin, self.hearing = self.process.stdin, Hearing(self.process.stdout)
        self.sending = threading.Lock()
        self.is_over = threading.Event()
        threads = [
            threading.Thread(target=self._note, args=(self.process.stderr,), daemon=True),
            threading.Thread(target=self._beat, daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        ]
        try:
            for thread in threads:
                thread.start()
            self._send(wire.block(code.packed()) + wire.block(msgspec.json.encode(order)))
            yield
        except BaseException:
            self._say_goodbye()
            raise
        finally:
            self.is_over.set()
            self._end()
            for thread in threads:
                thread.join()
            self.hearing.close()

    def hear_out(self) -> None:
        """Hear every line to the last."""
        for line in self.hearing:
            if line == wire.BEAT:
                continue
            match wire.heard(line):
                case wire.Coming() as coming:
                    self._take_in(coming)
                case None:
                    self._told(line.decode(errors="replace").rstrip())
                case message:
                    self._hear(message)

    def recorded(self) -> set[str]:
        """Ids of the runs that this errand recorded; raises `FarError` where it did not end well."""
        status, title = self.process.returncode, self.host.title
        if self.refused:
            raise FarError(f"host {self.name} ({title}): what it sent was refused: {'; '.join(self.refused)}")
        if self.frozen:
            raise LineCutError(f"host {self.name} ({title}): {self.frozen}")
        if "error" in self.said:
            raise FarError(f"host {self.name} ({title}): {self.said['error']}")
        if not self.is_closed or "recorded" not in self.said:
            kind = LineCutError if self.has_begun or status == SSH_FAILED else FarError
            raise kind(f"host {self.name} ({title}): {self._how_it_ended(status)}")
        return set(self.said["recorded"])

    def _how_it_ended(self, status: int) -> str:
        if self.has_begun:
            how = f"the collection there broke off ({_ending(status)})"
            cure = "what was finished is kept, here or there, and the next collection brings it home: collect again"
        elif isinstance(self.host, Ssh) and status == SSH_FAILED:
            how, cure = "cannot be reached", f"see that `{ssh.by_hand(self.host, 'true')}` works without a question"
        else:
            how, cure = f"the collection did not begin there ({_ending(status)})", "read what was said, and mend it"
        return f"{how}. The last that was said there:{self._shown()}\nCure: {cure}."

    def _shown(self) -> str:
        return "".join(f"\n  | {line}" for line in self.last_words) or "\n  | (nothing)"

    def _hear(self, message: Mapping[str, Any]) -> None:
        """Keep what is between the two sides; hand on the rest."""
        self.has_begun = True
        method, params = message["method"], message["params"] or {}
        if method == "report_custom_message" and isinstance(params.get("payload"), dict):
            self._hear_own(params["payload"])
            return
        self.is_closed |= method == "closed"
        if method == "closed" and (error := params.get("exception")):
            self.said["error"] = f"{error['name']}: {error['message'].strip()}"
        self.ears.message(message)

    def _hear_own(self, payload: dict[str, Any]) -> None:
        if "step" in payload:
            tell(Step(**payload["step"]))
        elif "clock_ns" in payload:
            self.pid = int(payload["pid"])
            ahead_s = (payload["clock_ns"] - time.time_ns()) / 1e9
            if abs(ahead_s) > SKEW_TOLD_S:
                text = f"the clock of {self.host.title} is {ahead_s:+.1f} s off ours"
                self.ears.message(wire.log(text, "warning"))
        else:
            self.said |= payload

    def _take_in(self, coming: wire.Coming) -> None:
        """Lay a parcel down, take it in, and say that it is home; one that is refused is kept all the same."""
        inbox = self.this.layout.inbox
        path = free(inbox / ".arriving" / f"{self.name}-{self.this.night}.{coming.number}.tar")
        with path.open("w+b") as file:
            if not wire.receive_parcel(self.hearing, coming, file):
                path.unlink()
                return
            try:
                taken = ingest(self.this.layout.traces, file, path.name)
            except ParcelError as error:
                self.refused.append(f"{error} (kept as {refuse(inbox, path, str(error))})")
            else:
                path.unlink()
                for run in taken.new:
                    self.ears.arrived(run)
        self._send(wire.receipt(coming.number))

    def _send(self, data: bytes) -> None:
        """Send what can be sent: an end of the line shows where we listen."""
        with self.sending, suppress(BrokenPipeError, ValueError):
            self.stdin.write(data)
            self.stdin.flush()

    def _beat(self) -> None:
        while not self.is_over.wait(BEAT_S):
            self._send(wire.BEAT)

    def _watch(self) -> None:
        """End a far side that is silent though the line holds: it would never end by itself, nor would we."""
        while not self.is_over.wait(WATCH_EVERY_S):
            patience_s = PATIENCE_S if self.has_begun else BEGIN_S
            if self.hearing.silent_s() > patience_s:
                ended = self._end_by_force()
                self.frozen = (
                    f"nothing came from there for {patience_s:g} s, not even a beat, though the line held: the "
                    f"collector there is frozen, {ended}. The last that was said there:{self._shown()}\n"
                    "Cure: see there what stops a process (a debugger, a suspended or starved machine, a disk or "
                    "network folder that does not answer) and collect again: what was finished is brought home, as "
                    "interrupted."
                )
                return

    def _end_by_force(self) -> str:
        """Kill the far side where it is, with which its engine ends, and our end of the line; say how it went."""
        said = "and was killed"
        if isinstance(self.host, Ssh):
            said = self._killed_over_ssh(self.host)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(FORCE_S)  # the line ends with what it is for
        self.process.kill()
        return said

    def _killed_over_ssh(self, host: Ssh) -> str:
        if self.pid is None:
            return "and the line was cut"
        kill = ("kill", "-KILL", str(self.pid))
        try:
            done = subprocess.run(
                ssh.words(host, *kill), stdin=subprocess.DEVNULL, capture_output=True, timeout=FORCE_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        else:
            if done.returncode == 0:
                return "and was killed"
            why = done.stderr.decode(errors="replace").strip()
        return f"and could not be killed ({why}; `{ssh.by_hand(host, *kill)}` does it)"

    def _note(self, stderr: IO[bytes]) -> None:
        with stderr:
            for line in stderr:
                self._told(line.decode(errors="replace").rstrip())

    def _told(self, text: str) -> None:
        self.last_words.append(text)
        self.ears.message(wire.log(f"{self.name}: {text}"))

    def _say_goodbye(self) -> None:
        """Ask the far side to end, and take in what it still sends; nobody else hears of it."""
        self.ears = nobody([])
        timer = threading.Timer(GOODBYE_S, self._end_by_force)
        timer.start()
        try:
            self._send(wire.STOP)
            self.hear_out()
        finally:
            timer.cancel()

    def _end(self) -> None:
        """Close the line, which ends the far side wherever it is, and wait for our end of it."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        try:
            self.process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._end_by_force()
            self.process.wait()


def _ending(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
