"""What nights have cost, a provider a colour."""

import altair as alt
import duckdb

from pipeline.charts import theme
from pipeline.charts.chart import AnyChart, Chart

TITLE = "What the nights have cost"

SPENT = """
SELECT concat_ws('/', night, provider, 'usd') AS figure, strftime(night, '%Y-%m-%d') AS night,
       provider AS label, sum(usd) AS usd, sum(requests_sent)::BIGINT AS requests_sent,
       sum(requests_without_usage)::BIGINT AS requests_without_usage
FROM spend WHERE provenance = 'measured' AND usd IS NOT NULL
  AND night > (SELECT max(night) FROM spend) - 60
GROUP BY ALL ORDER BY night, label
"""


def charts() -> list[Chart]:
    """USD by night and provider."""
    text = "USD by night and provider, from the tokens that providers reported and the prices of the plan."
    return [Chart("spend", TITLE, text, "owner", 0, _draw)]


def _draw(con: duckdb.DuckDBPyConnection) -> AnyChart:
    spent = con.sql(SPENT).pl()
    if spent.is_empty():
        return theme.said("No hosted target was measured yet: nothing was spent.", alt.TitleParams(TITLE))
    note = f"{spent['usd'].sum():.4f} USD in {spent['night'].n_unique()} nights shown"
    told = [
        "night:O",
        alt.Tooltip("label:N", title="provider"),
        alt.Tooltip("usd:Q", format=",.4f"),
        "requests_sent:Q",
        "requests_without_usage:Q",
    ]
    drawn: alt.Chart = (
        alt.Chart(spent)
        .mark_bar()
        .encode(
            x=alt.X("night:O", title=None, axis=alt.Axis(labelOverlap=True)),
            y=alt.Y("usd:Q", title="USD"),
            color=alt.Color("label:N", title=None),
            tooltip=told,
        )
        .properties(width=theme.WIDTH, height=220, title=alt.TitleParams(TITLE, subtitle=note))
    )
    return drawn
