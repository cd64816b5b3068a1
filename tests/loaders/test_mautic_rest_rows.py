"""Records of the API as rows: every odd spelling of a value lands as the database would have it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import phpserialize
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.errors import RemoteError
from loaders.mautic import php
from loaders.mautic.notes import Notes
from loaders.mautic.rest_pages import Listing, _ask, _fewer_than_promised, _rows, _total
from loaders.mautic.rest_rows import NOT_GIVEN, Rows, _json_of, _moment, columns_of
from loaders.mautic.settings import Table
from loaders.rest_client import Reply

LEADS = Table(
    "leads",
    ("id",),
    {
        "id": "int",
        "is_published": "int",
        "date_added": "timestamp",
        "owner_id": "int",
        "points": "int",
        "firstname": "text",
        "internal": "text",
    },
    serialized=("internal",),
    default_fields=frozenset({"firstname"}),
)
FIELDS: list[dict[str, Any]] = [
    {"alias": "colour", "object": "lead", "type": "text", "isPublished": True},
    {"alias": "budget", "object": "lead", "type": "number", "isPublished": True},
    {"alias": "partner", "object": "lead", "type": "boolean", "isPublished": True},
    {"alias": "born", "object": "lead", "type": "date", "isPublished": True},
    {"alias": "called", "object": "lead", "type": "datetime", "isPublished": True},
    {"alias": "hidden", "object": "lead", "type": "text", "isPublished": False},
    {"alias": "industry", "object": "company", "type": "text", "isPublished": True},
    {"alias": "firstname", "object": "lead", "type": "text", "isPublished": True},
]
LISTING = Listing("contacts", "contacts", ("id",))


def contact(number: int = 1, fields: Any = None, **more: Any) -> dict[str, Any]:
    """A contact with these fields."""
    return {"id": number, "fields": {"all": {"id": str(number), **(fields or {})}}, **more}


def landed(*records: dict[str, Any], notes: Notes | None = None) -> list[dict[str, Any]]:
    """The rows that these contacts become."""
    made = Rows(LEADS, columns_of(LEADS, FIELDS), notes or Notes())
    table = made.to_arrow(list(records))
    assert isinstance(table, pa.Table)
    made.note_missing("5.2", ["hidden"])
    return table.to_pylist()  # type: ignore[no-any-return]


def test_a_contact_becomes_a_row_with_its_fields_as_columns() -> None:
    record = contact(
        7,
        {"firstname": "Ada", "colour": "red", "budget": 3, "partner": True, "born": "1980-02-29",
         "called": "2024-05-06 07:08:09"},
        isPublished=True, dateAdded="2024-01-02T03:04:05-05:00", owner={"id": 4}, points=9,
    )  # fmt: skip
    assert landed(record) == [
        {
            "id": 7, "is_published": 1, "date_added": datetime(2024, 1, 2, 8, 4, 5), "owner_id": 4,
            "points": 9, "firstname": "Ada", "internal": None, "colour": "red", "budget": 3.0, "partner": 1,
            "born": date(1980, 2, 29), "called": datetime(2024, 5, 6, 7, 8, 9), "hidden": None,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value, expected", [(True, 1), (False, 0), ("1", 1), ("0", 0), ("", None), (None, None)]
)
def test_a_boolean_in_every_spelling(value: Any, expected: int | None) -> None:
    assert landed(contact(fields={"partner": value}))[0]["partner"] == expected


@pytest.mark.parametrize(
    "value, expected", [(3, 3.0), (3.5, 3.5), ("3.5", 3.5), ("-7", -7.0), ("", None), ("x", None)]
)
def test_a_number_in_every_spelling(value: Any, expected: float | None) -> None:
    assert landed(contact(fields={"budget": value}))[0]["budget"] == expected


def test_what_cannot_be_read_is_null_and_named_by_its_key() -> None:
    notes = Notes()
    landed(contact(5, {"budget": "much", "called": "0000-00-00 00:00:00", "born": "yesterday"}), notes=notes)
    found = {
        (note["column_name"], note["row_count"], note["sample_keys"]) for note in notes.to_arrow().to_pylist()
    }
    assert {("budget", 1, "5"), ("called", 1, "5"), ("born", 1, "5")} <= found


def test_empty_containers_of_php_are_no_values() -> None:
    record = {"id": 1, "fields": [], "owner": [], "points": None, "dateAdded": ""}
    row = landed(record)[0]
    assert {name: value for name, value in row.items() if value is not None} == {"id": 1}


def test_fields_without_all_are_read_from_their_groups() -> None:
    record = {
        "id": 1,
        "fields": {"core": {"firstname": {"alias": "firstname", "value": "Ada"}}, "social": []},
    }
    assert landed(record)[0]["firstname"] == "Ada"


def test_a_multiselect_lands_as_the_database_has_it() -> None:
    assert landed(contact(fields={"colour": ["red", "blue"]}))[0]["colour"] == "red|blue"


def test_columns_that_no_record_has_are_noted() -> None:
    notes = Notes()
    landed(contact(fields={"firstname": "Ada"}), notes=notes)
    told = {note["column_name"]: note["note"] for note in notes.to_arrow().to_pylist()}
    assert told["internal"] == NOT_GIVEN
    assert "unpublished" in told["hidden"]
    assert "firstname" not in told


def test_the_malformed_instant_of_the_documentation_is_read() -> None:
    assert _moment("2015-06-010T09:30:47+00:00") == datetime(2015, 6, 10, 9, 30, 47)


@given(
    st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_every_offset_lands_as_the_same_moment_in_utc(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0)
    local = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    assert _moment(local.isoformat()) == moment
    assert _moment(moment.isoformat(sep=" ")) == moment


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=4) | st.dictionaries(st.text("abc", min_size=1), VALUES, max_size=4))
def test_serialized_text_and_the_apis_json_land_alike(value: Any) -> None:
    serialized = phpserialize.dumps(value, charset="utf-8").decode()
    assert json.loads(_json_of(value) or "") == json.loads(php.to_json(serialized))
    assert _json_of(serialized) == php.to_json(serialized)


def test_serialized_text_that_is_broken_lands_as_it_is_with_a_note() -> None:
    notes = Notes()
    assert landed(contact(3, internal='a:1:{s:5:"no'), notes=notes)[0]["internal"] == 'a:1:{s:5:"no'
    assert any(note["sample_keys"] == "3" for note in notes.to_arrow().to_pylist())


@given(st.lists(st.integers(1, 10**9), unique=True, max_size=20), st.booleans(), st.booleans())
def test_rows_are_found_in_lists_and_in_objects_keyed_by_id(
    numbers: list[int], keyed: bool, as_text: bool
) -> None:
    records = [{"id": number} for number in numbers]
    held: Any = {str(record["id"]): record for record in records} if keyed else records
    body = {"total": str(len(numbers)) if as_text else len(numbers), "contacts": held}
    assert _rows(body, LISTING) == records
    assert _total(body) == len(numbers)
    assert _fewer_than_promised(body, LISTING, 100) is None


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 100))
def test_a_page_is_short_only_if_its_total_promises_more(rows: int, total: int, limit: int) -> None:
    body = {"total": total, "contacts": [{"id": number} for number in range(rows)]}
    assert (_fewer_than_promised(body, LISTING, limit) is not None) == (rows < min(limit, total))


class Deaf:
    """An API that ignores conditions."""

    host = "deaf.example"

    def get(self, path: str, params: Any, check: Any) -> Reply:
        """Always the first page."""
        return Reply(200, {}, {"total": 9, "contacts": [{"id": 1}, {"id": 2}]})


def test_an_api_that_ignores_the_condition_stops_the_landing() -> None:
    with pytest.raises(RemoteError, match="ignores the condition on id"):
        _ask(Deaf(), LISTING, 2, 2, None)  # type: ignore[arg-type]
