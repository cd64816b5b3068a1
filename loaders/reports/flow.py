"""The flow picture of a report: source entities on the left, what became of them on the right. Pure: numbers to places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, BAR = 1080, 16
LABEL = 330  # room for the texts on either side
GAP = 18  # between bars, so that the texts of thin ones stay apart
BARS = 320  # height of all bars of one side together


@dataclass(frozen=True)
class Bar:
    """One end of the flow; places in pixels of the picture."""

    label: str
    records: int
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Ribbon:
    """Records that went from one bar to another; `path` is the closed outline in SVG's terms."""

    source: str
    target: str
    records: int
    path: str


@dataclass(frozen=True)
class Flow:
    """The whole picture."""

    width: int
    height: int
    sources: list[Bar]
    targets: list[Bar]
    ribbons: list[Ribbon]


def draw(ways: Sequence[tuple[str, str, int]]) -> Flow:
    """Places for (source, target, records); bars and ribbons are as high as their share of all records.

    Bars keep the order in which they first appear. No records give an empty picture.
    """
    ways = [way for way in ways if way[2] > 0]
    sources = _bars([(source, records) for source, _, records in ways], LABEL)
    targets = _bars([(target, records) for _, target, records in ways], WIDTH - LABEL - BAR)
    height = max((bar.y + bar.height for bar in (*sources, *targets)), default=0.0)
    left = {bar.label: bar.y for bar in sources}
    right = {bar.label: bar.y for bar in targets}
    heights = {bar.label: bar.height / bar.records for bar in sources}
    narrow = {bar.label: bar.height / bar.records for bar in targets}
    ribbons = []
    for source, target, records in ways:
        thick, thin = records * heights[source], records * narrow[target]
        ribbons.append(Ribbon(source, target, records, _outline(left[source], thick, right[target], thin)))
        left[source] += thick
        right[target] += thin
    return Flow(WIDTH, round(height), sources, targets, ribbons)


def _bars(ends: Sequence[tuple[str, int]], x: float) -> list[Bar]:
    """Bars from top to bottom, each as high as its share."""
    totals: dict[str, int] = {}
    for label, records in ends:
        totals[label] = totals.get(label, 0) + records
    whole = sum(totals.values())
    bars, y = [], 0.0
    for label, records in totals.items():
        height = BARS * records / whole
        bars.append(Bar(label, records, x, round(y, 2), round(height, 2)))
        y += height + GAP
    return bars


def _outline(left: float, left_height: float, right: float, right_height: float) -> str:
    """A band between two bars, curved so that crossings can be followed."""
    start, end = LABEL + BAR, WIDTH - LABEL - BAR
    middle = (start + end) / 2
    return (
        f"M{start},{left:.2f} C{middle},{left:.2f} {middle},{right:.2f} {end},{right:.2f} "
        f"L{end},{right + right_height:.2f} "
        f"C{middle},{right + right_height:.2f} {middle},{left + left_height:.2f} {start},{left + left_height:.2f} Z"
    )
