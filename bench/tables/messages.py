"""Streams as bytes, cut into reads: the chat shapes of `bench.decode`, Anthropic's messages and Ollama's lines."""

import json
from collections.abc import Callable, Iterator
from random import Random

from bench.decode import night, shapes

Shape = Callable[[shapes.Stream], Iterator[str]]


def reads(shape: Shape, random: Random, number: int, tokens: int) -> tuple[list[bytes], list[int]]:
    """The reads of one stream, and how many events each completes."""
    stream = shapes.Stream(random, number, tokens)
    if shape is ollama:
        events = [f"{line}\n".encode() for line in shape(stream)]
    elif shape is anthropic:
        events = [f"event: {json.loads(data)['type']}\ndata: {data}\n\n".encode() for data in shape(stream)]
    else:
        datas = [*shape(stream), *([] if shape is shapes.cerebras else ["[DONE]"])]
        events = [f"data: {data}\n\n".encode() for data in datas]
    pieces = night.cut(events, number, random)
    return pieces, [piece.count(b"\n") if shape is ollama else piece.count(b"data: ") for piece in pieces]


def anthropic(stream: shapes.Stream) -> Iterator[str]:
    """Anthropic: typed events, usage at the start and before the end."""
    usage = f'{{"input_tokens":25,"output_tokens":{stream.tokens}}}'
    yield (
        f'{{"type":"message_start","message":{{"id":"msg_{stream.hex}","type":"message","role":"assistant",'
        '"model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":25,"output_tokens":1}}}'
    )
    yield '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
    for word in stream.words():
        yield f'{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{word}"}}}}'
    yield '{"type":"content_block_stop","index":0}'
    yield f'{{"type":"message_delta","delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{usage}}}'
    yield '{"type":"message_stop"}'


def ollama(stream: shapes.Stream) -> Iterator[str]:
    """Ollama: a line an event, counts and times in the last."""
    head = (
        '{"model":"llama3.1","created_at":"2026-11-01T02:00:00.000000000Z","message":{"role":"assistant","content":'
    )
    for word in stream.words():
        yield f'{head}"{word}"}},"done":false}}'
    yield (
        f'{head}""}},"done":true,"done_reason":"stop","total_duration":2000000000,"load_duration":1000000,'
        f'"prompt_eval_count":25,"prompt_eval_duration":90000000,"eval_count":{stream.tokens},"eval_duration":1800000000}}'
    )
