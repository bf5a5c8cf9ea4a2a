"""What a GGUF file says of its model, without its tensors, as its specification (ggml, docs/gguf.md) lays it out.

The `gguf` package reads the same a hundred times slower: it makes an array of each of a vocabulary's strings.
"""

import struct
from io import BufferedReader
from pathlib import Path
from typing import Any

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


def read(path: Path) -> dict[str, Any]:
    """The key-value part of a file: numbers, strings, and lists of either, by their keys.

    A file of another kind, or one that ends early, is a ValueError.
    """
    with path.open("rb") as file:
        magic, version, _tensors, pairs = _unpack(file, "<4sIQQ")
        if magic != b"GGUF" or version not in {2, 3}:
            raise ValueError(f"{path} is no GGUF file of version 2 or 3")
        return {_string(file): _value(file, _unpack(file, "<I")[0]) for _ in range(pairs)}


def _unpack(file: BufferedReader, layout: str) -> tuple[Any, ...]:
    size = struct.calcsize(layout)
    return struct.unpack(layout, _exactly(file, size))


def _exactly(file: BufferedReader, size: int) -> bytes:
    """So many bytes; no more memory is asked for than the file has."""
    found = file.read(size)
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
            return list(_unpack(file, f"<{count}{_SCALARS[of_what]}"))
        return [_value(file, of_what) for _ in range(count)]
    if kind not in _SCALARS:
        raise ValueError(f"{file.name}: no value has the type {kind}, before byte {file.tell()}")
    return _unpack(file, f"<{_SCALARS[kind]}")[0]
