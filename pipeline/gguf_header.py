"""What a GGUF file says of its model, without its tensors, as its specification (ggml, docs/gguf.md) lays it out.

The `gguf` package reads the same a hundred times slower: it makes an array of each of a vocabulary's strings.
"""

import os
import struct
from io import BufferedReader
from pathlib import Path
from typing import Any

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MUCH = 1_000_000  # bytes, before which it is not worth asking whether the file has them


def read(path: Path) -> dict[str, Any]:
    """The key-value part of a file: numbers, strings, and lists of either, by their keys.

    A file of another kind, a damaged one, or one that ends early is a ValueError.
    """
    with path.open("rb") as file:
        magic, version, _tensors, pairs = _unpack(file, "<4sIQQ")
        if magic != b"GGUF" or version not in {2, 3}:
            raise ValueError(f"{path} is no GGUF file of version 2 or 3")
        try:
            return {_string(file): _value(file, _unpack(file, "<I")[0]) for _ in range(pairs)}
        except RecursionError as error:
            raise ValueError(f"{path} has lists in lists without an end, at byte {file.tell()}") from error


def _unpack(file: BufferedReader, layout: str) -> tuple[Any, ...]:
    return struct.unpack(layout, _exactly(file, struct.calcsize(layout)))


def _exactly(file: BufferedReader, size: int) -> bytes:
    """So many bytes; no more memory is asked for than the file has, whatever a damaged one says."""
    is_there = size <= _MUCH or size <= os.fstat(file.fileno()).st_size - file.tell()
    found = file.read(size) if is_there else b""
    if len(found) != size:
        raise ValueError(f"{file.name} ends within its header, at byte {file.tell()}")
    return found


def _string(file: BufferedReader) -> str:
    return _exactly(file, _unpack(file, "<Q")[0]).decode()


def _value(file: BufferedReader, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        of_what, count = _unpack(file, "<IQ")
        if of_what in _SCALARS:
            code = f"<{_SCALARS[of_what]}"
            numbers = _exactly(file, count * struct.calcsize(code))
            return [number for (number,) in struct.iter_unpack(code, numbers)]
        return [_value(file, of_what) for _ in range(count)]
    if kind not in _SCALARS:
        raise ValueError(f"{file.name}: no value has the type {kind}, before byte {file.tell()}")
    return _unpack(file, f"<{_SCALARS[kind]}")[0]
