"""A key is planted and a whole night run with it; then everything that the night wrote is searched for it."""

import base64
import sqlite3
import zlib

import dagster as dg
import duckdb
import polars as pl
import pytest

from pipeline import cli, trace
from pipeline.collect import redaction
from pipeline.collect.night import tonight
from pipeline.definitions import nightly
from pipeline.instance import prepare
from pipeline.layout import Layout
from tests import plans
from tests.searching import holding
from tests.servers import HELLO, chunked, serving
from tests.streams import chunk

KEY = "sk-planted/secret+" + "x1Y2z3" * 4
FORMS = redaction.forms(KEY)
PROVIDERS = '[providers.{0}]\ntitle = "{0}"\nmay_publish = true\nbase_url = "{1}"\nkey_env = "{2}"\n'


def refusal(body: bytes) -> bytes:
    encoded = base64.b64encode(KEY.encode()).decode()
    head = f"x-request-id: {KEY}\r\nset-cookie: key={KEY}\r\nx-ratelimit-note: {encoded}"
    return b"HTTP/1.1 401 no\r\n%s\r\ncontent-length: %d\r\n\r\n%s" % (head.encode(), len(body), body)


ECHO = chunked(chunk(f"You said {KEY}"), chunk(None, "stop"), b"data: [DONE]\n\n")
BROKEN = [f"HTTP/1.1 200 OK {KEY}\r\nno-colon {KEY}\r\n\r\n".encode()]
ANSWERS = {
    "refused": [refusal(b'{"error":"Incorrect API key provided: %s"}' % KEY.encode())],
    "echo": ECHO,
    "broken": BROKEN,
    "reset": [*ECHO[:2], None],
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A night through Dagster, with the key in `.env`, over servers that send it back in every way there is."""
    folder = tmp_path_factory.mktemp("secrets")
    with pytest.MonkeyPatch.context() as patch, serving(HELLO) as server:
        patch.chdir(folder)
        patch.setenv("TOKENCLOCK_DATA", str(folder / "data"))
        patch.setenv("TOKENCLOCK_RELEASES", str(folder / "no-releases"))  # others' traces, of before the key
        servers = {name: serving(script) for name, script in ANSWERS.items()}
        extra = ""
        for name, one in servers.items():
            extra += PROVIDERS.format(name, one.__enter__().url, "P_API_KEY")
            extra += f"[targets.{name}]" + plans.TARGET.replace('provider = "p"', f'provider = "{name}"')
        path = plans.write(folder, server.url, extra=extra)
        (folder / ".env").write_text(f"P_API_KEY='{KEY}'\n")
        patch.setenv("TOKENCLOCK_PLAN", str(path))
        layout = Layout.from_environment()
        patch.setenv("DAGSTER_HOME", str(prepare(layout)))
        with dg.DagsterInstance.get() as instance:
            result = nightly().execute_in_process(
                instance=instance, partition_key=str(tonight()), raise_on_error=False
            )
            events = [str(event) for event in result.all_events]
        for one in servers.values():
            one.__exit__(None, None, None)
    (folder / ".env").unlink()
    return folder, layout, events


def test_it_is_nowhere_in_what_the_night_wrote(ran):
    folder, layout, events = ran
    assert {path.suffix for path in layout.data.rglob("*")} >= {".db", ".parquet", ".duckdb", ".json"}
    assert (layout.site / "index.html").exists()
    assert holding(folder, *FORMS) == []
    assert not [event for event in events if KEY in event]


def test_what_was_masked_says_so(ran):
    _, layout, _ = ran
    requests, reads = trace.load(layout.traces, tonight())
    marked = requests.filter(pl.col("error").str.contains(redaction.NOTE, literal=True))
    assert set(marked["target"]) >= {"refused", "echo"}
    kept = reads.filter(pl.col("request_id").str.contains(".echo.", literal=True))["payload"].to_list()
    assert redaction.MASK.encode() in b"".join(kept)
    outcomes = {one.target.name: one.outcome for one in trace.manifests(layout.traces, tonight())}
    assert outcomes["refused"] == "refused"
    assert outcomes["echo"] == "finished"


def test_the_terminal_says_nothing_of_it(tmp_path, layout, monkeypatch, capfd):
    with serving(ANSWERS["refused"]) as server:
        monkeypatch.setenv("P_API_KEY", KEY)
        path = str(plans.write(tmp_path, server.url))
        assert cli.main(["collect", "--plan", path]) == 1
        assert cli.main(["plan", "--json", "--plan", path]) == 0
    said = "".join(capfd.readouterr())
    assert redaction.MASK in said
    assert KEY not in said


@pytest.mark.parametrize("key", ["sk-one\nx-evil: yes", "sk with blanks", "sk-ünï"])
def test_a_key_that_no_header_carries_is_refused_without_being_said(key, tmp_path, layout, monkeypatch, capfd):
    monkeypatch.setenv("P_API_KEY", key)
    with serving(HELLO) as server:
        assert (
            cli.main(["collect", "--quiet", "--plan", str(plans.write(tmp_path, server.url)), "--target", "t"]) == 1
        )
        assert server.requests == []
    said = "".join(capfd.readouterr())
    assert "the key in P_API_KEY holds a blank, a line end or a letter that no header carries" in said
    assert key not in said


def test_the_search_finds_what_is_packed_away(tmp_path):
    needle = b"needle-in-a-haystack"
    pl.DataFrame({"a": [[needle.decode()] * 999]}).write_parquet(tmp_path / "a.parquet", compression="zstd")
    with duckdb.connect(tmp_path / "b.duckdb") as con:
        con.execute("CREATE TABLE t AS SELECT ? || i AS x FROM range(999) r(i)", [needle.decode()])
    with sqlite3.connect(tmp_path / "c.db") as con:
        con.execute("CREATE TABLE t (x BLOB)")
        con.execute("INSERT INTO t VALUES (?)", [zlib.compress(needle * 9)])
    con.close()
    (tmp_path / "d.txt").write_bytes(b"x" + needle)
    (tmp_path / "e.txt").write_bytes(b"hay")
    assert [path.name for path in holding(tmp_path, needle)] == ["a.parquet", "b.duckdb", "c.db", "d.txt"]
