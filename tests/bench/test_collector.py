import json

import pytest

from bench.collector import __main__ as command
from bench.collector import bar, cells, grid, measure, report, why
from bench.collector.cells import Cell
from pipeline.collect.truth.scripts import parse

TINY = [
    Cell(2, 500, is_aligned=True, tokens=60),
    Cell(4, 500, tokens=2, waves=30),
    Cell(2, None, tokens=300),
    Cell(2, 500, is_tls=True, tokens=5),
]
FIGURES = ("events", "reads", "stamp_error_p50_us", "stamp_error_max_us", "cpu_us_per_read", "cpu_ratio_to_bare",
           "events_per_s", "reads_per_s", "shared_read_share", "payload_bytes_per_read")  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The quick grid, made tiny, of three clients: exit status, document, page and chart."""
    out = tmp_path_factory.mktemp("bench") / "collector.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "quick", lambda _tls: TINY)
        status = command.main(["--quick", "--clients", "ours,bare,httpx_raw", "--out", str(out)])
    return (
        status,
        json.loads(out.read_text()),
        out.with_suffix(".md").read_text(),
        out.with_suffix(".svg").read_text(),
    )


def rows(made, client):
    return [row for row in made[1]["runs"][0]["rows"] if row["client"] == client]


def test_every_client_has_a_complete_row_for_every_cell(made):
    assert made[0] == 0
    for client in ("ours", "bare", "httpx_raw"):
        assert [row["cell"] for row in rows(made, client)] == [
            cell.title for cell in TINY if cells.asks(cell, client)
        ]
        for row in rows(made, client):
            assert row["error"] is None
            assert [name for name in FIGURES if row[name] is None] == []


def test_all_clients_saw_all_events(made):
    seen = {client: [row["events"] for row in rows(made, client)] for client in ("ours", "bare", "httpx_raw")}
    assert seen["ours"] == seen["bare"]
    assert seen["ours"][:3] == seen["httpx_raw"]  # which is not asked over TLS here
    assert seen["ours"][0] == 2 * (60 + 4)


def test_errors_and_costs_are_of_a_possible_size(made):
    for client in ("ours", "bare", "httpx_raw"):
        for row in rows(made, client):
            assert -10 <= row["stamp_error_p50_us"] <= row["stamp_error_max_us"] < 60e6
            assert row["cpu_us_per_read"] > 0
            assert 0 <= row["shared_read_share"] <= 1
    assert {row["cpu_ratio_to_bare"] for row in rows(made, "bare")} == {1}


def test_the_ttft_is_held_against_the_truth_from_write_and_call(made):
    ours, bare, httpx = (rows(made, client)[1] for client in ("ours", "bare", "httpx_raw"))
    assert ours["ttft_error_p99_us"] <= ours["ttft_error_from_call_p99_us"]
    assert bare["ttft_error_p99_us"] is not None
    assert httpx["ttft_error_p99_us"] is None
    assert httpx["ttft_error_from_call_p99_us"] is not None


def test_the_run_names_the_machine_and_the_priority(made):
    run = made[1]["runs"][0]
    assert run["machine"]["cpu_count"] >= 1
    assert run["priority"] == "ordinary"
    assert {row["priority"] for row in run["rows"]} == {"ordinary"}
    assert f"{run['machine']['cpu_count']} CPUs, ordinary priority" in made[2]


def test_the_page_holds_every_cell_and_promise_and_the_chart_is_drawn(made):
    for cell in TINY:
        assert f"| {cell.title} |" in made[2]
    for promise in bar.PROMISES:
        assert f"| {promise.text} |" in made[2]
    assert made[3].startswith("<svg")


def test_a_client_that_fails_has_a_row_that_says_why():
    row = grid.rows([TINY[0]], ["nobody"], measure.Place({False: SERVED_BY_NOBODY}, None, False), 1, 1)[0]
    assert "No module named bench.collector.clients.nobody" in row["error"]
    assert (row["repeats"], row["cpu_ratio_to_bare"]) == (0, None)
    assert "nobody" in report.figures({"rows": [row]}, "nobody")


def test_when_the_time_is_up_a_row_says_so_and_holds_no_figure():
    row = grid.rows([TINY[0]], ["ours"], measure.Place({}, None, False), 3, 0)[0]
    assert (row["repeats"], row["error"]) == (0, grid.NO_TIME)
    assert "stamp_error_p99_us" not in row


class SERVED_BY_NOBODY:  # noqa: N801 - stands for an instance
    url, certificate = "http://127.0.0.1:9/v1", None

    @staticmethod
    def prepare(script):
        assert parse(script)


def test_an_unknown_client_is_refused_by_name():
    with pytest.raises(measure.CannotMeasureError, match=r"no client named curl; there are .*bare"):
        command.main(["--quick", "--clients", "ours,curl"])


def test_a_promise_is_decided_by_the_worst_of_its_cells():
    base = {"client": "ours", "tok_s": 200, "waves": 1, "is_tls": False, "streams": 16}
    found = bar.verdicts(
        [
            {**base, "cell": "a", "stamp_error_p99_us": 4.0},
            {**base, "cell": "b", "stamp_error_p99_us": 21.0},
            {**base, "cell": "c", "stamp_error_p99_us": 90.0, "client": "bare"},
            {**base, "cell": "d", "stamp_error_p99_us": 90.0, "streams": 1},
            {**base, "cell": "e", "stamp_error_p99_us": None},
        ]
    )
    assert (found[0].cell, found[0].value, found[0].is_kept) == ("b", 21.0, False)
    assert (found[2].cell, found[2].is_kept) == (None, None)


def test_our_client_and_the_bare_protocol_are_in_every_cell_before_any_other_client():
    turns = list(grid._turns(cells.every(), ["ours", "bare", "httpx_raw"], 0))
    ahead = turns[: 2 * len(cells.every())]
    assert set(ahead) == {(cell, client) for cell in cells.every() for client in ("ours", "bare")}
    assert {client for _, client in turns[len(ahead) :]} == {"httpx_raw"}
    assert len(turns) == len(set(turns)) < 3 * len(cells.every())


def test_every_miss_has_its_cell_its_figure_and_what_the_run_shows():
    base = {"tok_s": 200, "waves": 1, "is_tls": False, "is_aligned": False, "streams": 256, "cell": "a",
            "events_per_s": 30e3, "cpu_share": 0.99, "cpu_wait_share": 0.21, "reads": 25_600}  # fmt: skip
    ours = {"stamp_error_p99_us": 321.0, "pacing_error_p99_us": 9000.0, "shared_read_share": 0.3,
            "cpu_ratio_to_bare": 2.0, "cpu_us": 512_000.0}  # fmt: skip
    bare = {"stamp_error_p99_us": 77.0, "cpu_us": 256_000.0}
    stamps, cpu = why.reasons([{**base, "client": "ours", **ours}, {**base, "client": "bare", **bare}])
    for said in (
        "a: 321 ",
        "9,000 µs late",
        "30,000 events/s of the 51,200",
        "30.0% of the reads",
        "For 21% of the time the client was ready and had no processor",
        "in turns with it: 77",
    ):
        assert said in stamps
    assert "100 reads a request it costs 1,000 µs more a request, or 10.0 µs more a read" in cpu
    assert why.reasons([{**base, "client": "ours", "stamp_error_p99_us": 3.0}]) == []


def test_a_miss_of_memory_says_how_much_of_it_a_read_brought():
    row = {"tok_s": 2000, "waves": 1, "is_tls": True, "is_aligned": False, "streams": 64, "cell": "a",
           "client": "ours", "memory_bytes_per_read": 540.0, "payload_bytes_per_read": 460.4}  # fmt: skip
    (said,) = why.reasons([row])
    assert "Of this 460 bytes are the body's own, a read's on average; 80 are what it takes beside." in said


def test_one_cell_is_enough_for_a_rate():
    base = {"client": "ours", "tok_s": 200, "waves": 1, "is_tls": False, "streams": 16}
    found = bar.verdicts([{**base, "cell": "a", "reads_per_s": 3e3}, {**base, "cell": "b", "reads_per_s": 130e3}])
    assert [(one.cell, one.is_kept) for one in found if one.value is not None] == [("b", True)]


def test_a_later_run_replaces_its_like_and_no_other(tmp_path):
    machine = {"cpu": "x", "cpu_count": 2}
    runs = [
        {"kind": "grid", "machine": machine, "priority": priority, "rows": rows}
        for priority, rows in (("ordinary", [1]), ("real-time", [2]), ("ordinary", [3]))
    ]
    for run in runs:
        kept = report.keep(tmp_path / "docs" / "x.json", run)
    assert [run["rows"] for run in kept] == [[3], [2]]


def test_the_grid_covers_streams_rates_flood_bursts_and_starts_plain_and_over_tls():
    grid_cells = cells.every()
    for is_tls in (False, True):
        mine = [cell for cell in grid_cells if cell.is_tls == is_tls]
        steady = {(cell.streams, cell.tok_s) for cell in mine if not cell.is_aligned and cell.waves == 1}
        assert steady == {(streams, rate) for streams in (1, 16, 64, 256) for rate in (50, 200, 2000, None)}
        assert any(cell.is_aligned and cell.streams == 256 for cell in mine)
        assert [cell.streams for cell in mine if cell.waves > 1] == [64]
    assert len({cell.title for cell in grid_cells}) == len(grid_cells)
    assert all(parse(cell.script) for cell in grid_cells)
