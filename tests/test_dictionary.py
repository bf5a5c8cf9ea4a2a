import re
from html.parser import HTMLParser

import pytest

from pipeline import dictionary, plan, publish, site, sql, warehouse
from pipeline.query import run
from tests.browser import opened

DOCUMENT = plan.DEFAULT.parent.parent / "docs" / "warehouse.md"


@pytest.fixture(scope="module")
def known(fixed):
    with warehouse.connect(fixed) as con:
        return dictionary.read(con)


@pytest.fixture(scope="module")
def page(fixed):
    with warehouse.connect(fixed) as con:
        text = site.dictionary_page(con)
    path = fixed.site / "warehouse.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_the_document_is_what_the_comments_say_today():
    assert publish.dictionary() == DOCUMENT.read_text("utf-8"), "`make dictionary` writes it anew"


def test_every_table_view_column_macro_and_question_is_in_it(known):
    text = DOCUMENT.read_text("utf-8")
    for one in known.relations:
        assert f"\n### {one.name}\n" in text
        for column in one.columns:
            assert column.meaning, f"{one.name}.{column.name} has no comment"
            assert f"| `{column.name}` | {column.type} | {column.unit} |" in text
    for macro in known.macros:
        assert f"`{macro.call}`: {macro.title}" in text
    for query in known.queries:
        assert query.question in text


def test_what_a_view_says_of_columns_is_of_columns_that_it_has(known):
    columns = {one.name: {column.name for column in one.columns} for one in known.relations}
    for view in sql.definitions():
        if view.kind == "view":
            assert set(view.columns) <= columns[view.name], view.name


def test_every_key_tells_the_rows_of_its_table_apart(fixed, known):
    keyed = [one for one in known.relations if one.kind == "table" and one.name != warehouse.META]
    for one in keyed:
        assert one.key, f"{one.name} has no key: say it in its suite or its comments"
        listed = ", ".join(f'"{name}"' for name in one.key)
        twins = run(fixed, f'SELECT {listed} FROM "{one.name}" GROUP BY ALL HAVING count(*) > 1 LIMIT 1')  # noqa: S608 - our own names
        assert twins.is_empty(), f"{one.name}: {one.key} is no key: {twins.row(0)}"


def test_whatever_refers_to_a_table_finds_its_row_there(fixed, known):
    for name, hub in dictionary.references(known).items():
        key = ", ".join(dictionary.HUBS[hub])
        there = f'SELECT ({key}) FROM "{hub}"'  # noqa: S608 - our own names
        lost = run(fixed, f'SELECT {key} FROM "{name}" WHERE ({key}) NOT IN ({there}) LIMIT 1')  # noqa: S608 - as above
        assert lost.is_empty(), f"{name} → {hub}: {lost.row(0)}"


def test_what_was_released_refers_to_what_was_released_with_it(known):
    refers = dictionary.references(known)
    assert (refers["hardware"], refers["released_hardware"]) == ("runs", "released_runs")
    assert (refers["runs"], refers["released_runs"]) == ("targets", "released_targets")
    assert "released_targets" not in refers
    (one,) = [one for one in known.relations if one.name == "released_knees"]
    assert one.key == ("release", "night", "target", "workload", "sweep")


@pytest.mark.parametrize(
    ("table", "column", "unit"),
    [
        ("ttft", "ttft_ms", "ms"),
        ("output_speed", "tpot_ms", "ms/token"),
        ("calibration", "tok_s", "tok/s"),
        ("bandwidth", "bandwidth_bytes_s", "bytes/s"),
        ("requests", "sent_ns", "ns"),
        ("summary", "p95_low", "see unit"),
        ("summary", "success_rate", "1"),
        ("cost", "usd_per_million_input", "USD"),
        ("targets", "title", ""),
        ("hardware", "power_mean_w", "W"),
        ("hardware", "energy_j", "J"),
        ("sweeps", "joules_per_token", "J"),
    ],
)
def test_a_column_has_the_unit_that_its_comment_or_its_name_says(known, table, column, unit):
    (one,) = [relation for relation in known.relations if relation.name == table]
    assert {c.name: c.unit for c in one.columns}[column] == unit


class Page(HTMLParser):
    """The ids of a page, the places it links to, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids |= {named["id"]} if "id" in named else set()
        if tag == "a":
            self.links.add(named["href"])
        elif tag != "link":
            self.loads += [named[name] for name in ("src", "href", "data") if name in named]


def test_the_page_holds_everything_loads_nothing_and_its_links_lead_somewhere(page, known):
    seen = Page(page.read_text("utf-8"))
    assert seen.loads == []
    assert {one.name for one in known.relations} <= seen.ids
    assert {f"question-{query.name}" for query in known.queries} <= seen.ids
    inside = {link.removeprefix("#") for link in seen.links if link.startswith("#")}
    assert inside <= seen.ids
    assert {link for link in seen.links if not link.startswith("#")} == {"index.html"}
    assert {one.name for one in known.relations if one.kind == "table"} <= inside, "a table is not in the diagram"


@pytest.mark.browser
def test_the_diagram_fits_and_no_two_boxes_lie_on_each_other(page):
    with opened(page.as_uri()) as tab:
        boxes = tab.page.evaluate("""[...document.querySelectorAll('.entities a')].map(
            one => [one.querySelector('rect'), ...one.querySelectorAll('text')].map(part => {
                const {x, y, width, height} = part.getBBox(); return [x, y, x + width, y + height] }))""")
        assert tab.errors == []
        assert len(tab.requests) == 1
    rectangles = [parts[0] for parts in boxes]
    for at, (left, top, right, bottom) in enumerate(rectangles):
        for other in rectangles[at + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
        assert all(left <= text[0] and text[2] <= right and text[3] <= bottom + 1 for text in boxes[at][1:])
        name, more = boxes[at][1], boxes[at][2]
        assert name[2] <= more[0], "a name runs into the number beside it"


def test_nothing_of_this_machine_is_in_the_document():
    assert not re.search(r"/(tmp|home|work|root)/", DOCUMENT.read_text("utf-8"))
