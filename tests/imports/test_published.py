import pytest

from pipeline.imports import published


def test_the_comparison_that_started_it_is_there():
    figures = published.load()
    autumn = figures.filter(figures["period"] == "autumn-2024", figures["metric"] == "output_speed_tok_s")
    for family in ("llama-8b", "llama-70b"):
        of_family = autumn.filter(autumn["family"] == family)
        assert {"Cerebras", "SambaNova", "Groq", "Fireworks", "Together"} <= set(of_family["provider"])
    assert set(figures["provenance"]) == {"published"}
    assert set(figures["confidence"]) == {"high", "medium"}


def test_every_figure_has_a_source_that_can_be_opened():
    assert published.load()["source_url"].str.contains(r"^https://[^ ]+$").all()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",2100,", ",fast,", "column value: 'fast' is not a positive number"),
        (",2100,", ",-1,", "'-1' is not a positive number"),
        ("output_speed_tok_s,2100", "speed,2100", "column metric: 'speed' is unknown"),
        ("figure_id,", "id,", "line 1: columns are"),
        ("Cerebras / AA", "", "column measured_by: empty"),
        ("2024-10-24,autumn-2024", "2024-10-24,summer", "column period: 'summer' is unknown"),
    ],
)
def test_a_wrong_file_names_line_column_and_value(tmp_path, old, new, said):
    path = tmp_path / "published.csv"
    text = published.FILE.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(published.FigureError, match=r"published\.csv, line") as caught:
        published.load(path)
    assert said in str(caught.value)


def test_a_figure_cannot_stand_twice(tmp_path):
    path = tmp_path / "published.csv"
    text = published.FILE.read_text()
    path.write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(published.FigureError, match="more than once"):
        published.load(path)
