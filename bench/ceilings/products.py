"""What the matrix products of a decode step of Llama 3.1 8B take alone: `python -m bench.ceilings.products`, JSON.

Needs torch. The products run in one CUDA graph, so that starting them costs the processor nothing; `eager_ms` is
without it. No attention, no norms, no sampling: the step of a server that reads its weights from memory and
multiplies with what torch calls cannot be shorter.
"""

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

HIDDEN, INTERMEDIATE, LAYERS, VOCABULARY = 4096, 14_336, 32, 128_256
SHAPES = [(6144, HIDDEN), (HIDDEN, HIDDEN), (2 * INTERMEDIATE, HIDDEN), (HIDDEN, INTERMEDIATE)]
"""Rows and columns of a layer's weights: of query, key and value; of what attention gives; up with gate; down."""
BATCHES = (1, 2, 4, 8, 16, 32, 64)
REPEATS = 50


def timed_ms(torch: Any, work: Callable[[], object]) -> float:
    """The median of the repetitions by the GPU's own events, after a warm-up."""
    times: list[float] = []
    for number in range(REPEATS + 10):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        if number >= 10:
            times.append(start.elapsed_time(end))
    return statistics.median(times)


def step(torch: Any, weights: list[Any], batch: int) -> Callable[[], None]:
    """The products of a step for a batch, one behind the other as in the model."""
    given = {
        columns: torch.randn(batch, columns, dtype=torch.bfloat16, device="cuda")
        for columns in (HIDDEN, INTERMEDIATE)
    }

    def run() -> None:
        for one in weights:
            torch.nn.functional.linear(given[one.shape[1]], one)

    return run


def main() -> int:
    """Measure and print; 1 where there is no GPU."""
    import torch  # noqa: PLC0415 - the project does not need it

    if not torch.cuda.is_available():
        sys.stderr.write("bench.ceilings.products: torch sees no CUDA device here; run it where one is\n")
        return 1
    shapes = [*SHAPES * LAYERS, (VOCABULARY, HIDDEN)]
    weights = [torch.randn(rows, columns, dtype=torch.bfloat16, device="cuda") for rows, columns in shapes]
    moved = sum(one.numel() * one.element_size() for one in weights)
    found: dict[str, object] = {"bytes": moved, "device": torch.cuda.get_device_name()}
    for batch in BATCHES:
        work = step(torch, weights, batch)
        eager_ms = timed_ms(torch, work)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            work()
        graph_ms = timed_ms(torch, graph.replay)
        found[str(batch)] = {"graph_ms": graph_ms, "tb_s": moved / graph_ms / 1e9, "eager_ms": eager_ms}
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
