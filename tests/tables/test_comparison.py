import pytest

from pipeline import tables
from tests import streams
from tests.tables.test_golden import build


def a_night(*, slower_ms, rounds=4, other="b", **more):
    """Targets a and `other`, golden streams in rounds that drift; the other is `slower_ms` later."""
    requests, rows, manifests = [], [], []
    for number in range(1, rounds + 1):
        for name, late in (("a", 0), (other, slower_ms)):
            run = f"{number}{name}"
            about = streams.target(name, **(more if name == other else {}))
            manifests.append(streams.manifest(run, round=number, target=about, requests_planned=5))
            for index in range(5):
                requests.append(streams.request(index, run, round=number, target=name, end_ns=3000 * streams.MS))
                later = [(at + 100 * number + late + index, data) for at, data in streams.GOLDEN]
                rows += streams.reads(later, f"{run}/{index:04d}")
    return build(streams.recorded(requests, rows, *manifests))["comparison"]


def of(frame, metric):
    (row,) = [row for row in frame.to_dicts() if row["metric"] == metric]
    return row


def test_a_target_that_is_faster_in_every_round_is_lower():
    row = of(a_night(slower_ms=50), "ttft_ms")
    assert (row["target"], row["other"], row["rounds"], row["unit"]) == ("a", "b", 4, "ms")
    assert row["difference"] == pytest.approx(-50)
    assert row["difference_low"] <= -50 <= row["difference_high"] < 0
    assert row["ratio_high"] < 1
    assert row["verdict"] == "lower"


def test_equal_targets_show_no_difference():
    row = of(a_night(slower_ms=0), "ttft_ms")
    assert (row["difference"], row["ratio"]) == (0, 1)
    assert row["verdict"] == "no difference shown"


def test_one_round_has_a_difference_and_no_verdict():
    row = of(a_night(slower_ms=50, rounds=1), "ttft_ms")
    assert row["difference"] == pytest.approx(-50)
    assert (row["difference_low"], row["ratio_low"], row["verdict"]) == (None, None, None)


@pytest.mark.parametrize("other", [{"family": "g"}, {"provenance": "simulated"}])
def test_other_families_and_simulated_targets_are_not_compared(other):
    assert a_night(slower_ms=50, **other).is_empty()


def test_every_metric_that_both_have_is_compared():
    found = set(a_night(slower_ms=50)["metric"])
    assert {"ttft_ms", "e2e_ms", "tpot_ms", "output_speed_tok_s", "request_throughput_req_s"} <= found
    assert "ttft_cold_ms" not in found
    assert tables.tables()["comparison"].columns.keys() == set(a_night(slower_ms=5).columns)
