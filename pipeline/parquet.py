"""Parquet files of long tables, written in a fraction of the usual time.

In such tables most columns say the same in row after row: who is measured, what an event does not hold. Other
writers hash every value of them. Here neighbours are compared, and a stretch of equal values is written as what
Parquet has for it, a run of an index into a dictionary. Columns whose values differ from row to row are encoded by
polars, and put beside the others as they are. What a reader gets is a plain file:
https://parquet.apache.org/docs/file-format/
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline import thrift
from pipeline.thrift import Field

RUN_ROWS = 16
"""With as many rows a stretch, on average, a column is written in runs."""

LEVEL = 1
"""Of zstd: what is left are stamps, of which a higher one takes off hardly anything for twice the time."""

_MAGIC = b"PAR1"
_ZSTD = 6
_PLAIN, _RLE, _DICTIONARY = 0, 3, 8  # encodings
_ENCODINGS = {"PLAIN": _PLAIN, "RLE": _RLE, "RLE_DICTIONARY": _DICTIONARY}


class _Kind(NamedTuple):
    """A type: its number in Parquet, how a value lies in memory, and what Parquet calls it beyond that."""

    number: int
    memory: str
    called: tuple[Field, ...] = ()


_CALLED_STRING = (thrift.i32(6, 0), thrift.struct(10, thrift.struct(1)))
_CALLED_DATE = (thrift.i32(6, 6), thrift.struct(10, thrift.struct(6)))
_KINDS: Mapping[Any, _Kind] = {
    pl.Boolean: _Kind(0, "?"),
    pl.Int32: _Kind(1, "<i4"),
    pl.Date: _Kind(1, "<i4", _CALLED_DATE),
    pl.Int64: _Kind(2, "<i8"),
    pl.Float64: _Kind(5, "<f8"),
    pl.String: _Kind(6, "<V16", _CALLED_STRING),
}


def can_hold(schema: pl.Schema) -> bool:
    """Whether all columns are of the few types that are written here."""
    return set(schema.dtypes()) <= set(_KINDS)


@dataclass(frozen=True)
class _Chunk:
    """A column of a row group as it lies in the file, and what the footer says of it."""

    content: bytes
    plain_bytes: int
    encodings: Sequence[int]
    dictionary_bytes: int
    values: int
    limits: tuple[bytes, bytes] | None
    nulls: int


class Writer:
    """Writes row groups of one schema to a file; nothing can read it before it is closed."""

    def __init__(self, file: BinaryIO, schema: pl.Schema, metadata: Mapping[str, str]) -> None:
        self._file, self._schema, self._metadata = file, schema, metadata
        self._groups: list[Field] = []
        self._rows = 0
        self._place = file.write(_MAGIC)

    def write(self, frame: pl.DataFrame) -> None:
        """Write the rows of a frame as one row group."""
        start, columns, plain = self._place, [], 0
        for (name, kind), chunk in zip(self._schema.items(), _chunks(frame), strict=True):
            columns.append(_column(name, _KINDS[kind], chunk, self._place))
            self._place += self._file.write(chunk.content)
            plain += chunk.plain_bytes
        group = (
            thrift.structs(1, columns),
            thrift.i64(2, plain),
            thrift.i64(3, frame.height),
            thrift.i64(5, start),
            thrift.i64(6, self._place - start),
        )
        self._groups.append(thrift.struct(0, *group))
        self._rows += frame.height

    def close(self) -> int:
        """Write what the file holds, and where; return its rows."""
        by_kind = [thrift.struct(0, thrift.struct(1)) for _ in self._schema]
        footer = thrift.encode(
            thrift.i32(1, 1),
            thrift.structs(2, list(_elements(self._schema))),
            thrift.i64(3, self._rows),
            thrift.structs(4, self._groups),
            thrift.structs(
                5, [thrift.struct(0, thrift.text(1, key), thrift.text(2, of)) for key, of in self._metadata.items()]
            ),
            thrift.text(6, "tokenclock"),
            thrift.structs(7, by_kind),
        )
        self._file.write(footer + len(footer).to_bytes(4, "little") + _MAGIC)
        return self._rows


def _elements(schema: pl.Schema) -> Iterator[Field]:
    """The schema: its root, and a column each, any of whose values may be null."""
    yield thrift.struct(0, thrift.text(4, "root"), thrift.i32(5, len(schema)))
    for name, dtype in schema.items():
        kind = _KINDS[dtype]
        yield thrift.struct(0, thrift.i32(1, kind.number), thrift.i32(3, 1), thrift.text(4, name), *kind.called)


def _column(name: str, kind: _Kind, chunk: _Chunk, place: int) -> Field:
    about = [
        thrift.i32(1, kind.number),
        thrift.i32s(2, chunk.encodings),
        thrift.texts(3, [name]),
        thrift.i32(4, _ZSTD),
        thrift.i64(5, chunk.values),
        thrift.i64(6, chunk.plain_bytes),
        thrift.i64(7, len(chunk.content)),
        thrift.i64(9, place + chunk.dictionary_bytes),
    ]
    if chunk.dictionary_bytes:
        about.append(thrift.i64(11, place))
    limits = [thrift.binary(5, chunk.limits[1]), thrift.binary(6, chunk.limits[0])] if chunk.limits else []
    about.append(thrift.struct(12, thrift.i64(3, chunk.nulls), *limits))
    return thrift.struct(0, thrift.i64(2, place), thrift.struct(3, *about))


def _chunks(frame: pl.DataFrame) -> Iterator[_Chunk]:
    """The columns, in order."""
    columns = [column if column.null_count() == len(column) else column.rechunk() for column in frame]
    stretches = {column.name: _stretches(column) for column in columns}
    encoded = _encoded(frame.select(name for name, starts in stretches.items() if starts is None))
    for column in columns:
        starts = stretches[column.name]
        yield encoded[column.name] if starts is None else _in_runs(column, starts)


def _stretches(column: pl.Series) -> NDArray[np.intp] | None:
    """Where stretches of equal values begin, at least; None where they are short."""
    if column.null_count() == len(column):
        return np.zeros(1, np.intp)
    if column.dtype == pl.Boolean:
        return None
    differs = _differs(column)
    if (np.count_nonzero(differs) + 1) * RUN_ROWS > len(column):
        return None
    return np.append(0, np.flatnonzero(differs) + 1)


def _differs(column: pl.Series) -> NDArray[np.bool_]:
    """Whether values differ from the one before in memory, from the second on; long texts also where they lie."""
    array = column.to_arrow(compat_level=pl.CompatLevel.newest())
    size = np.dtype(_KINDS[column.dtype].memory).itemsize
    word = np.dtype(np.uint32 if size == 4 else np.uint64)
    words = size // word.itemsize  # of a text its length, its beginning and where it lies
    values = np.frombuffer(array.buffers()[1], word)[array.offset * words : (array.offset + len(array)) * words]
    differs: NDArray[np.bool_] = values[words:] != values[:-words]
    differs = differs[0::2] | differs[1::2] if words > 1 else differs
    if column.null_count():
        bits = np.frombuffer(array.buffers()[0], np.uint8)
        is_known = np.unpackbits(bits, count=array.offset + len(array), bitorder="little")[array.offset :]
        differs |= is_known[1:] != is_known[:-1]
    return differs


def _in_runs(column: pl.Series, starts: NDArray[np.intp]) -> _Chunk:
    """A column as runs of indices into a dictionary."""
    rows = np.diff(np.append(starts, len(column)))
    coded = column.gather(starts).to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    indices = pl.Series("", coded.indices)
    codes, is_known = indices.fill_null(0).to_numpy(), indices.is_not_null().to_numpy()
    levels = _runs(is_known.astype(np.int32), rows, 1)
    width = max(len(coded.dictionary) - 1, 1).bit_length()
    known = _runs(codes[is_known], rows[is_known], width)
    head = len(levels).to_bytes(4, "little") + levels
    nulls = int(rows[~is_known].sum())
    if not len(coded.dictionary):
        page, plain = _page(head, 0, 5, _data_header(len(column), _PLAIN))
        return _Chunk(page, plain, (_PLAIN, _RLE), 0, len(column), None, nulls)
    kind = _KINDS[column.dtype]
    values, limits = _plain(coded.dictionary, kind), _limits(coded.dictionary, kind)
    dictionary, plain_values = _page(values, 2, 7, (thrift.i32(1, len(coded.dictionary)), thrift.i32(2, _PLAIN)))
    page, plain = _page(head + bytes([width]) + known, 0, 5, _data_header(len(column), _DICTIONARY))
    encodings = (_PLAIN, _RLE, _DICTIONARY)
    return _Chunk(dictionary + page, plain_values + plain, encodings, len(dictionary), len(column), limits, nulls)


def _data_header(values: int, encoding: int) -> tuple[Field, ...]:
    return thrift.i32(1, values), thrift.i32(2, encoding), thrift.i32(3, _RLE), thrift.i32(4, _RLE)


def _page(content: bytes, kind: int, place: int, header: Sequence[Field]) -> tuple[bytes, int]:
    """A page with its header, and how many bytes that is before compression."""
    packed = _CODEC.compress(content, asbytes=True)
    about = thrift.encode(
        thrift.i32(1, kind),
        thrift.i32(2, len(content)),
        thrift.i32(3, len(packed)),
        thrift.struct(place, *header),
    )
    return about + packed, len(about) + len(content)


_CODEC = pa.Codec("zstd", compression_level=LEVEL)


def _runs(codes: NDArray[Any], rows: NDArray[Any], width: int) -> bytes:
    """Runs as Parquet has them: twice their length in groups of seven bits, and the code in whole bytes."""
    lengths, size = rows.astype(np.int64) << 1, (width + 7) // 8
    cells = np.zeros((rows.size, 5 + size), np.uint8)
    is_there = np.ones(cells.shape, bool)
    for place in range(5):
        rest = lengths >> (7 * place)
        cells[:, place] = rest & 127 | (rest > 127) << 7
        is_there[:, place] = (rest > 0) if place else True
    cells[:, 5:] = codes.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :size]
    return cells[is_there].tobytes()


def _plain(values: pa.Array, kind: _Kind) -> bytes:
    """Values one behind the other; texts with their length in front."""
    if kind.called == _CALLED_STRING:
        texts = [one.encode() for one in values.to_pylist()]
        return b"".join(part for one in texts for part in (len(one).to_bytes(4, "little"), one))
    return _numbers(values, kind).tobytes()


def _numbers(values: pa.Array, kind: _Kind) -> NDArray[Any]:
    return pl.Series("", values.view(_ARROW[kind.memory])).to_numpy()  # Arrow would load pandas for it


_ARROW = {"<i4": pa.int32(), "<i8": pa.int64(), "<f8": pa.float64()}


def _limits(values: pa.Array, kind: _Kind) -> tuple[bytes, bytes] | None:
    """The least and the largest value, as bytes; None where one is not a number."""
    if kind.called == _CALLED_STRING:
        texts = [one.encode() for one in values.to_pylist()]
        return min(texts), max(texts)
    numbers = _numbers(values, kind)
    if np.isnan(numbers).any():
        return None
    return _bytes(numbers.min(), kind), _bytes(numbers.max(), kind)


def _bytes(value: Any, kind: _Kind) -> bytes:
    return value if isinstance(value, bytes) else np.array(value, kind.memory).tobytes()


def _encoded(frame: pl.DataFrame) -> Mapping[str, _Chunk]:
    """Columns as polars encodes them."""
    if not frame.width:
        return {}
    file = io.BytesIO()
    frame.write_parquet(file, compression="zstd", compression_level=LEVEL, row_group_size=frame.height)
    group, content = pq.read_metadata(file).row_group(0), file.getbuffer()
    return {
        name: _as_written(group.column(number), _KINDS[dtype], content)
        for number, (name, dtype) in enumerate(frame.schema.items())
    }


def _as_written(about: pq.ColumnChunkMetaData, kind: _Kind, content: memoryview) -> _Chunk:
    start = about.dictionary_page_offset or about.data_page_offset
    known = about.statistics
    return _Chunk(
        bytes(content[start : start + about.total_compressed_size]),
        about.total_uncompressed_size,
        [_ENCODINGS[name] for name in about.encodings],
        about.data_page_offset - start,
        about.num_values,
        (_bytes(known.min_raw, kind), _bytes(known.max_raw, kind)) if known and known.has_min_max else None,
        known.null_count if known else 0,
    )
