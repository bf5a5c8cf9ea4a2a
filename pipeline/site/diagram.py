"""The entity diagram as SVG: each table with its key, and a line to the table that it refers to."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from markupsafe import escape

from pipeline.dictionary import HUBS, Dictionary, Relation, references

GAP_X, GAP_Y, HEAD, LINE, PAD, BEND = 26, 12, 24, 15, 8, 6
NAME_PX, KEY_PX, MORE_PX = 7.7, 6.8, 6.8
"""How wide a letter is at most, on average of a name, in the fonts that the page may find."""


@dataclass(frozen=True)
class Box:
    """A table at its place. `bend`: where lines to it turn, so that those to two tables can be told apart."""

    relation: Relation
    x: int
    y: int
    width: int
    bend: int

    @property
    def right(self) -> int:
        """Where it ends, and lines to it do."""
        return self.x + self.width

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


def _width(one: Relation) -> int:
    """As its longest line needs: its name and the number beside it, or a column of its key."""
    head = NAME_PX * len(one.name) + PAD + MORE_PX * len(_more(one))
    return 2 * PAD + ceil(max([head, *(KEY_PX * len(name) for name in one.key)]))


def _more(one: Relation) -> str:
    return f"+{len(one.columns) - len(one.key)}"


def svg(this: Dictionary) -> str:
    """The diagram; colours are those of the page that it stands in."""
    refers = references(this)
    boxes = _placed([one for one in this.relations if one.kind == "table"], refers)
    width = max(box.right for box in boxes.values()) + 1
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
    boxes, x, order = {}, 0, list(HUBS)
    for _, ones in sorted(columns.items()):
        y, width = 0, max(map(_width, ones))
        hubs = sorted((one for one in ones if one.name in HUBS), key=lambda one: order.index(one.name))
        others = sorted((one for one in ones if one.name not in HUBS), key=lambda one: one.name)
        for place, one in enumerate([*hubs, *others]):
            boxes[one.name] = Box(one, x, y, width, x + width + BEND * (1 + place))
            y += _height(one) + GAP_Y
        x += width + GAP_X
    return boxes


def _depth(name: str, refers: dict[str, str]) -> int:
    return 1 + _depth(refers[name], refers) if name in refers else 0


def _line(box: Box, hub: Box, key: tuple[str, ...]) -> str:
    path = f"M{hub.right} {hub.middle}H{hub.bend}V{box.middle}H{box.x}"
    feet = f"M{box.x - 9} {box.middle}l9 -4m-9 4l9 4"  # many of these to one of those
    return f'<path d="{path}{feet}"><title>{escape(box.relation.name)}: {escape(", ".join(key))}</title></path>'


def _box(box: Box) -> str:
    return "\n".join(_parts(box))


def _parts(box: Box) -> Iterator[str]:
    one, x, y = box.relation, box.x, box.y
    yield f'<a href="#{escape(one.name)}"><rect x="{x}" y="{y}" width="{box.width}" height="{box.height}" rx="6"/>'
    yield f"<title>{escape(one.title)}</title>"
    yield f'<text class="name" x="{x + PAD}" y="{y + 16}">{escape(one.name)}</text>'
    yield f'<text class="more" x="{box.right - PAD}" y="{y + 16}">{_more(one)}</text>'
    for number, name in enumerate(one.key, 1):
        yield f'<text x="{x + PAD}" y="{y + HEAD + LINE * number - 4}">{escape(name)}</text>'
    yield "</a>"
