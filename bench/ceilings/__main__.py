"""Copy bandwidth and a large bf16 product of the first GPU, as JSON: `python -m bench.ceilings`. Needs torch.

A copy of n bytes reads and writes them: it moves 2n. Medians of ten, each long enough that starting it is nothing.
"""

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

REPEATS = 10
COPY_BYTES = 8 * 2**30
SIDE = 8192


def timed_s(torch: Any, work: Callable[[], object]) -> list[float]:
    """Seconds of each repetition, by the GPU's own events, after a warm-up."""
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    seconds = []
    for _ in range(REPEATS):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        seconds.append(start.elapsed_time(end) / 1000)
    return seconds


def copied_s(torch: Any) -> list[float]:
    """Seconds of a copy from memory to memory."""
    source = torch.empty(COPY_BYTES, dtype=torch.uint8, device="cuda").fill_(1)
    target = torch.empty_like(source)
    return timed_s(torch, lambda: target.copy_(source))


def multiplied_s(torch: Any) -> list[float]:
    """Seconds of a product of two square bf16 matrices."""
    left, right = (torch.randn(SIDE, SIDE, dtype=torch.bfloat16, device="cuda") for _ in range(2))
    return timed_s(torch, lambda: left @ right)


def main() -> int:
    """Measure and print; 1 where there is no GPU."""
    import torch  # noqa: PLC0415 - the project does not need it

    if not torch.cuda.is_available():
        sys.stderr.write("bench.ceilings: torch sees no CUDA device on this machine; run it where one is\n")
        return 1
    copies, products = copied_s(torch), multiplied_s(torch)
    rows = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "copy_bytes": COPY_BYTES,
        "copy_bandwidth_tb_s": 2 * COPY_BYTES / statistics.median(copies) / 1e12,
        "product_side": SIDE,
        "bf16_tflop_s": 2 * SIDE**3 / statistics.median(products) / 1e12,
        "copy_s": copies,
        "product_s": products,
    }
    print(json.dumps(rows, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
