"""NVIDIA's AIPerf."""

import json
from pathlib import Path

from bench.collector.peers._work import Work

REQUIREMENT = "aiperf==0.13.0"


def command(programs: Path, work: Work) -> list[str]:
    """Closed loop at a concurrency; tokens as the server counts them."""
    return [
        str(programs / "aiperf"), "profile", "--model", "truth", "--url", work.url, "--endpoint-type", "chat",
        "--streaming", "--tokenizer", str(work.tokenizer), "--use-server-token-count",
        "--concurrency", str(work.streams), "--request-count", str(work.requests),
        "--input-file", str(work.prompts("text")), "--custom-dataset-type", "single_turn",
        "--output-artifact-dir", str(work.folder / "out"), "--export-level", "records",
        "--ui", "none", "--no-server-metrics", "--no-gpu-telemetry",
    ]  # fmt: skip


def ttfts_ms(folder: Path) -> list[float]:
    """TTFT of each request, in the order of their starts."""
    lines = (folder / "out" / "profile_export.jsonl").read_text().splitlines()
    records = sorted(map(json.loads, lines), key=lambda record: int(record["metadata"]["request_start_ns"]))
    return [float(record["metrics"]["time_to_first_token"]["value"]) for record in records]
