"""REST and Bulk take the same rows, refuse the same rows, and store the same values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.rehearsal.org.catalogue import FieldInfo, standard_catalogue
from loaders.rehearsal.org.declared import declared_field
from loaders.rehearsal.org.ids import checksum, long_id, make_id
from loaders.rehearsal.org.ingest import Ingest
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.rest_rows import write_rows
from loaders.rehearsal.org.state import Org

FIELDS: list[FieldInfo] = [
    declared_field("Code__c", "Text", length=8),
    declared_field("Rank__c", "Number", precision=5, scale=2),
    declared_field("Joined_On__c", "Date"),
    declared_field("Seen_At__c", "DateTime"),
    declared_field("Is_Vip__c", "Checkbox"),
    declared_field("Mail__c", "Email"),
    declared_field("Tags__c", "MultiselectPicklist"),
]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
SPICY = st.sampled_from(
    [
        " padded ",
        "ä" * 8,
        "ä" * 9,
        "=1+1",
        '"',
        ",",
        "a\nb",
        "'",
        "\u00a0",
        "🎉" * 8,
        "😀" * 9,
        "null",
        "NULL",
    ]
)
ROWS = st.fixed_dictionaries(
    {"Name": TEXT | SPICY},
    optional={
        "Code__c": TEXT | SPICY,
        "Rank__c": st.sampled_from(
            ["1", "-1.005", "999.99", "999.999", "1000", "1e2", ".5", "5.", "1,5", "abc", "1e400", "NaN"]
        ),
        "NumberOfEmployees": st.sampled_from(
            ["0", "-7", "2147483647", "2147483648", "99999999", "1.5", "1.0", "x"]
        ),
        "Joined_On__c": st.sampled_from(
            ["2024-02-29", "2023-02-29", "1699-12-31", "4001-01-01", "2024-1-1", "24-01-01", "x"]
        ),
        "Seen_At__c": st.sampled_from(
            [
                "2024-01-01T00:00:00Z",
                "2024-01-01T00:00:00.999+0530",
                "2024-01-01T24:00:00Z",
                "2024-01-01",
                "2024-01-01T10:00Z",
                "2024-06-01T00:00:00-07:00",
                "soon",
            ]
        ),
        "Is_Vip__c": st.sampled_from(["true", "FALSE", "1", "0", "yes", "maybe"]),
        "Mail__c": st.sampled_from(
            [
                "a@b.de",
                "a.b+c@d-e.example",
                "a@b",
                "a b@c.de",
                "@b.de",
                "a@b..de",
                "ä@b.de",
                "a" * 80 + "@b.de",
            ]
        ),
        "Tags__c": st.sampled_from(["a", "a;b", "b;a;;a", ";", " a ; b "]),
        "Industry": TEXT,
        "CleanStatus": st.sampled_from(["Pending", "pending", "Nope"]),
    },
)


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    with Org(Options()) as found:
        found.extend(found.catalogue.with_fields({"Account": FIELDS}))
        found.jobs.stop()
        yield found


@pytest.mark.requirement("C1")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(ROWS, min_size=1, max_size=60))
def test_rest_and_bulk_agree(org: Org, rows: list[dict[str, str]]) -> None:
    # Bulk cannot give an empty or missing cell a meaning of its own, so both get the cells that say
    # something.
    rows = [{key: value for key, value in row.items() if value} for row in rows]
    by_rest, by_bulk = through_rest(org, rows), through_bulk(org, rows)
    assert by_rest == by_bulk
    few = rows[:8]  # every set of columns is a statement of its own to plan
    assert [through_rest(org, [row])[0] for row in few] == by_rest[:8]


@pytest.mark.requirement("C1")
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_changes_of_one_record_and_of_many_agree(org: Org, rows: list[dict[str, str]]) -> None:
    info, context = org.catalogue.object("Account"), org.context(org.login(org.admin_id))
    # An empty text and a null empty the field; a Bulk cell could not say so, REST can.
    records: list[dict[str, Any]] = [{key: value or None for key, value in row.items()} for row in rows]
    found = []
    for size in (1, len(rows)):
        bases = write_rows(
            org.store, context, info, "insert", [{"Name": "base", "Industry": "Energy"}] * len(rows)
        )
        changes = [{"Id": base.id, **row} for base, row in zip(bases, records, strict=True)]
        outcomes = [
            outcome
            for start in range(0, len(rows), size)
            for outcome in write_rows(org.store, context, info, "update", changes[start : start + size])
        ]
        found.append(
            [
                (o.error and (o.error.code, o.error.message), stored(org, str(base.id)))
                for o, base in zip(outcomes, bases, strict=True)
            ]
        )
    assert found[0] == found[1]


def test_a_plan_made_for_an_empty_table_serves_a_full_one(org: Org) -> None:
    info, context = org.catalogue.object("Product2"), org.context(org.login(org.admin_id))
    codes = []
    for name, book in (("first", "standard"), ("second", "own"), ("first", "own")):
        product = write_rows(org.store, context, info, "insert", [{"Name": name}])[0].id
        prices = org.store.rows('select "Id" from org."Pricebook2" where "IsStandard"')[0][0]
        if book == "own":
            made = write_rows(
                org.store, context, org.catalogue.object("Pricebook2"), "insert", [{"Name": "own"}]
            )
            prices = made[0].id
        entry = {"Pricebook2Id": prices, "Product2Id": product, "UnitPrice": 1}
        outcome = write_rows(org.store, context, org.catalogue.object("PricebookEntry"), "insert", [entry])[0]
        codes.append(outcome.error and outcome.error.code)
    assert codes == [None, "STANDARD_PRICE_NOT_DEFINED", "STANDARD_PRICE_NOT_DEFINED"]
    twice = [
        write_rows(org.store, context, org.catalogue.object("Topic"), "insert", [{"Name": "same"}])[0]
        for _ in range(2)
    ]
    assert [one.error and one.error.code for one in twice] == [None, "DUPLICATE_VALUE"]


def through_rest(org: Org, rows: list[dict[str, str]]) -> list[Any]:
    """Per row its error code, or its stored values."""
    info = org.catalogue.object("Account")
    outcomes = write_rows(org.store, org.context(org.login(org.admin_id)), info, "insert", rows)
    return [code_of(o.error.code) if o.error else stored(org, str(o.id)) for o in outcomes]


def through_bulk(org: Org, rows: list[dict[str, str]]) -> list[Any]:
    """The same by way of a job; rows are told apart by a column of their own."""
    header = sorted({key for row in rows for key in row})
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, ["Site", *header], lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({"Site": str(number), **row} for number, row in enumerate(rows))
    job = org.jobs.create(
        kind="ingest", operation="insert", object="Account", user_id=org.admin_id, version="60.0"
    )
    ingest = Ingest(org)
    ingest.upload_path(job).write_text(buffer.getvalue(), encoding="utf-8", newline="")
    job.state = "UploadComplete"
    while job.state not in ("JobComplete", "Failed"):
        ingest.step(job)
    assert job.state == "JobComplete", job.error
    found: dict[int, Any] = {}
    for name in ("successfulResults", "failedResults"):
        with ingest.result_path(job, name).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                failed = "sf__Error" in row
                found[int(row["Site"])] = (
                    code_of(row["sf__Error"].split(":")[0]) if failed else stored(org, row["sf__Id"])
                )
    return [found[number] for number in range(len(rows))]


def code_of(code: str) -> str:
    """REST calls an unreadable value JSON_PARSER_ERROR, Bulk INVALID_FIELD."""
    return "unreadable" if code in ("JSON_PARSER_ERROR", "INVALID_FIELD") else code


def stored(org: Org, record_id: str) -> tuple[Any, ...]:
    names = ["Name", "NumberOfEmployees", "Industry", "CleanStatus", *(field.name for field in FIELDS)]
    columns = ", ".join(f'"{name}"' for name in names)
    return org.store.rows(f'select {columns} from org."Account" where "Id" = ?', [record_id])[0]


@given(st.integers(0, 62**5 - 1))
def test_ids_have_a_checksum_that_restores_them(number: int) -> None:
    made = make_id("001", number)
    assert (len(made), made[15:], long_id(made[:15])) == (18, checksum(made[:15]), made)


def test_ids_of_real_orgs() -> None:
    for real in ("001R0000005hDFYIA2", "0035500000WGPGgAAP"):
        assert long_id(real[:15]) == real
    assert long_id("001R0000005hDF") is None and long_id("001R0000005hDF!") is None


def test_the_catalogue_is_whole() -> None:
    catalogue = standard_catalogue()
    assert len(catalogue.objects) == 49
    for info in catalogue.objects.values():
        for child, field, _ in info.child_relationships:
            assert info.name in catalogue.object(child).field(field).reference_to
        for field in info.fields.values():
            assert field.length or field.type not in ("string", "textarea", "email", "phone", "url"), (
                info.name,
                field.name,
            )


def test_a_plan_that_ran_before_does_not_remember_the_keys_of_that_run(org: Org) -> None:
    org.extend(
        org.catalogue.with_fields(
            {"Contact": [declared_field("Key__c", "Text", external_id=True, unique=True)]}
        )
    )
    info, context = org.catalogue.object("Contact"), org.context(org.login(org.admin_id))
    keys = [{"Key__c": f"k{number}", "LastName": "n"} for number in range(40)]
    write_rows(org.store, context, info, "insert", keys)
    changes = [{"Key__c": key["Key__c"], "Title": f"{turn}"} for turn in range(6) for key in keys]
    found = [
        write_rows(org.store, context, info, "upsert", [one], info.field("Key__c"))[0] for one in changes
    ]
    assert [(one.created, one.error) for one in found] == [(False, None)] * len(changes)
