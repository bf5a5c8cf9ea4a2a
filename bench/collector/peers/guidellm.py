"""vLLM project's guidellm."""

import json
from pathlib import Path

from bench.collector.peers._work import Work

REQUIREMENT = "guidellm==0.8.1"


def command(programs: Path, work: Work) -> list[str]:
    """Closed loop at a concurrency."""
    return [
        str(programs / "guidellm"), "run", "--backend", f"kind=openai_http,target={work.url},model=truth",
        "--profile", f"kind=concurrent,streams={work.streams}",
        "--constraint", f"kind=max_requests,count={work.requests}",
        "--data", f"kind=json_file,path={work.prompts('prompt')}",
        "--output", f"kind=json,path={work.folder / 'out.json'}", "--disable-console",
    ]  # fmt: skip


def ttfts_ms(folder: Path) -> list[float]:
    """TTFT of each request, in the order of their starts."""
    report = json.loads((folder / "out.json").read_text())
    records = report["benchmarks"][0]["requests"]["successful"]
    records.sort(key=lambda record: float(record["request_start_time"]))
    return [float(record["time_to_first_token_ms"]) for record in records]
