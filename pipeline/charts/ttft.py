"""Time to first token, family by family: this pipeline's figures and the published ones."""

from pipeline.charts.chart import FAMILIES, Chart
from pipeline.charts.comparison import Comparison, chart

TTFT = Comparison("ttft", "time to first token", 1, "ttft_ms", "time to first token, milliseconds", "lower", 0)

DESCRIPTION = (
    "Milliseconds from sending a request to its first token. Filled marks were measured by this pipeline, hollow "
    "marks are figures that others published; for Llama 3.1 in autumn 2024 none could be traced, so the nearest "
    "traceable ones stand in, each with its model, date and load on hover."
)


def charts() -> list[Chart]:
    """One chart a family."""
    return [chart(TTFT, family, DESCRIPTION) for family in FAMILIES]
