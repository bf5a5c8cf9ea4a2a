import altair as alt
import polars as pl
import pytest

from pipeline import charts, warehouse
from pipeline.charts.chart import Chart
from pipeline.charts.series import MixedSeriesError
from tests import nights


@pytest.fixture
def con(layout):
    """A night in which tools would say different things."""
    nights.published(layout, {"target": "hosted", "family": "llama-8b", "title": "Somebody"}, audited=False)
    with warehouse.connect(layout) as con:
        yield con


def itl(con):
    return con.sql("SELECT * FROM dialect_summary WHERE metric = 'tpot_ms' ORDER BY dialect").pl()


def points(con, **encoding):
    return alt.Chart(itl(con)).mark_point().encode(y="p50:Q", **encoding)


def chart(draw):
    return Chart("trial", "A trial", "Of two tools.", "local", 0, draw)


@pytest.mark.parametrize(
    "draw",
    [
        lambda con: points(con, x="target:N"),
        lambda con: points(con, x="requests_counted:Q", tooltip="dialect:N"),
        lambda con: alt.layer(points(con, x="target:N"), points(con, x="dialect:N")),
        lambda con: alt.vconcat(points(con, x="dialect:N"), points(con, x="target:N")),
        lambda con: (
            alt.Chart(itl(con)).mark_line().encode(x="night:T", y="p50:Q", color="target:N").facet("metric:N")
        ),
    ],
)
def test_a_chart_with_two_tools_in_one_series_is_refused(con, draw):
    with pytest.raises(MixedSeriesError, match=r"chart trial: one series .* guidellm 0\.8\.1, .*sglang"):
        charts.specification(chart(draw), con)


@pytest.mark.parametrize(
    "draw",
    [
        lambda con: points(con, x="dialect:N"),
        lambda con: points(con, x="target:N", color="dialect:N"),
        lambda con: points(con, x="target:N").facet("dialect:N"),
        lambda con: alt.Chart(itl(con).filter(pl.col("dialect") == "vllm")).mark_point().encode(y="p50:Q"),
    ],
)
def test_a_chart_that_tells_tools_apart_is_drawn(con, draw):
    assert charts.specification(chart(draw), con)["description"] == "A trial. Of two tools."


def test_two_versions_of_one_tool_are_two_tools(con):
    def draw(con):
        two = pl.concat([itl(con), itl(con).with_columns(version=pl.lit("next"))])
        return alt.Chart(two).mark_point().encode(x="dialect:N", y="p50:Q")

    with pytest.raises(MixedSeriesError, match=r"holds figures of (\S+) \S+, \1 next"):
        charts.specification(chart(draw), con)


def test_the_sites_chart_shows_each_tools_ratio_to_ours(con):
    spec = charts.specification(next(one for one in charts.charts() if one.name == "dialects"), con)
    rows = [row for rows in spec["datasets"].values() for row in rows]
    ratio = {(row["dialect"], row["metric"]): row["ratio"] for row in rows}
    assert ratio["tokenclock", "ttft_ms"] == 1
    assert ratio["sglang", "tpot_ms"] == pytest.approx(25 / (500 / 30))
    assert ratio["vllm", "itl_ms"] == pytest.approx(3)
    assert "itl_ms" not in {metric for dialect, metric in ratio if dialect == "genai-bench"}
