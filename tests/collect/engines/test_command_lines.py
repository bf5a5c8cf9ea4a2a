"""Command lines, held against the options that the engines' own parsers know (`parsers/`, with their source)."""

import itertools
import json
import sys
from pathlib import Path

import pytest

from pipeline.collect import engines
from pipeline.collect.engines import _flags, _program, _python
from pipeline.collect.engines._contract import parse_options

PARSERS = Path(__file__).with_name("parsers")
PYTHON_ENGINES = {"python": sys.executable, "arguments": ["--extra"]}
SERVED = PYTHON_ENGINES | {
    "dtype": "bfloat16",
    "quantisation": "fp8",
    "tensor_parallel": 2,
    "max_model_len": 8192,
    "memory_share": 0.8,
}
FULL = {
    "transformers-serve": PYTHON_ENGINES
    | {
        "dtype": "bfloat16",
        "quantisation": "bnb-8bit",
        "attention": "sdpa",
        "seed": 7,
        "kv_blocks": 64,
        "block_tokens": 256,
        "batch_tokens": 512,
        "memory_share": 0.8,
        "cuda_graph": True,
    },
    "vllm": SERVED | {"seed": 7, "random_weights": True, "streams": 64},
    "sglang": SERVED | {"seed": 7, "random_weights": True, "streams": 64},
    "lmdeploy": SERVED | {"backend": "turbomind", "streams": 64, "prefix_cache": True},
    "tensorrt-llm": SERVED | {"random_weights": True, "streams": 64},
    "tgi": {
        "program": sys.executable,
        "dtype": "bfloat16",
        "tensor_parallel": 2,
        "max_model_len": 4096,
        "memory_share": 0.9,
        "streams": 64,
        "arguments": ["--extra"],
    },
    "llama-server": {
        "program": sys.executable,
        "context_tokens": 4096,
        "slots": 8,
        "gpu_layers": "all",
        "threads": 4,
        "flash_attention": "on",
        "tensor_split": "1,1",
        "arguments": ["--extra"],
    },
}


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "llama.gguf"
    path.mkdir()
    (path / "config.json").write_text('{"torch_dtype": "bfloat16"}')
    return path


@pytest.fixture
def command(monkeypatch, model):
    """The words that start an engine, as if every package were installed."""
    monkeypatch.setattr(_python, "versions", lambda _engine, _python, packages: dict.fromkeys(packages, "1"))

    def made(name: str, **options: object) -> list[str]:
        engine = engines.find(name)
        return engine.command(parse_options(engine, {"model": str(model), **options}), 8123).words

    return made


def after(words: list[str]) -> dict[str, str]:
    """The word that follows each word."""
    return dict(itertools.pairwise(words))


def known(name: str) -> set[str]:
    source, *flags = (PARSERS / f"{name}.txt").read_text().splitlines()
    assert source.startswith("# ")
    return set(flags)


@pytest.mark.parametrize("name", FULL)
def test_every_flag_is_one_that_the_engine_knows(name, command):
    flags = {word for word in command(name, **FULL[name]) if word.startswith("--")}
    assert flags - {"--extra"} <= known(name)
    assert "--extra" in flags


@pytest.mark.parametrize("name", FULL)
def test_with_the_least_options_every_flag_is_known_too(name, command):
    least = {key: FULL[name][key] for key in ("python", "program") if key in FULL[name]}
    assert {word for word in command(name, **least) if word.startswith("--")} <= known(name)


@pytest.mark.parametrize("name", FULL)
def test_every_engine_listens_on_this_machine_alone_at_the_port_that_was_claimed(name, command):
    words = command(name, **FULL[name])
    assert "127.0.0.1" in words
    assert after(words).get("--port", after(words).get("--server-port")) == "8123"


@pytest.mark.parametrize(
    ("name", "off", "on"),
    [
        ("vllm", "--no-enable-prefix-caching", "--enable-prefix-caching"),
        ("sglang", "--disable-radix-cache", None),
        ("llama-server", "--no-cache-prompt", None),
    ],
)
def test_the_prefix_cache_is_off_unless_it_is_asked_for(name, off, on, command):
    without, with_cache = command(name, **FULL[name]), command(name, **FULL[name], prefix_cache=True)
    assert off in without
    assert on not in without
    assert off not in with_cache
    assert on is None or on in with_cache


def test_where_the_prefix_cache_has_no_flag_it_is_off_by_other_means(command, model):
    assert "--enable-prefix-caching" not in command("lmdeploy")
    told = json.loads(Path(after(command("tensorrt-llm", random_weights=True))["--config"]).read_text())
    assert (told["kv_cache_config"], told["load_format"]) == ({"enable_block_reuse": False}, "dummy")
    tgi = engines.find("tgi")
    options = parse_options(tgi, {"model": str(model), "program": sys.executable})
    assert tgi.command(options, 1).environment["PREFIX_CACHING"] == "0"


def test_ollama_is_told_by_its_environment_where_to_listen_and_to_keep_the_model():
    ollama = engines.find("ollama")
    command = ollama.command(
        parse_options(ollama, {"model": "llama3.1", "program": sys.executable, "slots": 2}), 81
    )
    assert command.words[1:] == ["serve"]
    assert command.environment == {
        "OLLAMA_HOST": "127.0.0.1:81",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_NUM_PARALLEL": "2",
    }


@pytest.mark.parametrize("name", ["vllm", "sglang"])
def test_random_weights_are_asked_of_engines_that_have_them(name, command):
    assert " --load-format dummy" in " ".join(command(name, random_weights=True))
    assert "--load-format" not in command(name)


def test_an_option_that_an_engine_cannot_serve_is_refused_by_name(model):
    engine = engines.find("transformers-serve")
    with pytest.raises(engines.EngineError, match="unknown field `tensor_parallel`"):
        parse_options(engine, {"model": str(model), "tensor_parallel": 2})


@pytest.mark.parametrize("name", ["vllm", "sglang", "transformers-serve", "lmdeploy", "tensorrt-llm"])
def test_an_engine_that_is_not_installed_is_told_with_the_command_that_installs_it(name, model):
    engine = engines.find(name)
    with pytest.raises(engines.EngineError, match=rf"engine {name}: .* not installed for .*pip install .*`python`"):
        engine.command(parse_options(engine, {"model": str(model)}), 1)


def test_a_program_that_is_not_there_is_told_with_the_cure(model):
    engine = engines.find("llama-server")
    options = parse_options(engine, {"model": str(model), "program": "/nowhere/llama-server"})
    with pytest.raises(engines.EngineError, match=r"no program /nowhere/llama-server.*`program`"):
        engine.command(options, 1)


@pytest.mark.parametrize("name", FULL)
def test_a_model_that_is_not_there_is_told_before_anything_starts(name, command):
    with pytest.raises(engines.EngineError, match=rf"engine {name}: no model at /nowhere/model"):
        command(name, **FULL[name] | {"model": "/nowhere/model"})


def test_a_python_that_cannot_be_run_is_told_with_the_cure():
    with pytest.raises(engines.EngineError, match=r"the Python /nowhere/python cannot be run .*`python`"):
        _python.versions("vllm", "/nowhere/python", ["vllm"])


def test_a_python_or_program_may_be_written_from_the_home_folder_or_from_where_we_stand(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "home" / "bin" / "serve"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    for written in ("~/bin/serve", "home/bin/serve", "./home/bin/serve", str(program)):
        assert _python.interpreter(written) == str(program)  # the link itself: it says whose packages are meant
        assert _program.installed("llama-server", written, "install it") == str(program)
    monkeypatch.setenv("PATH", str(program.parent))
    assert _program.installed("llama-server", "serve", "install it") == str(program)
    assert (_python.interpreter("python3.11"), _python.interpreter(None)) == ("python3.11", sys.executable)


def test_a_flag_without_a_value_is_left_out_and_a_true_one_stands_alone():
    assert _flags.words({"--a": None, "--b": False, "--c": True, "--d": 0, "--e": ""}) == [
        "--c",
        "--d",
        "0",
        "--e",
        "",
    ]
