"""How simulated figures are drawn: grey crosses on broken lines, in a panel of their own that says what they are.

Never filled, never in the colour of a hardware: nobody shall take them for measured ones. Not a chart itself.
"""

import altair as alt

from pipeline.charts import theme
from pipeline.charts.chart import AnyChart

TITLE = "SIMULATED, not measured: invented speeds, to try the pipeline. They say nothing of any provider"
COLOR = theme.HARDWARE["other"]


def layers(base: alt.Chart, low: alt.X, middle: alt.X) -> AnyChart:
    """From p10 to p90 a broken line, at the median a cross; `base` has the rows, with `p90` and `text`."""
    spread = base.mark_rule(strokeDash=[4, 3], color=COLOR).encode(x=low, x2="p90:Q")
    median = base.mark_point(shape="cross", filled=False, size=70, color=COLOR).encode(x=middle)
    text = base.mark_text(align="left", dx=10, dy=-9, fontSize=11, color=COLOR).encode(x=middle, text="text:N")
    drawn: AnyChart = alt.layer(spread, median, text)
    return drawn
