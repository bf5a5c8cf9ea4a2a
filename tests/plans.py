"""Small plans for tests: one hosted target on this machine, nothing else."""

from pathlib import Path

TEXT = """
[night]
cron = "0 2 * * *"
rounds = {rounds}
round_pause_s = 0
seed = 1
max_usd = {max_usd}
retries = {retries}
retry_wait_max_s = {retry_wait_max_s}
hardware_hz = 0
calibration_tok_s = 500.0
calibration_tokens = {calibration_tokens}
response_max_mib = {response_max_mib}

[families.f]
title = "F"

[models.m]
title = "M"
family = "f"

[workloads.w]
title = "W"
input_words = 20
output_tokens = 31
temperature = 0.0
unique_prompts = true

[scenarios.s]
title = "S"
{load}
requests = {requests}
warmup_requests = {warmup}
timeout_s = {timeout_s}

[providers.p]
title = "P"
may_publish = true
base_url = "{url}"
key_env = "P_API_KEY"

"""

TARGET = """
title = "T"
provider = "p"
model = "m"
model_id = "m"
dialect = "openai-chat"
workloads = ["w"]
scenarios = ["s"]
prices = [
  { valid_from = 2026-01-01, usd_per_million_input = 1.0, usd_per_million_output = 2.0, source = "made up" },
]
"""

DEFAULTS = {
    "rounds": 1,
    "max_usd": 1.0,
    "concurrency": 1,
    "requests": 2,
    "warmup": 1,
    "timeout_s": 5.0,
    "calibration_tokens": 0,
    "response_max_mib": 64,
    "retries": 0,
    "retry_wait_max_s": 2.0,
}


def write(folder: Path, url: str = "http://127.0.0.1:9/v1", extra: str = "", **more: object) -> Path:
    """Write a plan file and return its path."""
    path = folder / "plan.toml"
    values = {**DEFAULTS, "url": url, **more}
    load = f'kind = "closed"\nconcurrency = {values["concurrency"]}'
    path.write_text(TEXT.format(**{"load": load, **values}) + "[targets.t]" + TARGET + extra)
    return path
