"""What people edited in the org since a load wrote it stays, and is listed; the policy can overwrite it."""

from __future__ import annotations

import time

import pytest
from edit_fixtures import edit
from load_fixtures import Bench

from loaders.salesforce.outcome import LoadResult, MartResult


def _of(result: LoadResult, mart: str) -> MartResult:
    return next(each for each in result.marts if each.mart == mart)


def _change(bench: Bench, values: str, where: str = "true") -> None:
    bench.workspace.sql(f"update marts.sf_contacts set {values} where {where}")


@pytest.mark.requirement("COM-01")
def test_edited_cell_is_kept_and_listed_while_the_rest_of_the_row_is_sent(bench: Bench) -> None:
    bench.load()
    sf_id = edit(bench, "Contact", 3, LastName="Corrected", Title="Boss")
    edit(bench, "Contact", 4, Title="Clerk")
    _change(bench, "last_name = last_name || ' new', description = 'new'")
    result = _of(bench.load(), "contacts")
    assert (result.sent, result.accepted, result.edited_cells) == (12, 12, 1)
    (kept,) = result.edits
    assert (kept.record_key, kept.sf_id, kept.field) == (bench.key("contact", 3), sf_id, "LastName")
    assert (kept.ours, kept.theirs) == ("Name 3", "Corrected")
    contacts = bench.records("Contact", "LastName", "Description", "Title")
    assert (contacts["3"]["LastName"], contacts["3"]["Description"]) == ("Corrected", "new")
    assert (contacts["4"]["LastName"], contacts["4"]["Title"]) == ("Name 4 new", "Clerk")
    assert _of(bench.load(), "contacts").same == 12
    _change(bench, "last_name = 'Third', description = 'third'", "last_name like 'Name 3%'")
    again = bench.load()
    assert [(each.field, each.theirs) for each in _of(again, "contacts").edits] == [("LastName", "Corrected")]
    assert bench.records("Contact", "LastName")["3"]["LastName"] == "Corrected", (
        "our own write hid nobody's edit"
    )
    assert any("people edited in the org were kept" in line for line in again.lines())
    assert again.exit_code == 0


def test_policy_overwrites_edits_also_those_that_were_kept_before(bench: Bench) -> None:
    bench.load()
    edit(bench, "Contact", 3, LastName="Corrected")
    _change(bench, "last_name = last_name || ' new'", f"record_key = '{bench.key('contact', 3)}'")
    bench.load()
    forced = _of(bench.load(overwrite_edits=True), "contacts")
    assert (forced.changed, forced.same, forced.edits_overwritten) == (1, 11, True)
    assert bench.records("Contact", "LastName")["3"]["LastName"] == "Name 3 new"
    assert bench.workspace.ask("select * from ledger.edits") == []
    assert _of(bench.load(overwrite_edits=True), "contacts").same == 12


def test_value_that_went_away_in_the_source_does_not_empty_an_edited_field(bench: Bench) -> None:
    bench.load()
    edit(bench, "Contact", 3, Birthdate="1999-09-09")
    _change(bench, "birthdate = null")
    assert _of(bench.load(), "contacts").edited_cells == 1
    births = {number: row["Birthdate"] for number, row in bench.records("Contact", "Birthdate").items()}
    assert births.pop("3") == "1999-09-09"
    assert set(births.values()) == {None}


def test_what_the_org_reshaped_is_no_edit_even_when_the_record_was_touched(bench: Bench) -> None:
    _change(bench, "email = upper(email), description = '  two lines' || chr(13) || chr(10) || 'end '")
    bench.load()
    time.sleep(1.1)  # the org's clock has seconds
    for number in (1, 4):
        edit(bench, "Contact", number, Title="Boss")
    edit(bench, "Contact", 2, bench.org.login(), Title="Boss")
    _change(bench, "last_name = 'New', description = 'new'")
    result = _of(bench.load(), "contacts")
    assert (result.accepted, result.edits) == (12, [])


def test_record_that_went_back_to_our_value_is_not_protected_any_more(bench: Bench) -> None:
    bench.load()
    edit(bench, "Contact", 3, LastName="Corrected")
    _change(bench, "description = 'new'")
    assert _of(bench.load(), "contacts").edited_cells == 1
    edit(bench, "Contact", 3, LastName="Name 3")
    _change(bench, "last_name = 'New'")
    assert _of(bench.load(), "contacts").edited_cells == 0
    assert bench.records("Contact", "LastName")["3"]["LastName"] == "New"
