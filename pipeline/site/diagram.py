"""The entity diagram as SVG: each table with its key, and a line to the table that it refers to."""

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import escape

from pipeline.dictionary import HUBS, Dictionary, Relation, references

WIDTH, GAP_X, GAP_Y, HEAD, LINE, PAD = 162, 34, 12, 24, 15, 8


@dataclass(frozen=True)
class Box:
    """A table at its place."""

    relation: Relation
    x: int
    y: int

    @property
    def height(self) -> int:
        """How high it is, with its key."""
        return _height(self.relation)

    @property
    def middle(self) -> int:
        """Where lines meet it: beside its name."""
        return self.y + HEAD // 2 + 2


def _height(one: Relation) -> int:
    return HEAD + LINE * len(one.key) + (PAD if one.key else 0)


def svg(this: Dictionary) -> str:
    """The diagram; colours are those of the page that it stands in."""
    refers = references(this)
    boxes = _placed([one for one in this.relations if one.kind == "table"], refers)
    width = max(box.x for box in boxes.values()) + WIDTH + 1
    height = max(box.y + box.height for box in boxes.values()) + 1
    lines = [_line(boxes[name], boxes[hub], HUBS[hub]) for name, hub in sorted(refers.items())]
    drawn = "\n".join([*lines, *(_box(box) for box in boxes.values())])
    return (
        f'<svg class="entities" viewBox="-1 -1 {width + 1} {height + 1}" width="{width}" role="img" '
        f'aria-label="Tables, their keys, and what refers to what">\n{drawn}\n</svg>'
    )


def _placed(tables: list[Relation], refers: dict[str, str]) -> dict[str, Box]:
    """A column for each step from the tables that refer to none; hubs on top, so that lines are short."""
    columns: dict[int, list[Relation]] = {}
    for one in tables:
        columns.setdefault(_depth(one.name, refers), []).append(one)
    boxes = {}
    for depth, ones in columns.items():
        y = 0
        for one in sorted(ones, key=lambda one: (one.name not in HUBS, one.name)):
            boxes[one.name] = Box(one, depth * (WIDTH + GAP_X), y)
            y += _height(one) + GAP_Y
    return boxes


def _depth(name: str, refers: dict[str, str]) -> int:
    return 1 + _depth(refers[name], refers) if name in refers else 0


def _line(box: Box, hub: Box, key: tuple[str, ...]) -> str:
    start, bend = hub.x + WIDTH, hub.x + WIDTH + GAP_X // 2
    path = f"M{start} {hub.middle}H{bend}V{box.middle}H{box.x}"
    feet = f"M{box.x - 9} {box.middle}l9 -4m-9 4l9 4"  # many of these to one of those
    return f'<path d="{path}{feet}"><title>{escape(box.relation.name)}: {escape(", ".join(key))}</title></path>'


def _box(box: Box) -> str:
    return "\n".join(_parts(box))


def _parts(box: Box) -> Iterator[str]:
    one, x, y = box.relation, box.x, box.y
    others = len(one.columns) - len(one.key)
    yield f'<a href="#{escape(one.name)}"><rect x="{x}" y="{y}" width="{WIDTH}" height="{box.height}" rx="6"/>'
    yield f"<title>{escape(one.title)}</title>"
    yield f'<text class="name" x="{x + PAD}" y="{y + 16}">{escape(one.name)}</text>'
    yield f'<text class="more" x="{x + WIDTH - PAD}" y="{y + 16}">+{others}</text>'
    for number, name in enumerate(one.key, 1):
        yield f'<text x="{x + PAD}" y="{y + HEAD + LINE * number - 4}">{escape(name)}</text>'
    yield "</a>"
