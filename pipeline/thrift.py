"""Thrift's compact protocol, as far as the headers of a Parquet file are written in it.

A field is its number, the code of its type, and its value in bytes. One of number 0 is a member of a list.
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Sequence
from typing import NamedTuple

_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


class Field(NamedTuple):
    """A field of a struct."""

    number: int
    code: int
    value: bytes


def i32(number: int, value: int) -> Field:
    """A whole number."""
    return Field(number, _I32, _zigzag(value))


def i64(number: int, value: int) -> Field:
    """A larger one."""
    return Field(number, _I64, _zigzag(value))


def binary(number: int, value: bytes) -> Field:
    """Bytes."""
    return Field(number, _BINARY, _varint(len(value)) + value)


def text(number: int, value: str) -> Field:
    """A text."""
    return binary(number, value.encode())


def struct(number: int, *fields: Field) -> Field:
    """A struct; `fields` by their numbers."""
    return Field(number, _STRUCT, encode(*fields))


def i32s(number: int, values: Sequence[int]) -> Field:
    """A list of whole numbers."""
    return _list(number, _I32, [_zigzag(value) for value in values])


def texts(number: int, values: Sequence[str]) -> Field:
    """A list of texts."""
    return _list(number, _BINARY, [text(0, value).value for value in values])


def structs(number: int, values: Sequence[Field]) -> Field:
    """A list of structs."""
    return _list(number, _STRUCT, [one.value for one in values])


def encode(*fields: Field) -> bytes:
    """A struct by itself. Numbers of fields rise by 15 at most."""
    parts, before = [], 0
    for number, code, value in fields:
        parts += [bytes([(number - before) << 4 | code]), value]
        before = number
    return b"".join([*parts, b"\0"])


def _list(number: int, code: int, values: Sequence[bytes]) -> Field:
    size = len(values)
    head = bytes([size << 4 | code]) if size < 15 else bytes([0xF0 | code]) + _varint(size)
    return Field(number, _LIST, head + b"".join(values))


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
