"""Groups of commands beside those of `pipeline.cli`: one file a group, which says its arguments and prints.

A group's module has `add(command, planned)`: `command` makes a subcommand, `planned` is the parser that brings
`--plan`. Belongs here what `pipeline.cli` may hold, and no more.
"""

import argparse
import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import msgspec

from pipeline import console

Command = Callable[..., argparse.ArgumentParser]


def add(command: Command, planned: argparse.ArgumentParser) -> None:
    """Add the commands of every group in this folder."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        importlib.import_module(f"{__name__}.{module.name}").add(command, planned)


def say(options: argparse.Namespace, result: Any, text: str) -> None:
    """Print a result: for people, or as JSON."""
    console.out(msgspec.json.encode(result, enc_hook=str).decode() if options.json else text)
