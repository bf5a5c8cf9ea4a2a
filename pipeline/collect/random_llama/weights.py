"""Random weights into sharded safetensors files, a block at a time on all cores.

Every block has a random stream of its own, named by seed, tensor and block, so neither the number of
cores nor the order of work changes a byte.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.collect.random_llama.shapes import Shape

BYTES_A_WEIGHT = 2
SHARD_BYTES = 5 * 10**9
BLOCK_WEIGHTS = 2**21  # a block and its conversion stay in a core's cache
DEVIATION = 0.02  # Llama's initializer_range
ONE = np.uint16(0x3F80)  # 1.0 in bf16


@dataclass(frozen=True)
class Tensor:
    """A tensor and its place in a file's data; `number` is its place among all tensors."""

    number: int
    name: str
    rows: int
    columns: int
    start: int

    @property
    def is_norm(self) -> bool:
        """Whether it is the scale of a norm, which starts as ones and is a vector."""
        return self.name.endswith("norm.weight")

    @property
    def end(self) -> int:
        """Where its data end."""
        return self.start + self.rows * self.columns * BYTES_A_WEIGHT


def write_weights(folder: Path, shape: Shape, seed: int, spoken: NDArray[np.bool_]) -> None:
    """Write all shards and their index.

    Of the output layer only the rows of `spoken` tokens are random, the others are zero: the most likely
    token is always a spoken one, so greedy text never ends by itself and never holds half a letter.
    """
    shards = list(_shards(shape))
    placed: dict[str, str] = {}
    for number, tensors in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        _write_shard(folder / name, tensors, seed, spoken)
        placed |= {tensor.name: name for tensor in tensors}
    total = sum(tensors[-1].end for tensors in shards)
    index = {"metadata": {"total_size": total}, "weight_map": placed}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")


def _shards(shape: Shape) -> Iterator[list[Tensor]]:
    """Fill one file after the other."""
    shard: list[Tensor] = []
    for number, (name, rows, columns) in enumerate(shape.tensors()):
        tensor = Tensor(number, name, rows, columns, shard[-1].end if shard else 0)
        if shard and tensor.end > SHARD_BYTES:
            yield shard
            shard, tensor = [], Tensor(number, name, rows, columns, 0)
        shard.append(tensor)
    yield shard


def _write_shard(path: Path, tensors: list[Tensor], seed: int, spoken: NDArray[np.bool_]) -> None:
    """Write the header, then every block at its place."""
    header = _header(tensors)
    with path.open("wb") as file, ThreadPoolExecutor(os.cpu_count()) as pool:
        file.write(len(header).to_bytes(8, "little") + header)
        file.flush()
        descriptor, data_start = file.fileno(), 8 + len(header)

        def put(block: tuple[Tensor, int, int]) -> None:
            tensor, first, last = block
            at = data_start + tensor.start + first * tensor.columns * BYTES_A_WEIGHT
            _write_all(descriptor, _values(tensor, first, last, seed, spoken), at)

        for _ in pool.map(put, _blocks(tensors)):
            continue


def _write_all(descriptor: int, values: NDArray[np.uint16], at: int) -> None:
    """Write at a place; the system may take less than it is given."""
    left = memoryview(values.tobytes())
    while left:
        written = os.pwrite(descriptor, left, at)
        left, at = left[written:], at + written


def _header(tensors: list[Tensor]) -> bytes:
    """What safetensors files start with: JSON, padded with blanks to a multiple of 8."""
    told = {
        one.name: {
            "dtype": "BF16",
            "shape": [one.columns] if one.is_norm else [one.rows, one.columns],
            "data_offsets": [one.start, one.end],
        }
        for one in tensors
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **told}).encode()
    return text + b" " * (-len(text) % 8)


def _blocks(tensors: list[Tensor]) -> Iterator[tuple[Tensor, int, int]]:
    for tensor in tensors:
        step = max(1, BLOCK_WEIGHTS // tensor.columns)
        for first in range(0, tensor.rows, step):
            yield tensor, first, min(first + step, tensor.rows)


def _values(tensor: Tensor, first: int, last: int, seed: int, spoken: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """The rows `first` … `last` of a tensor."""
    if tensor.is_norm:
        return np.full((last - first, tensor.columns), ONE)
    random = np.random.default_rng([seed, tensor.number, first])
    normal = random.standard_normal((last - first, tensor.columns), dtype=np.float32)
    normal *= np.float32(DEVIATION)
    if tensor.name == "lm_head.weight":
        normal[~spoken[first:last]] = 0
    return _as_bf16(normal)


def _as_bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round to the nearest bf16, halves to even: the upper half of a float32."""
    bits = values.view(np.uint32)
    bits += ((bits >> 16) & 1) + 0x7FFF
    return (bits >> 16).astype(np.uint16)
