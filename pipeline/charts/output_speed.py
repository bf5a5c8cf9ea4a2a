"""Output speed of one stream, family by family: this pipeline's figures and the published ones."""

from pipeline.charts.chart import FAMILIES, Chart
from pipeline.charts.comparison import Comparison, chart

SPEED = Comparison(
    "output_speed",
    "output speed",
    0,
    "output_speed_tok_s",
    "output speed of one stream, tokens per second",
    "higher",
    0,
)

DESCRIPTION = (
    "Tokens per second of a single stream after its first arrival. Filled marks were measured by this pipeline, "
    "hollow marks are figures that others published."
)


def charts() -> list[Chart]:
    """One chart a family."""
    return [chart(SPEED, family, DESCRIPTION) for family in FAMILIES]
