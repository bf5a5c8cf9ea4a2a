"""Prompts from a seed: the same plan sends the same texts, and no two requests share a prefix."""

import random
from typing import Any

from pipeline.collect import asking
from pipeline.plan import Run, Target, Workload

# Plain English nouns: close to one token each in every tokenizer in use, and never refused by a filter.
WORDS = """
river bridge garden window market winter summer letter forest island harbor engine valley mountain teacher
village morning evening music paper story number color animal weather machine kitchen journey station picture
question answer history science language country city street house family friend library museum ocean desert
meadow orchard railway lantern compass anchor feather pebble thunder
"""

INSTRUCTION = "Write a long, detailed story in which all of these words occur."


def prompt(workload: Workload, seed: int, run: Run, index: int) -> str:
    """The text of one request. Its first line differs in every request of every run of every night.

    A probe's prompts are fixed: what they are answered is compared from one target and night to the next.
    """
    if workload.prompts:
        return workload.prompts[index % len(workload.prompts)]
    rng = random.Random(f"{seed}/{run.id}/{index}" if workload.unique_prompts else f"{seed}/{run.workload}")  # noqa: S311 - reproducible on purpose
    tag = f"Story {rng.getrandbits(48):012x}."
    words = rng.choices(WORDS.split(), k=max(1, workload.input_words - len(INSTRUCTION.split()) - 2))
    return f"{tag}\nWords: {', '.join(words)}.\n{INSTRUCTION}"


def body(target: Target, workload: Workload, text: str) -> dict[str, Any]:
    """The JSON body in the target's dialect."""
    question = asking.Question(target.model_id, text, workload.output_tokens, workload.temperature, workload.seed)
    return asking.body(target.dialect, question, target.extra_body)
