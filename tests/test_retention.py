import pytest

from pipeline import plan
from tests import plans


def loaded(tmp_path, stanza):
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "default"\n{stanza}')
    return plan.load(path)


def test_without_the_stanza_and_with_an_empty_one_everything_is_kept(tmp_path):
    assert plan.load().retention.raw_reads_nights is None
    assert loaded(tmp_path, "[retention]\n").retention.raw_reads_nights is None


def test_reads_may_expire_after_some_nights(tmp_path):
    assert loaded(tmp_path, "[retention]\nraw_reads_nights = 90\n").retention.raw_reads_nights == 90


@pytest.mark.parametrize(
    ("stanza", "said"),
    [
        ("[retention]\nraw_reads_night = 9\n", r"\[retention\].*did you mean `raw_reads_nights`"),
        ("[retention]\nraw_reads_nights = 0\n", r"\[retention\].*>= 1"),
        ("[retention]\ntables_nights = 9\n", r"\[retention\].*unknown"),
        ("[retentions]\nraw_reads_nights = 9\n", r"\[retentions\] is unknown; did you mean `retention`"),
        ("retention = 9\n", r"\[retention\]"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path, stanza, said):
    with pytest.raises(plan.PlanError, match=said):
        loaded(tmp_path, stanza)


def test_a_plan_that_stands_alone_needs_no_stanza(tmp_path):
    assert plan.load(plans.write(tmp_path)).retention.raw_reads_nights is None
