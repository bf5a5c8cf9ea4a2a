"""The model of an engine: a folder or file on this machine, or a name that the engine looks up itself."""

from pathlib import Path

import msgspec

from pipeline.collect.engines._contract import EngineError, Fact

NOTE = "weights.json"  # beside a checkpoint whose weights are random (`pipeline.collect.random_llama`)
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def local(engine: str, model: str) -> Path | None:
    """The model's own path, or None for a name to be looked up; a path that leads nowhere is refused."""
    path = Path(model).expanduser()
    if path.exists():
        return path.resolve()
    if model.startswith(("/", "./", "../", "~")):
        raise EngineError(f"engine {engine}: no model at {path}. Cure: correct `model`, or put the model there.")
    return None


def environment(path: Path | None) -> dict[str, str]:
    """With a model on this machine an engine has nothing to ask of the network."""
    return dict(OFFLINE) if path is not None else {}


def weights(path: Path | None) -> dict[str, Fact]:
    """What a folder of our own making says of its weights; others hold a checkpoint."""
    note = None if path is None else path / NOTE
    if note is None or not note.is_file():
        return {"weights": "checkpoint"}
    told = msgspec.json.decode(note.read_bytes(), type=dict[str, Fact])
    return {"weights": told["weights"], "weights_seed": told["seed"], "parameters": told["parameters"]}


def dtype(path: Path | None) -> str | None:
    """The type of the weights, as the model's folder says it."""
    if path is None or not (path / "config.json").is_file():
        return None
    told = msgspec.json.decode((path / "config.json").read_bytes(), type=_Config)
    return told.dtype or told.torch_dtype


class _Config(msgspec.Struct):
    dtype: str | None = None
    torch_dtype: str | None = None
