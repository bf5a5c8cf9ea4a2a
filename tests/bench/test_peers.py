import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest

from bench.collector import report
from bench.collector.peers import __main__ as command
from bench.collector.peers import _environment, _tool, aiperf, guidellm, vllm
from bench.collector.peers._work import Work

FAST = '{"kind":"constant","tokens":3,"tok_s":1000,"align":true}'
ASKS = """
import http.client, json, sys, time
host, requests, out = sys.argv[1].removeprefix("http://"), int(sys.argv[2]), sys.argv[3]
taken = []
for _ in range(requests):
    connection = http.client.HTTPConnection(host)
    begun = time.monotonic_ns()
    connection.request("POST", "/v1/chat/completions", "{}")
    response = connection.getresponse()
    lines = [response.readline() for _ in range(3)]
    taken.append((time.monotonic_ns() - begun) / 1e6)
    response.read()
json.dump(taken, open(out, "w"))
"""


def asking(code):
    """A tool of a few lines: one request after the other."""
    return SimpleNamespace(
        REQUIREMENT="asks==1",
        command=lambda _programs, work: [
            sys.executable, "-c", code, work.url, str(work.requests), str(work.folder / "out.json"),
        ],
        ttfts_ms=lambda folder: json.loads((folder / "out.json").read_text()),
    )  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(_tool, "SCRIPT", FAST)
    monkeypatch.setattr(_tool, "STARTS", 2)
    monkeypatch.setattr(_tool, "WAVES", 3)
    return lambda code: monkeypatch.setattr(_tool, "tool", lambda _name: asking(code))


def test_a_tools_own_ttft_is_held_against_the_log_without_its_first_wave(small):
    small(ASKS)
    errors = _tool.errors_ns("asks")
    assert len(errors) == 2 * 3
    assert all(0 < error < 60e9 for error in errors)


def test_a_tool_that_leaves_requests_out_has_no_figure(small):
    small(ASKS.replace("range(requests)", "range(requests - 1)"))
    with pytest.raises(_tool.PeerFailedError, match="asks: 8 requests asked for, 7 reported, 7 seen"):
        _tool.errors_ns("asks")


def test_a_tool_that_breaks_down_says_so_in_its_row(small, capsys):
    small("raise SystemExit('no such model')")
    row = command._once("asks", is_peer=True)
    assert "exit 1: no such model" in row["error"]
    assert "failed" in capsys.readouterr().out


def test_exports_are_read_in_the_order_of_starts(tmp_path):
    (tmp_path / "out").mkdir()
    records = [{"metadata": {"request_start_ns": at}, "metrics": {"time_to_first_token": {"value": at / 2}}}
               for at in (30, 10, 20)]  # fmt: skip
    (tmp_path / "out" / "profile_export.jsonl").write_text("\n".join(map(json.dumps, records)))
    assert aiperf.ttfts_ms(tmp_path) == [5, 10, 15]
    successful = [{"request_start_time": at, "time_to_first_token_ms": at / 2} for at in (30, 10, 20)]
    (tmp_path / "out.json").write_text(json.dumps({"benchmarks": [{"requests": {"successful": successful}}]}))
    assert guidellm.ttfts_ms(tmp_path) == [5, 10, 15]
    (tmp_path / "out.json").write_text(json.dumps({"start_times": [3, 1], "ttfts": [0.3, 0.1]}))
    assert vllm.ttfts_ms(tmp_path) == [100, 300]


@pytest.mark.parametrize("peer", [aiperf, guidellm, vllm])
def test_every_tool_is_pinned_and_told_where_how_much_and_how_many_at_once(peer, tmp_path):
    said = peer.command(Path("bin"), Work("http://127.0.0.1:9", tmp_path, 64, 384))
    assert "==" in peer.REQUIREMENT
    assert Path(said[0]).parent == Path("bin")
    for told in ("http://127.0.0.1:9", "64", "384"):
        assert any(told in word for word in said), told
    assert len((tmp_path / "prompts.jsonl").read_text().splitlines()) == 384


def test_the_table_of_tools_names_those_that_did_not_run():
    ran = {"client": "ours", "error": None, "requests": 320}
    ran |= {f"ttft_error_from_call_{name}_us": 1.0 for name in ("p50", "p99", "max")}
    shown = report.peers([ran, {"client": "vllm", "error": "not asked for (--peers)"}])
    assert "| tokenclock | 1 | 1 | 1 | 320 |" in shown
    assert "vllm: not asked for" in shown


LISTED = """\
:env:.find-links='/wheels /more wheels'
global.cert='/certs.pem'
global.find-links='/left out'
global.index-url='https://user:it%27s@index.example/simple'
install.constraint='/constraints.txt'
global.timeout='180'
wheel.index-url='https://of.another.command/'
"""


def test_uv_looks_where_pip_does_and_its_own_settings_go_before(monkeypatch):
    for variable, _ in _environment.SETTINGS.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/mine.pem")
    assert _environment.index_settings(LISTED) == {
        "UV_FIND_LINKS": "/wheels,/more,wheels",
        "UV_DEFAULT_INDEX": "https://user:it%27s@index.example/simple",
        "UV_CONSTRAINT": "/constraints.txt",
    }


def test_pip_says_its_settings_as_they_are_read_here(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/it's")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    found = _environment.index_settings(_environment.pip_settings())
    assert found["UV_DEFAULT_INDEX"] == "https://index.example/it's"


def test_an_environment_is_made_once_for_a_tool_and_its_torch(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(_tool, "VENVS", tmp_path)
    monkeypatch.setattr(_tool, "tool", lambda _name: asking(""))
    monkeypatch.setattr(_tool, "_installing", lambda command, _variables: made.append(command))
    (tmp_path / "asks").mkdir()
    for torch in (None, None, "/wheels/torch-2+cpu.whl"):
        _tool.install("asks", torch)
    assert [command[3:5] for command in made] == [["venv", "--quiet"], ["pip", "install"]] * 2
    assert [command[-1] for command in made[1::2]] == ["asks==1", "/wheels/torch-2+cpu.whl"]


def test_an_environment_has_the_wheels_of_a_folder_and_needs_no_index(monkeypatch, tmp_path):
    wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    _environment.make(tmp_path / "made", ["asks==1"], _tool._installing)
    python = tmp_path / "made/bin/python"
    said = subprocess.check_output([python, "-c", "import asks; print(asks.WHAT)"], text=True)
    assert said == "all\n"


def wheel(folder):
    """The least wheel that can be installed."""
    folder.mkdir()
    with ZipFile(folder / "asks-1-py3-none-any.whl", "w") as archive:
        archive.writestr("asks.py", "WHAT = 'all'")
        archive.writestr("asks-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: asks\nVersion: 1\n")
        archive.writestr("asks-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("asks-1.dist-info/RECORD", "")
