"""A disk that fails, and a process that is killed, at any chosen file operation."""

import errno
import io
import os
from pathlib import Path


class Killed(BaseException):
    """The process is gone: nothing it would have done afterwards happens."""


class Disk:
    """Counts the operations that change files, and fails from the `at`-th on (or at it alone: `once`).

    A write that fails leaves half of its bytes behind. A full disk still lets go of what it has.
    """

    def __init__(self, at, error, *, once=False):
        self.at, self.error, self.once = at, error, once
        self.count = 0
        self.is_well = False

    def step(self, *, frees=False):
        self.count += 1
        due = self.count == self.at if self.once else self.count >= self.at
        if due and not self.is_well and not (frees and isinstance(self.error, OSError)):
            raise self.error

    def install(self, monkeypatch):
        disk, really = self, Path.open

        class File(io.FileIO):
            def write(self, data):
                try:
                    disk.step()
                except BaseException:
                    super().write(bytes(data)[: len(data) // 2])
                    raise
                return super().write(data)

            def truncate(self, size=None):
                disk.step(frees=True)
                return super().truncate(size)

        def opened(path, mode="r", buffering=-1, **more):
            if mode not in ("wb", "ab"):
                return really(path, mode, buffering, **more)
            file = File(path, mode)
            return file if buffering == 0 else io.BufferedWriter(file)

        monkeypatch.setattr(Path, "open", opened)
        for owner, name in ((Path, "mkdir"), (Path, "rename"), (Path, "replace"), (os, "fsync")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))
        monkeypatch.setattr(Path, "unlink", self._counted(Path.unlink, frees=True))

    def _counted(self, operation, **how):
        def counted(*arguments, **more):
            self.step(**how)
            return operation(*arguments, **more)

        return counted


def full():
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
