"""vLLM's own bench client, which lives in the wheel of the engine."""

import json
from pathlib import Path

from bench.collector.peers._work import Work

REQUIREMENT = "vllm[bench]==0.33.0"


def command(programs: Path, work: Work) -> list[str]:
    """Closed loop at a concurrency; the tool's own test request goes before."""
    return [
        str(programs / "vllm"), "bench", "serve", "--backend", "openai-chat", "--base-url", work.url,
        "--endpoint", "/v1/chat/completions", "--model", "truth", "--tokenizer", str(work.tokenizer),
        "--dataset-name", "custom", "--dataset-path", str(work.prompts("prompt")), "--disable-shuffle",
        "--skip-chat-template", "--num-prompts", str(work.requests), "--max-concurrency", str(work.streams),
        "--save-result", "--save-detailed", "--result-dir", str(work.folder), "--result-filename", "out.json",
        "--disable-tqdm",
    ]  # fmt: skip


def ttfts_ms(folder: Path) -> list[float]:
    """TTFT of each request, in the order of their starts."""
    report = json.loads((folder / "out.json").read_text())
    pairs = sorted(zip(report["start_times"], report["ttfts"], strict=True))
    return [1e3 * float(ttft_s) for _, ttft_s in pairs]
