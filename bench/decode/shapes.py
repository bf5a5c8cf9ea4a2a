"""Chat streams as providers really shape them, key by key as captured, with words drawn at random.

A shape is a function from a `Stream` to the data of its events, one JSON text each; `[DONE]` and comments
are the framing's business (`night.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

# Tokens as tokenizers cut English, code and other scripts, as JSON writes them; one in twenty holds an escape.
_PLAIN = """ the| of| and| to| in| a| is| that| for| with| as| measured|ing|ed| token| stream|ly|.|,| first| second
| model|s|'s| (|)|:| 2|0|6| request| latency| provider|ation| through|put| answer| def| return| x|=|**| caf|é
| naïve|日本|語|の| 模|型| Да| не|🎉| –|…| €|“|”|    """.replace("\n", "")
_ESCAPED = ("\\n", "\\n\\n", ' \\"', '\\"', "\\\\", "\\t")
_WORDS = [*_PLAIN.split("|") * 2, *_ESCAPED]


@dataclass(frozen=True)
class Stream:
    """What varies between streams of one shape: its source of chance, its number and its length in tokens."""

    random: Random
    number: int
    tokens: int

    @property
    def hex(self) -> str:
        """An id of its own."""
        return f"{self.number:08x}5db6dcfe74ab0b0643dabdf20085"

    def words(self, count: int | None = None) -> list[str]:
        """Draw its words."""
        return self.random.choices(_WORDS, k=count or self.tokens)

    def created(self, index: int) -> int:
        """The second in which event `index` was made, at 60 events a second."""
        return 1_764_657_993 + self.number + index // 60


Shape = Callable[[Stream], Iterator[str]]


def vllm(stream: Stream) -> Iterator[str]:
    """vLLM: a role chunk, content, a usage chunk without choices."""
    head = (
        f'{{"id":"chatcmpl-{stream.hex}","object":"chat.completion.chunk","created":{stream.created(0)},'
        '"model":"meta-llama/Llama-3.3-70B-Instruct","choices":['
    )
    for word in ["", *stream.words()]:
        role = '"role":"assistant",' if not word else ""
        said = f'{{{role}"content":"{word}"}}'
        yield f'{head}{{"index":0,"delta":{said},"logprobs":null,"finish_reason":null,"token_ids":null}}]}}'
    yield (
        f'{head}{{"index":0,"delta":{{"content":""}},"logprobs":null,"finish_reason":"stop","stop_reason":null,'
        '"token_ids":null}]}'
    )
    count = stream.tokens
    yield f'{head}],"usage":{{"prompt_tokens":46,"total_tokens":{46 + count},"completion_tokens":{count}}}}}'


def groq(stream: Stream) -> Iterator[str]:
    """Groq: a request id in the first chunk, usage with server timings in the last."""
    head = (
        f'{{"id":"chatcmpl-{stream.hex}","object":"chat.completion.chunk","created":{stream.created(0)},'
        '"model":"llama-3.1-8b-instant","system_fingerprint":"fp_ff2b098aaf","choices":[{"index":0,"delta":'
    )
    yield (
        f'{head}{{"role":"assistant","content":""}},"logprobs":null,"finish_reason":null}}],'
        f'"x_groq":{{"id":"req_{stream.hex}","seed":{stream.number}}}}}'
    )
    for word in stream.words():
        yield f'{head}{{"content":"{word}"}},"logprobs":null,"finish_reason":null}}]}}'
    usage = (
        f'{{"queue_time":0.018{stream.number},"prompt_tokens":52,"prompt_time":0.0026,"completion_tokens":'
        f'{stream.tokens},"completion_time":0.0301,"total_tokens":{52 + stream.tokens},"total_time":0.0327}}'
    )
    yield (
        f'{head}{{}},"logprobs":null,"finish_reason":"stop"}}],"x_groq":{{"id":"req_{stream.hex}","usage":{usage}}},'
        f'"usage":{usage}}}'
    )


def cerebras(stream: Stream) -> Iterator[str]:
    """Cerebras: reasoning first, ids and model behind the choices, usage and time_info in the last chunk."""
    tail = (
        f'"created":{stream.created(0)},"model":"gpt-oss-120b","system_fingerprint":"fp_8a8c0bd8448557718491",'
        '"object":"chat.completion.chunk"'
    )
    head = f'{{"id":"chatcmpl-{stream.hex}","choices":[{{"delta":'
    yield f'{head}{{"role":"assistant"}},"index":0}}],{tail}}}'
    for index, word in enumerate(stream.words()):
        key = "reasoning" if index < stream.tokens // 2 else "content"
        yield f'{head}{{"{key}":"{word}"}},"index":0}}],{tail}}}'
    yield (
        f'{head}{{}},"finish_reason":"stop","index":0}}],{tail},"usage":{{"total_tokens":{stream.tokens + 102},'
        f'"completion_tokens":{stream.tokens},"prompt_tokens":102,"prompt_tokens_details":{{"cached_tokens":0}}}},'
        '"time_info":{"queue_time":0.0001,"prompt_time":0.005,"completion_time":0.031,"total_time":0.038}}'
    )


def together(stream: Stream) -> Iterator[str]:
    """Together: every token twice, as text and as delta, with its id in the vocabulary."""
    head = f'{{"id":"nrcN6Vd-{stream.hex}","object":"chat.completion.chunk","created":{stream.created(0)},'
    tail = '"model":"meta-llama/Llama-3.3-70B-Instruct-Turbo","usage":'
    for word in stream.words():
        said = f'{{"token_id":{stream.random.randrange(100, 120_000)},"role":"assistant","content":"{word}"'
        choice = (
            f'{{"index":0,"text":"{word}","logprobs":null,"finish_reason":null,"delta":{said},"tool_calls":null}}}}'
        )
        yield f'{head}"choices":[{choice}],{tail}null}}'
    ended = (
        '{"index":0,"text":"","finish_reason":"eos","seed":18446744073709551,'
        '"delta":{"role":"assistant","content":""}}'
    )
    usage = f'{{"prompt_tokens":18,"completion_tokens":{stream.tokens},"total_tokens":{stream.tokens + 18}}}'
    yield f'{head}"choices":[{ended}],{tail}{usage}}}'


def openrouter(stream: Stream) -> Iterator[str]:
    """OpenRouter: the second of each event in it, the host behind it by name."""
    for index, word in enumerate([*stream.words(), ""]):
        reason = "null" if index < stream.tokens else '"stop"'
        yield (
            f'{{"id":"gen-{stream.created(0)}-{stream.hex}","provider":"DeepInfra","model":"meta-llama/llama-3.3-70b'
            f'-instruct","object":"chat.completion.chunk","created":{stream.created(index)},"choices":[{{"index":0,'
            f'"delta":{{"role":"assistant","content":"{word}"}},"finish_reason":{reason},'
            f'"native_finish_reason":{reason},"logprobs":null}}]}}'
        )


def openai(stream: Stream) -> Iterator[str]:
    """OpenAI: padding of random length in every event, so that its size tells nothing."""
    head = (
        f'{{"id":"chatcmpl-{stream.hex}","object":"chat.completion.chunk","created":{stream.created(0)},'
        '"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_162d3c480f",'
        '"choices":[{"index":0,"delta":'
    )
    for word in ["", *stream.words()]:
        role = '"role":"assistant",' if not word else ""
        said = f'{{{role}"content":"{word}"}}'
        padding = stream.random.randbytes(8).hex()[: 16 - len(word)]
        yield f'{head}{said},"logprobs":null,"finish_reason":null}}],"usage":null,"obfuscation":"{padding}"}}'
    yield f'{head}{{}},"logprobs":null,"finish_reason":"length"}}],"usage":null,"obfuscation":""}}'


def sglang(stream: Stream) -> Iterator[str]:
    """SGLang with continuous usage: the counts so far in every event."""
    head = (
        f'{{"id":"{stream.hex}","object":"chat.completion.chunk","created":{stream.created(0)},'
        '"model":"Kimi-K2-Instruct","choices":[{"index":0,"delta":'
    )
    for index, word in enumerate([*stream.words(), ""]):
        reason = "null" if index < stream.tokens else '"stop"'
        usage = f'{{"prompt_tokens":31,"total_tokens":{32 + index},"completion_tokens":{index + 1}}}'
        yield (
            f'{head}{{"content":"{word}","tool_calls":null}},"logprobs":null,"finish_reason":{reason},'
            f'"matched_stop":null}}],"usage":{usage}}}'
        )


def spaced(stream: Stream) -> Iterator[str]:
    """Python servers that put a blank behind every colon and comma, and write all but ASCII as escapes."""
    for one in vllm(stream):
        text = one.replace('":', '": ').replace(',"', ', "')
        yield "".join(letter if letter.isascii() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    pairs = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{pairs[at : at + 4]}" for at in range(0, len(pairs), 4))
