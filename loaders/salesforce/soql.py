"""Pieces of SOQL. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

QUERY_ROOM = (
    60_000  # characters of the list in one query; a query may have 100,000 (docs: "SOQL and SOSL Limits")
)


def id_lists(name: str, values: Sequence[str]) -> Iterator[str]:
    """`name IN ('…', …)` in pieces that a query can carry."""
    piece: list[str] = []
    room = QUERY_ROOM
    for value in values:
        text = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        if room < len(text) + 1:
            yield f"{name} IN ({','.join(piece)})"
            piece, room = [], QUERY_ROOM
        piece.append(text)
        room -= len(text) + 1
    if piece:
        yield f"{name} IN ({','.join(piece)})"
