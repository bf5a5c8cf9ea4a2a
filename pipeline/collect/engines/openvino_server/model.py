"""The OpenVINO GenAI pipeline behind a narrow door. The only file that imports OpenVINO."""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino_genai
from gguf import LlamaFileType

from pipeline.collect.engines._contract import EngineFacts
from pipeline.collect.engines.openvino_server.text import TextStream
from pipeline.collect.engines.openvino_server.weights import Header, model_name, read_header, sha256
from pipeline.collect.engines.openvino_server.wire import OUT_OF_MEMORY, Begin, Piece, Sampling, Settings

openvino: Any = importlib.import_module("openvino")  # carries no types
_FINISH = {
    openvino_genai.GenerationFinishReason.NONE: None,
    openvino_genai.GenerationFinishReason.STOP: "stop",
    openvino_genai.GenerationFinishReason.LENGTH: "length",
}
_NO_LIMIT = 2**31 - 1


class RefusedError(Exception):
    """A request that cannot be served: message, parameter and code of the HTTP 400."""

    def __init__(self, message: str, param: str | None, code: str) -> None:
        super().__init__(message)
        self.param, self.code = param, code


@dataclass
class Live:
    """One generation in the batch. Dropping `handle` would drop the generation: hold on to it."""

    id: int
    prompt_tokens: int
    handle: Any
    text: TextStream
    completion_tokens: int = 0


class Model:
    """Weights, tokenizer and batch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._weights = Path(settings.weights)
        self._threads = settings.threads or len(os.sched_getaffinity(0))
        self._header: Header = read_header(self._weights)
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(
            settings.weights, _scheduling(settings), settings.device, self._device_properties()
        )
        self._tokenizer = self._pipeline.get_tokenizer()
        self._vocabulary = _vocabulary(self._tokenizer.get_vocab(), self._header.control_tokens)

    def _device_properties(self) -> dict[str, object]:
        return {"INFERENCE_NUM_THREADS": self._threads} if self._settings.device == "CPU" else {}

    @property
    def is_busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._pipeline.has_non_finished_requests())

    def begin(self, order: Begin) -> Live:
        """Put a generation into the batch; it takes part from the next step on."""
        prompt = self._prompt(order)
        room = self._header.context_length - prompt.shape[1]
        config = self._config(order.sampling, _max_tokens(order.sampling, prompt.shape[1], room))
        try:
            handle = self._pipeline.add_request(order.id, openvino.Tensor(prompt), config)
        except RuntimeError as error:  # how the library refuses a combination of parameters
            reason = str(error).strip().splitlines()[-1]  # before it stands where in the library's source
            raise RefusedError(f"OpenVINO GenAI refuses this: {reason}", None, "invalid_value") from error
        text = TextStream(self._vocabulary, order.sampling.stop)
        return Live(order.id, prompt.shape[1], handle, text)

    def step(self) -> None:
        """Compute one token for every generation in the batch, or a part of a prompt."""
        self._pipeline.step()

    def _prompt(self, order: Begin) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Return token ids, shape (1, n)."""
        if order.tokens is not None:
            ids = np.array([order.tokens], dtype=np.int64)
            if ids.min(initial=0) < 0 or ids.max(initial=0) >= len(self._vocabulary):
                top = len(self._vocabulary) - 1
                raise RefusedError(f"Token ids run from 0 to {top}.", "prompt", "invalid_value")
            return _not_empty(ids)
        text = order.text if order.messages is None else self._templated(order)
        encoded = self._tokenizer.encode(text, add_special_tokens=False, max_length=_NO_LIMIT)
        return _not_empty(np.array(encoded.input_ids.data, dtype=np.int64))

    def _templated(self, order: Begin) -> str:
        """Lay a conversation out with the chat template that the GGUF itself carries."""
        history = [{"role": message.role, "content": message.content} for message in order.messages or ()]
        return str(self._tokenizer.apply_chat_template(history, add_generation_prompt=True))

    def _config(self, sampling: Sampling, max_tokens: int) -> Any:
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = max_tokens
        config.min_new_tokens = sampling.min_tokens
        config.ignore_eos = sampling.ignore_eos
        config.set_eos_token_id(self._tokenizer.get_eos_token_id())
        if sampling.temperature > 0:
            config.do_sample = True
            config.temperature, config.top_p = sampling.temperature, sampling.top_p
            config.rng_seed = sampling.seed
        return config

    def facts(self) -> EngineFacts:
        """Say what is served, from the files and the library, not from what was asked for."""
        values, weights = self._header.values, self._weights
        return EngineFacts(
            name="openvino-genai",
            version=openvino_genai.__version__,
            model=model_name(weights),
            quantisation=LlamaFileType(values["general.file_type"]).name.removeprefix("MOSTLY_"),
            threads=self._threads,
            device=self._settings.device,
            pid=os.getppid(),
            details={
                "worker_pid": os.getpid(),
                "weights_file": weights.name,
                "weights_sha256": sha256(weights),
                "context_length": self._header.context_length,
                "openvino_version": openvino.__version__,
                "kv_cache_gb": self._settings.kv_cache_gb,
                "has_prefix_caching": False,
            },
        )


def read(live: Live) -> Piece | None:
    """Collect what the last step gave one generation; None when it gave nothing (its prompt goes on)."""
    tokens, finish = _outputs(live.handle)
    live.completion_tokens += len(tokens)
    text = live.text.feed(tokens, is_last=finish is not None)
    if live.text.is_stopped:
        live.handle.cancel()
        finish = "stop"
    if not tokens and finish is None:
        return None
    return Piece(live.id, text, live.completion_tokens, finish)


def _outputs(handle: Any) -> tuple[list[int], str | None]:
    tokens: list[int] = []
    finish: str | None = None
    while handle.can_read():
        for output in handle.read().values():
            tokens += output.generated_ids
            finish = _FINISH[output.finish_reason]
    if finish is None and handle.get_status() == openvino_genai.GenerationStatus.IGNORED:
        finish = OUT_OF_MEMORY
    return tokens, finish


def _scheduling(settings: Settings) -> Any:
    """No prefix cache: a repeated prompt must cost what it costs, or TTFT measures the cache."""
    config = openvino_genai.SchedulerConfig()
    config.cache_size = settings.kv_cache_gb
    config.enable_prefix_caching = False
    return config


def _vocabulary(ids: dict[bytes, int], control: frozenset[int]) -> list[bytes]:
    """The bytes of every token; control tokens have none, so that they never show as text."""
    vocabulary = [b""] * (max(ids.values()) + 1)
    for text, token in ids.items():
        if token not in control:
            vocabulary[token] = text
    return vocabulary


def _not_empty(prompt: "np.ndarray[Any, np.dtype[np.int64]]") -> "np.ndarray[Any, np.dtype[np.int64]]":
    if prompt.shape[1] == 0:
        raise RefusedError("The prompt is empty; send at least one token.", "prompt", "invalid_value")
    return prompt


def _max_tokens(sampling: Sampling, prompt_tokens: int, room: int) -> int:
    """What was asked for, or all the room there is; refused when the context cannot hold it.

    The tokenizer cuts a prompt at the context's length, so a prompt that fills it may be any longer.
    """
    wanted = (room or 1) if sampling.max_tokens is None else sampling.max_tokens
    if room < wanted:
        raise RefusedError(
            f"The context holds {prompt_tokens + room} tokens; the prompt has {prompt_tokens}"
            f"{'' if room else ' or more'}, and {wanted} more were asked for. "
            "Shorten the prompt or lower max_tokens.",
            None,
            "context_length_exceeded",
        )
    return wanted
