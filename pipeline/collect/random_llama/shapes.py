"""The shapes: which tensors a Llama of a size has, and its config.json."""

from collections.abc import Iterator
from dataclasses import dataclass

VOCABULARY_SIZE = 128_256


@dataclass(frozen=True)
class Shape:
    """The sizes that decide the cost of a Llama 3.1; everything else is the same in all of them."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    positions: int = 131_072

    @property
    def parameters(self) -> int:
        """Weights in all tensors together."""
        return sum(rows * columns for _, rows, columns in self.tensors())

    def tensors(self) -> Iterator[tuple[str, int, int]]:
        """Every tensor as name, rows, columns, in the order of the file; a vector has one row."""
        yield "model.embed_tokens.weight", VOCABULARY_SIZE, self.hidden
        for layer in range(self.layers):
            for name, rows, columns in self._layer():
                yield f"model.layers.{layer}.{name}.weight", rows, columns
        yield "model.norm.weight", 1, self.hidden
        yield "lm_head.weight", VOCABULARY_SIZE, self.hidden

    def _layer(self) -> list[tuple[str, int, int]]:
        of_keys = self.hidden // self.heads * self.kv_heads
        return [
            ("input_layernorm", 1, self.hidden),
            ("self_attn.q_proj", self.hidden, self.hidden),
            ("self_attn.k_proj", of_keys, self.hidden),
            ("self_attn.v_proj", of_keys, self.hidden),
            ("self_attn.o_proj", self.hidden, self.hidden),
            ("post_attention_layernorm", 1, self.hidden),
            ("mlp.gate_proj", self.intermediate, self.hidden),
            ("mlp.up_proj", self.intermediate, self.hidden),
            ("mlp.down_proj", self.hidden, self.intermediate),
        ]


# `tiny` is for tests on a processor; it keeps the real vocabulary.
SHAPES = {
    "llama-3.1-8b": Shape(hidden=4096, intermediate=14_336, layers=32, heads=32, kv_heads=8),
    "tiny": Shape(hidden=64, intermediate=128, layers=2, heads=4, kv_heads=2),
}


def config(shape: Shape) -> dict[str, object]:
    """What Llama 3.1's config.json says, without a token that ends a text."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 128_000,
        "head_dim": shape.hidden // shape.heads,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,
        "intermediate_size": shape.intermediate,
        "max_position_embeddings": shape.positions,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "factor": 8.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
        "rope_theta": 500_000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.42.3",
        "use_cache": True,
        "vocab_size": VOCABULARY_SIZE,
    }
