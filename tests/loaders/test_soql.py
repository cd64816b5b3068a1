# ruff: noqa: E501  queries and messages stand on one line, as Salesforce has them
"""The rehearsal org's SOQL: what Salesforce answers, what it refuses and with which words."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, standard_catalogue
from loaders.rehearsal.org.store import storage_columns
from loaders.rehearsal.soql import (
    QueryResult,
    SoqlError,
    export_csv,
    run,
    search,
    translate,
    translate_bulk,
)
from loaders.rehearsal.soql.literals import date_range, id_18

NOW = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)  # a Thursday
ACME, BETA, GONE = "001000000000001AAA", "001000000000002AAA", "001000000000003AAA"
ANN, BOB = "005000000000001AAA", "005000000000002AAA"
QUEUE = "00G000000000001AAA"
CARA, DAN = "003000000000001AAA", "003000000000002AAA"
EVE, FAY = "00Q000000000001AAA", "00Q000000000002AAA"

ROWS: dict[str, list[dict[str, Any]]] = {
    "Profile": [{"Id": "00e000000000001AAA", "Name": "System Administrator"}],
    "User": [
        {"Id": ANN, "Name": "Ann Lee", "FirstName": "Ann", "LastName": "Lee", "Email": "ann@example.com",
         "Username": "ann@example.com", "IsActive": True, "ProfileId": "00e000000000001AAA"},
        {"Id": BOB, "Name": "Bob", "LastName": "Bob", "Email": "bob@example.com", "IsActive": False},
    ],
    "Group": [{"Id": QUEUE, "Name": "Inbound", "Type": "Queue"}],
    "Account": [
        {"Id": ACME, "Name": "Acme", "Industry": "Energy", "OwnerId": ANN, "IsDeleted": False,
         "NumberOfEmployees": 12, "AnnualRevenue": 1500.5, "BillingStreet": "1 High St", "BillingCity": "Bern",
         "CreatedDate": datetime(2024, 9, 9, 19, 25, 27), "Description": "long"},
        {"Id": BETA, "Name": "beta", "OwnerId": BOB, "ParentId": ACME, "IsDeleted": False,
         "NumberOfEmployees": 3, "CreatedDate": datetime(2026, 5, 14, 0, 0)},
        {"Id": GONE, "Name": "Gone", "OwnerId": ANN, "IsDeleted": True},
    ],
    "Contact": [
        {"Id": CARA, "Name": "Cara O'Neil", "LastName": "O'Neil", "AccountId": ACME, "OwnerId": ANN,
         "Email": "Cara@Example.com", "Source_System_ID__c": "mautic:contact:1", "Topics__c": "a;b;c"},
        {"Id": DAN, "Name": "Dan 50%_x", "LastName": "Dan", "OwnerId": ANN, "Birthdate": datetime(1990, 2, 3),
         "Source_System_ID__c": "mautic:contact:2", "Topics__c": "b"},
    ],
    "Lead": [
        {"Id": EVE, "Name": "Eve", "LastName": "Eve", "Company": "X", "OwnerId": QUEUE, "Status": "Open",
         "IsUnreadByOwner": True},
        {"Id": FAY, "Name": "Fay", "LastName": "Fay", "Company": "Y", "OwnerId": ANN, "Status": "Open"},
    ],
    "Opportunity": [
        {"Id": "006000000000001AAA", "Name": "Deal 1", "AccountId": ACME, "Amount": 10.0, "StageName": "New",
         "CloseDate": datetime(2026, 5, 14)},
        {"Id": "006000000000002AAA", "Name": "Deal 2", "AccountId": ACME, "Amount": 30.0, "StageName": "New",
         "CloseDate": datetime(2026, 4, 1)},
        {"Id": "006000000000003AAA", "Name": "Deal 3", "AccountId": BETA, "Amount": 5.0, "StageName": "Won",
         "CloseDate": datetime(2025, 12, 31)},
    ],
    "Task": [
        {"Id": "00T000000000001AAA", "Subject": "Call", "WhoId": CARA, "WhatId": ACME, "OwnerId": ANN},
        {"Id": "00T000000000002AAA", "Subject": "Mail", "WhoId": EVE, "OwnerId": ANN},
        {"Id": "00T000000000003AAA", "Subject": "Old", "IsArchived": True, "OwnerId": ANN},
    ],
    "ContentVersion": [{"Id": "068000000000001AAA", "Title": "a", "VersionData": "QQ=="}],
    "ContentDocumentLink": [{"Id": "06A000000000001AAA", "LinkedEntityId": ACME}],
}  # fmt: skip


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    custom = [
        FieldInfo(
            "Source_System_ID__c", length=120, external_id=True, unique=True, case_sensitive=True, custom=True
        ),
        FieldInfo("Topics__c", type="multipicklist", length=4099, custom=True),
    ]
    project = [
        FieldInfo("Account__c", type="reference", reference_to=("Account",), relationship_name="Account__r",
                  custom=True)
    ]  # fmt: skip
    return standard_catalogue().with_fields({"Contact": custom, "Project__c": project})


@pytest.fixture(scope="module")
def connection(catalogue: Catalogue) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute("create schema org")
        for info in catalogue.objects.values():
            columns = ", ".join(f'"{column}" {kind}' for column, kind in storage_columns(info))
            database.execute(f'create table org."{info.name}" ({columns})')
        for name, rows in ROWS.items():
            for row in rows:
                full = {"IsDeleted": False, **row}
                names = ", ".join(f'"{key}"' for key in full)
                marks = ", ".join("?" * len(full))
                database.execute(f'insert into org."{name}" ({names}) values ({marks})', list(full.values()))
        yield database


@pytest.fixture
def ask(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection) -> Any:
    def answer(soql: str, **options: Any) -> QueryResult:
        return run(soql, catalogue, connection, now=NOW, **options)

    return answer


def flat(result: QueryResult) -> list[Any]:
    """Records without attributes; single-valued ones as the value."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if key != "attributes"}
        return [plain(one) for one in value] if isinstance(value, list) else value

    rows = [plain(record) for record in result.records()]
    return [next(iter(row.values())) if len(row) == 1 else row for row in rows]


CONDITIONS = [
    # text without case, empty text is null
    ("Account", "Name = 'ACME'", ["Acme"]),
    ("Account", "Name != 'acme'", ["beta"]),
    ("Account", "Name <> 'acme'", ["beta"]),
    ("Account", "Name > 'B'", ["beta"]),
    ("Account", "Name IN ('ACME', 'nobody')", ["Acme"]),
    ("Account", "Name NOT IN ('ACME')", ["beta"]),
    ("Account", "Industry = null", ["beta"]),
    ("Account", "Industry = ''", ["beta"]),
    ("Account", "Industry != NULL", ["Acme"]),
    ("Account", "Industry != 'Energy'", ["beta"]),
    ("Account", "Industry NOT IN ('Energy')", ["beta"]),
    ("Account", "Industry IN ('Energy', null)", ["Acme", "beta"]),
    ("Account", "NOT Industry = 'Energy'", ["beta"]),
    ("Account", "(NOT (Industry = 'Energy' OR Name = 'x'))", ["beta"]),
    # LIKE
    ("Account", "Name LIKE 'a%'", ["Acme"]),
    ("Account", "Name LIKE '_ETA'", ["beta"]),
    ("Account", "(NOT Name LIKE 'a%')", ["beta"]),
    ("Contact", r"Name LIKE '%50\%\_x'", ["Dan 50%_x"]),
    ("Contact", r"Name LIKE '%5\_%'", []),
    ("Contact", r"LastName = 'O\'Neil'", ["Cara O'Neil"]),
    # ids: 15 and 18 characters, case matters for 15
    ("Account", f"Id = '{ACME}'", ["Acme"]),
    ("Account", f"Id = '{ACME[:15]}'", ["Acme"]),
    ("Account", f"Id IN ('{ACME[:15]}', '{BETA}')", ["Acme", "beta"]),
    ("Account", f"Id > '{ACME}'", ["beta"]),
    ("Account", f"ParentId = '{ACME}'", ["beta"]),
    ("Account", f"ParentId != '{ACME}'", ["Acme"]),
    # case-sensitive external id
    ("Contact", "Source_System_ID__c = 'mautic:contact:1'", ["Cara O'Neil"]),
    ("Contact", "Source_System_ID__c = 'MAUTIC:contact:1'", []),
    ("Contact", "Email = 'cara@example.COM'", ["Cara O'Neil"]),
    # numbers and booleans
    ("Account", "NumberOfEmployees >= 12", ["Acme"]),
    ("Account", "NumberOfEmployees < -1", []),
    ("Account", "AnnualRevenue = USD1500.5", ["Acme"]),
    ("Account", "AnnualRevenue = 1.5005e3", ["Acme"]),
    ("Account", "NumberOfEmployees IN (3, 4)", ["beta"]),
    ("Lead", "IsUnreadByOwner = TRUE", ["Eve"]),
    ("Lead", "IsUnreadByOwner = false", ["Fay"]),
    ("Lead", "IsUnreadByOwner != true", ["Fay"]),
    # dates
    ("Account", "CreatedDate = 2024-09-09T19:25:27Z", ["Acme"]),
    ("Account", "CreatedDate = 2024-09-09T21:25:27.000+02:00", ["Acme"]),
    ("Account", "CreatedDate < 2025-01-01T00:00:00.000-0800", ["Acme"]),
    ("Account", "CreatedDate = TODAY", ["beta"]),
    ("Account", "CreatedDate != TODAY", ["Acme"]),
    ("Account", "CreatedDate < YESTERDAY", ["Acme"]),
    ("Account", "CreatedDate > YESTERDAY", ["beta"]),
    ("Account", "CreatedDate = LAST_N_YEARS:2", ["Acme"]),
    ("Account", "DAY_ONLY(CreatedDate) = 2024-09-09", ["Acme"]),
    ("Account", "CALENDAR_YEAR(CreatedDate) = 2024", ["Acme"]),
    ("Opportunity", "CloseDate = THIS_MONTH", ["Deal 1"]),
    ("Opportunity", "CloseDate >= 2026-04-01", ["Deal 1", "Deal 2"]),
    ("Opportunity", "CloseDate IN (2026-04-01, TODAY)", ["Deal 1", "Deal 2"]),
    # multi-select
    ("Contact", "Topics__c INCLUDES ('A;B', 'x')", ["Cara O'Neil"]),
    ("Contact", "Topics__c INCLUDES ('b')", ["Cara O'Neil", "Dan 50%_x"]),
    ("Contact", "Topics__c EXCLUDES ('c')", ["Dan 50%_x"]),
    # related records, with the outer join's rules
    ("Account", "Owner.Email = 'ann@example.com'", ["Acme"]),
    ("Account", "Owner.IsActive = false", ["beta"]),
    ("Account", "Parent.Name = null", ["Acme"]),
    ("Contact", "Account.Owner.Profile.Name LIKE 'system%'", ["Cara O'Neil"]),
    ("Lead", "Owner.Type = 'Queue'", []),
    ("Lead", "Owner.Type = 'Group'", ["Eve"]),
    ("Lead", "Owner.Name = 'ann lee'", ["Fay"]),
    ("Account", "Id IN (SELECT AccountId FROM Opportunity WHERE Amount > 20)", ["Acme"]),
    ("Account", "Id NOT IN (SELECT AccountId FROM Opportunity WHERE Amount > 20)", ["beta"]),
    ("Account", "Account.Name = 'acme'", ["Acme"]),
    ("Account", "Name = 'acme' AND (Industry = 'x' OR NumberOfEmployees = 12) AND Id != null", ["Acme"]),
]


@pytest.mark.parametrize(("name", "condition", "expected"), CONDITIONS)
def test_a_condition_finds(ask: Any, name: str, condition: str, expected: list[str]) -> None:
    assert flat(ask(f"SELECT Name FROM {name} WHERE {condition}")) == expected


def test_a_long_in_list_finds_the_same(ask: Any) -> None:
    names = ", ".join(f"'n{number}'" for number in range(100))
    assert flat(ask(f"SELECT Name FROM Account WHERE Name IN ({names}, 'ACME')")) == ["Acme"]
    assert flat(ask(f"SELECT Name FROM Account WHERE Name NOT IN ({names}, 'ACME')")) == ["beta"]


def test_record_has_attributes_canonical_names_and_salesforce_dates(ask: Any) -> None:
    result = ask(
        "select id, NAME, createddate, annualrevenue, owner.NAME, owner.profile.name from account limit 1"
    )
    assert result.object == "Account"
    assert result.records(version="62.0") == [
        {
            "attributes": {"type": "Account", "url": f"/services/data/v62.0/sobjects/Account/{ACME}"},
            "Id": ACME,
            "Name": "Acme",
            "CreatedDate": "2024-09-09T19:25:27.000+0000",
            "AnnualRevenue": 1500.5,
            "Owner": {
                "attributes": {"type": "User", "url": f"/services/data/v62.0/sobjects/User/{ANN}"},
                "Name": "Ann Lee",
                "Profile": {
                    "attributes": {
                        "type": "Profile",
                        "url": "/services/data/v62.0/sobjects/Profile/00e000000000001AAA",
                    },
                    "Name": "System Administrator",
                },
            },
        }
    ]


def test_attributes_need_no_selected_id(ask: Any) -> None:
    (record,) = ask("SELECT Name FROM Account WHERE Name = 'beta'").records()
    assert list(record) == ["attributes", "Name"]
    assert record["attributes"]["url"].endswith(BETA)


def test_missing_parent_is_null(ask: Any) -> None:
    assert flat(ask("SELECT Parent.Name, Parent.Parent.Name FROM Account ORDER BY Name")) == [
        None,
        {"Name": "Acme", "Parent": None},
    ]


def test_polymorphic_parent_is_a_name(ask: Any) -> None:
    first, second = ask("SELECT Owner.Name, Owner.Type FROM Lead ORDER BY Name").records()
    assert first["Owner"] == {
        "attributes": {"type": "Name", "url": f"/services/data/v60.0/sobjects/Group/{QUEUE}"},
        "Name": "Inbound",
        "Type": "Group",
    }
    assert second["Owner"]["attributes"]["url"].endswith(f"User/{ANN}")
    rows = flat(ask("SELECT Who.Name, What.Type FROM Task ORDER BY Subject"))
    assert rows == [
        {"Who": {"Name": "Cara O'Neil"}, "What": {"Type": "Account"}},
        {"Who": {"Name": "Eve"}, "What": None},
    ]


def test_typeof_shows_the_real_type(ask: Any) -> None:
    soql = """SELECT TYPEOF Who WHEN Contact THEN LastName, Email WHEN Lead THEN Company END,
              TYPEOF What WHEN Opportunity THEN Amount ELSE Name END FROM Task ORDER BY Subject"""
    first, second = ask(soql).records()
    assert first["Who"]["attributes"]["type"] == "Contact"
    assert first["Who"]["Email"] == "Cara@Example.com"
    assert first["What"]["Name"] == "Acme"
    assert first["What"]["attributes"]["type"] == "Account"
    assert second["Who"]["Company"] == "X"
    assert second["What"] is None


def test_address_is_assembled(ask: Any) -> None:
    with_address, without = ask("SELECT BillingAddress FROM Account ORDER BY Name").records()
    assert with_address["BillingAddress"]["city"] == "Bern"
    assert with_address["BillingAddress"]["street"] == "1 High St"
    assert {"country", "latitude", "postalCode", "state"} <= set(with_address["BillingAddress"])
    assert without["BillingAddress"] is None


def test_child_records_come_as_nested_results(ask: Any) -> None:
    soql = "SELECT Name, (SELECT Name, Account.Name FROM Opportunities WHERE Amount > 1 ORDER BY Amount DESC LIMIT 1) FROM Account"
    acme, beta = ask(f"{soql} ORDER BY Name").records()
    assert acme["Opportunities"]["totalSize"] == 1
    assert acme["Opportunities"]["done"] is True
    assert acme["Opportunities"]["records"][0]["Name"] == "Deal 2"
    assert acme["Opportunities"]["records"][0]["attributes"]["type"] == "Opportunity"
    assert acme["Opportunities"]["records"][0]["Account"]["Name"] == "Acme"
    assert beta["Opportunities"]["records"][0]["Name"] == "Deal 3"
    (cara,) = ask(
        "SELECT Id, (SELECT Id FROM Contacts), (SELECT Id FROM Cases) FROM Account LIMIT 1"
    ).records()
    assert cara["Contacts"]["records"][0]["Id"] == CARA
    assert cara["Cases"] is None


def test_nested_children_and_parent_fields_of_children(ask: Any) -> None:
    soql = "SELECT (SELECT Name, (SELECT Name FROM Opportunities) FROM ChildAccounts) FROM Account WHERE Name = 'Acme'"
    (acme,) = ask(soql).records()
    (beta,) = acme["ChildAccounts"]["records"]
    assert beta["Name"] == "beta"
    assert beta["Opportunities"]["records"][0]["Name"] == "Deal 3"


AGGREGATES = [
    ("SELECT COUNT(Id) FROM Account", [{"expr0": 2}]),
    ("SELECT COUNT(Id) n, MAX(Name) FROM Account", [{"n": 2, "expr0": "beta"}]),
    ("SELECT SUM(Amount), AVG(Amount) mean FROM Opportunity", [{"expr0": 45.0, "mean": 15.0}]),
    ("SELECT COUNT_DISTINCT(StageName) FROM Opportunity", [{"expr0": 2}]),
    (
        "SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName ORDER BY COUNT(Id) DESC",
        [{"StageName": "New", "expr0": 2}, {"StageName": "Won", "expr0": 1}],
    ),
    (
        "SELECT Account.Name a, SUM(Amount) s FROM Opportunity GROUP BY Account.Name HAVING SUM(Amount) > 10",
        [{"a": "Acme", "s": 40.0}],
    ),
    (
        "SELECT CALENDAR_YEAR(CloseDate) y, MIN(CloseDate) d FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate) "
        "ORDER BY CALENDAR_YEAR(CloseDate)",
        [{"y": 2025, "d": "2025-12-31"}, {"y": 2026, "d": "2026-04-01"}],
    ),
    (
        "SELECT StageName, COUNT(Id) c FROM Opportunity GROUP BY ROLLUP(StageName) ORDER BY StageName NULLS LAST",
        [{"StageName": "New", "c": 2}, {"StageName": "Won", "c": 1}, {"StageName": None, "c": 3}],
    ),
]


@pytest.mark.parametrize(("soql", "expected"), AGGREGATES)
def test_aggregates(ask: Any, soql: str, expected: list[dict[str, Any]]) -> None:
    records = ask(soql).records()
    assert [record.pop("attributes") for record in records] == [{"type": "AggregateResult"}] * len(expected)
    assert records == expected


def test_bare_count_is_the_total_size(ask: Any) -> None:
    result = ask("SELECT COUNT() FROM Account")
    assert (result.total_size, result.records()) == (2, [])
    assert ask("SELECT COUNT() FROM Account LIMIT 1").total_size == 1


def test_deleted_and_archived_records_are_hidden_until_asked_for(ask: Any) -> None:
    assert ask("SELECT Id FROM Account").total_size == 2
    assert ask("SELECT Id FROM Account", include_deleted=True).total_size == 3
    assert ask("SELECT Id FROM Account ALL ROWS").total_size == 3
    assert ask("SELECT Id FROM Task").total_size == 2
    assert ask("SELECT Id FROM Task", include_deleted=True).total_size == 3


def test_order_puts_nulls_first_in_both_directions_unless_asked(ask: Any) -> None:
    names = "SELECT Name FROM Account ORDER BY Industry"
    assert flat(ask(names)) == ["beta", "Acme"]
    assert flat(ask(f"{names} DESC")) == ["beta", "Acme"]
    assert flat(ask(f"{names} ASC NULLS LAST, Name")) == ["Acme", "beta"]


def test_limit_offset_and_pages(ask: Any) -> None:
    assert flat(ask("SELECT Name FROM Account ORDER BY Name LIMIT 1 OFFSET 1")) == ["beta"]
    result = ask("SELECT Name FROM Account ORDER BY Name")
    assert [record["Name"] for record in result.records(1, 1)] == ["beta"]
    assert result.total_size == 2


ALIASES = [
    "SELECT a.Name FROM Account a WHERE a.Name = 'Acme'",
    "SELECT Account.Name FROM Account WHERE Account.Name = 'Acme'",
    "SELECT Name FROM Account USING SCOPE mine WHERE Name = 'Acme' WITH SECURITY_ENFORCED LIMIT 1 FOR VIEW",
    "SELECT toLabel(Name) FROM Account WHERE Name = 'Acme' FOR REFERENCE",
    "SELECT FORMAT(Name) Name FROM Account WHERE Name = 'Acme' WITH USER_MODE",
    "SELECT\n  Name\nFROM\tAccount\r\nWHERE Name = 'Acme'",
]


@pytest.mark.parametrize("soql", ALIASES)
def test_other_ways_to_say_the_same(ask: Any, soql: str) -> None:
    assert flat(ask(soql)) == ["Acme"]


def test_old_style_join_aliases(ask: Any) -> None:
    assert flat(ask("SELECT c.Name, a.Name FROM Contact c, c.Account a WHERE a.Name = 'Acme'")) == [
        {"Name": "Cara O'Neil", "Account": {"Name": "Acme"}}
    ]


def test_fields_function_expands(ask: Any) -> None:
    (record,) = ask("SELECT FIELDS(ALL) FROM Contact WHERE LastName = 'Dan' LIMIT 1").records()
    assert record["Birthdate"] == "1990-02-03"
    assert record["Source_System_ID__c"] == "mautic:contact:2"
    (custom,) = ask("SELECT Name, FIELDS(CUSTOM) FROM Contact LIMIT 1").records()
    assert set(custom) == {"attributes", "Name", "Source_System_ID__c", "Topics__c"}
    assert "Topics__c" not in ask("SELECT FIELDS(STANDARD) FROM Contact").records()[0]


def test_binary_content_is_an_address(ask: Any) -> None:
    (record,) = ask("SELECT VersionData FROM ContentVersion").records(version="61.0")
    assert (
        record["VersionData"] == "/services/data/v61.0/sobjects/ContentVersion/068000000000001AAA/VersionData"
    )


MISSING = (
    "If you are attempting to use a custom {0}, be sure to append the '__{1}' after the custom {2} name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
REFUSALS = [
    ("SELECT FROM Account", "MALFORMED_QUERY", "\nSELECT FROM Account\n       ^\nERROR at Row:1:Column:8\nunexpected token: 'FROM'"),
    ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account WHERE Name = 'x' OR Id = null AND Id = null", "MALFORMED_QUERY", "'AND'"),
    ("SELECT Id FROM Account LIMIT 1 WHERE Id = null", "MALFORMED_QUERY", "'WHERE'"),
    ("SELECT Id FROM Account; DROP TABLE org.Account", "MALFORMED_QUERY", "unexpected token: ';"),
    ("SELECT Id FROM Account -- x", "MALFORMED_QUERY", "unexpected token: '--'"),
    ('SELECT "Id" FROM Account', "MALFORMED_QUERY", "unexpected token"),
    ("SELECT * FROM Account", "MALFORMED_QUERY", "unexpected token: '*'"),
    ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY", "ERROR at Row:1:Column:37"),
    (r"SELECT Id FROM Account WHERE Name = '\x'", "MALFORMED_QUERY", "Illegal character sequence"),
    ("SELECT Id FROM Account WHERE Name = abc", "MALFORMED_QUERY", "unexpected token: 'abc'"),
    ("SELECT Id FROM Account WHERE CreatedDate = LAST_N_YEARS:99999", "MALFORMED_QUERY", "out of range"),
    ("SELECT Id FROM Account LIMIT -1", "MALFORMED_QUERY", "unexpected token: '-1'"),
    ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
    ("SELECT FIELDS(ALL) FROM Account LIMIT 201", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
    ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
    ("SELECT Name a, COUNT(Id) A FROM Account GROUP BY Name", "MALFORMED_QUERY", "duplicate alias: A"),
    ("SELECT COUNT(Id) FROM Account LIMIT 2", "MALFORMED_QUERY", "cannot also use LIMIT"),
    ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
    ("SELECT Name n FROM Account", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
    ("SELECT NOSUCH(Name) FROM Account", "MALFORMED_QUERY", "unknown function: NOSUCH"),
    ("SELECT Id FROM ContentDocumentLink", "MALFORMED_QUERY", "requires a filter by a single Id"),
    ("SELECT a.b.c.d.e.f.g FROM Account", "MALFORMED_QUERY", "5 levels"),
    ("SELECT Id, Foo FROM Account", "INVALID_FIELD",
     "\nSELECT Id, Foo FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo' on entity 'Account'. "
     + MISSING.format("field", "c", "field")),
    ("SELECT Id,\n  Foo FROM Account", "INVALID_FIELD", "\n  Foo FROM Account\n  ^\nERROR at Row:2:Column:3\n"),
    ("SELECT Owner.Foo FROM Account", "INVALID_FIELD", "No such column 'Foo' on entity 'User'"),
    ("SELECT Owner.Company FROM Lead", "INVALID_FIELD", "No such column 'Company' on entity 'Name'"),
    ("SELECT Foo.Name FROM Account", "INVALID_FIELD",
     "Didn't understand relationship 'Foo' in field path. " + MISSING.format("relationship", "r", "relationship")),
    ("SELECT Id, (SELECT Id FROM Foos) FROM Account", "INVALID_TYPE",
     "Didn't understand relationship 'Foos' in FROM part of query call."),
    ("SELECT Id FROM Accout", "INVALID_TYPE",
     "\nSELECT Id FROM Accout\n               ^\nERROR at Row:1:Column:16\nsObject type 'Accout' is not supported. "
     + MISSING.format("object", "c", "entity").replace("custom entity", "entity")),
    ("SELECT Id, Id FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
    ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD",
     "value of filter criterion for field 'Name' must be of type string and should be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE CreatedDate > '2020-01-01'", "INVALID_FIELD",
     "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE CreatedDate > 2020-01-01", "INVALID_FIELD", "must be of type dateTime"),
    ("SELECT Id FROM Opportunity WHERE CloseDate > 2020-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date"),
    ("SELECT Id FROM Account WHERE IsDeleted = 'true'", "INVALID_FIELD", "must be of type boolean"),
    ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD",
     "field 'Description' can not be filtered in a query call"),
    ("SELECT Id FROM Account ORDER BY Description", "INVALID_FIELD", "can not be sorted in a query call"),
    ("SELECT CreatedDate FROM Account GROUP BY CreatedDate", "INVALID_FIELD", "can not be grouped in a query call"),
    ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
    ("SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on id field"),
    ("SELECT Id FROM Account WHERE Name INCLUDES ('a')", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
    ("SELECT Id FROM Account WHERE IsDeleted > true", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
    ("SELECT Id FROM Account LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
    ("SELECT Id FROM Account WHERE Name = 'x' OR Id IN (SELECT AccountId FROM Contact)", "MALFORMED_QUERY",
     "not allowed with the 'OR' operator"),
    ("SELECT Id FROM Account WHERE Id IN (SELECT Name FROM Contact)", "MALFORMED_QUERY", "id or reference"),
    ("SELECT TYPEOF Account WHEN Account THEN Name END FROM Contact", "INVALID_FIELD", "polymorphic"),
    ("SELECT Id FROM Account WHERE " + "NOT " * 90 + "Id = null", "QUERY_TOO_COMPLICATED", "nested"),
    ("SELECT Id FROM Account WHERE Name = '" + "x" * 100_001 + "'", "MALFORMED_QUERY", "cannot be longer"),
]  # fmt: skip


@pytest.mark.parametrize(("soql", "code", "text"), REFUSALS, ids=[soql[:60] for soql, _, _ in REFUSALS])
def test_refusals_have_salesforce_codes_and_texts(
    catalogue: Catalogue, soql: str, code: str, text: str
) -> None:
    with pytest.raises(SoqlError) as refused:
        translate(soql, catalogue)
    assert refused.value.code == code
    assert text in refused.value.message


def test_nothing_from_the_query_stands_in_the_sql(catalogue: Catalogue) -> None:
    soql = "SELECT Name FROM Account WHERE Name = 'x\\' OR 1=1 --' AND Owner.Name LIKE 'needle%'"
    found = translate(soql, catalogue)
    assert "needle" not in found.sql and "1=1" not in found.sql
    assert found.parameters == ("x' OR 1=1 --", "needle%")


def test_bulk_csv_is_quoted_flat_and_in_select_order(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    soql = "SELECT Name, owner.email, CreatedDate, Industry, IsDeleted, NumberOfEmployees, Parent.Name FROM Account WHERE Name != 'x'"
    target = tmp_path / "result's.csv"
    assert export_csv(soql, catalogue, connection, target) == 2
    lines = target.read_text(encoding="utf-8").splitlines()
    assert (
        lines[0]
        == '"Name","Owner.Email","CreatedDate","Industry","IsDeleted","NumberOfEmployees","Parent.Name"'
    )
    assert sorted(lines[1:]) == [
        '"Acme","ann@example.com","2024-09-09T19:25:27.000Z","Energy","false","12",""',
        '"beta","bob@example.com","2026-05-14T00:00:00.000Z","","false","3","Acme"',
    ]
    assert (
        export_csv(
            soql, catalogue, connection, target, delimiter="|", line_ending="CRLF", include_deleted=True
        )
        == 3
    )
    assert target.read_bytes().count(b"\r\n") == 4
    with target.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file, delimiter="|"))) == 4


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT COUNT() FROM Account", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account GROUP BY Name", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account OFFSET 1", "MALFORMED_QUERY"),
        ("SELECT (SELECT Id FROM Contacts) FROM Account", "FEATURENOTENABLED"),
        ("SELECT BillingAddress FROM Account", "FEATURENOTENABLED"),
        ("SELECT VersionData FROM ContentVersion", "FEATURENOTENABLED"),
    ],
)
def test_bulk_refuses_what_only_rest_answers(catalogue: Catalogue, soql: str, code: str) -> None:
    with pytest.raises(SoqlError) as refused:
        translate_bulk(soql, catalogue)
    assert refused.value.code == code


SEARCHES = [
    ("FIND {acme} IN ALL FIELDS RETURNING Account(Id, Name), Contact(Id)", [ACME]),
    ("FIND {acm*} RETURNING Account", [ACME]),
    ("FIND {acm} RETURNING Account", []),
    ("FIND {acme OR beta} IN NAME FIELDS RETURNING Account(Name ORDER BY Name DESC)", [BETA, ACME]),
    ("FIND {acme OR beta} RETURNING Account(Id WHERE Industry = null LIMIT 5)", [BETA]),
    ('FIND {"ann lee"} RETURNING User(Id)', [ANN]),
    (r"FIND {cara@example.com} IN EMAIL FIELDS RETURNING Contact LIMIT 10", [CARA]),
    ("FIND {ann AND NOT lee} RETURNING User(Id)", []),
    ("FIND {fay}", [FAY]),
]


@pytest.mark.parametrize(("sosl", "expected"), SEARCHES)
def test_search(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, sosl: str, expected: list[str]
) -> None:
    found = search(sosl, catalogue, connection)
    assert [record["attributes"]["url"].rsplit("/", 1)[-1] for record in found] == expected


@pytest.mark.parametrize(
    "sosl", ["", "FIND acme", "FIND {a}", "FIND {}", "FIND {OR OR}", "FIND {xx} IN NO FIELDS"]
)
def test_bad_searches(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, sosl: str) -> None:
    with pytest.raises(SoqlError) as refused:
        search(sosl, catalogue, connection)
    assert refused.value.code == "MALFORMED_SEARCH"


@pytest.mark.parametrize(
    ("word", "first", "end"),
    [
        ("TODAY", "2026-05-14", "2026-05-15"),
        ("tomorrow", "2026-05-15", "2026-05-16"),
        ("THIS_WEEK", "2026-05-10", "2026-05-17"),
        ("LAST_WEEK", "2026-05-03", "2026-05-10"),
        ("NEXT_MONTH", "2026-06-01", "2026-07-01"),
        ("LAST_QUARTER", "2026-01-01", "2026-04-01"),
        ("THIS_FISCAL_YEAR", "2026-01-01", "2027-01-01"),
        ("LAST_90_DAYS", "2026-02-13", "2026-05-15"),
        ("LAST_N_DAYS:3", "2026-05-11", "2026-05-15"),
        ("NEXT_N_DAYS:3", "2026-05-15", "2026-05-18"),
        ("LAST_N_MONTHS:2", "2026-03-01", "2026-05-01"),
        ("NEXT_N_QUARTERS:1", "2026-07-01", "2026-10-01"),
        ("LAST_N_FISCAL_YEARS:1", "2025-01-01", "2026-01-01"),
        ("N_DAYS_AGO:4", "2026-05-10", "2026-05-11"),
        ("N_MONTHS_AGO:6", "2025-11-01", "2025-12-01"),
    ],
)
def test_date_literals(word: str, first: str, end: str) -> None:
    found = date_range(word, NOW)
    assert found is not None
    assert [day.isoformat() for day in found] == [first, end]


def test_ids_of_15_and_18_characters_are_one() -> None:
    assert (
        id_18("001D000000IqhSL")
        == id_18("001D000000IqhSLIAZ")
        == id_18("001d000000iqhslIAZ")
        == "001D000000IqhSLIAZ"
    )
    assert id_18("001D000000IqhSLI9Z") is None
    assert id_18("001") is None


def escaped(text: str) -> str:
    for plain, code in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(plain, code)
    return f"'{text}'"


@given(text=st.text(min_size=1, max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_finds_itself_and_stays_a_literal(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    connection.execute('create temp table if not exists probe ("Name" varchar)')
    found = translate(f"SELECT Name FROM Account WHERE Name = {escaped(text)}", catalogue)
    assert found.parameters == (text,)
    (same,) = connection.execute("select lower(?) = lower(?)", [text, found.parameters[0]]).fetchone() or (
        False,
    )
    assert same
    like = text.replace("\\", "\\\\").replace("'", "\\'").replace("%", "\\%").replace("_", "\\_")
    pattern = translate(f"SELECT Name FROM Account WHERE Name LIKE '{like}'", catalogue).parameters[0]
    assert connection.execute("select lower(?) like lower(?) escape '\\'", [text, pattern]).fetchone() == (
        True,
    )


WORDS = st.sampled_from(
    [
        "SELECT",
        "FROM",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "(",
        ")",
        ",",
        ".",
        "'",
        "=",
        "!=",
        "<",
        "Id",
        "Name",
        "Account",
        "Contact",
        "Owner.Name",
        "COUNT()",
        "COUNT(Id)",
        "null",
        "TRUE",
        "5",
        "-1",
        "1e400",
        "2020-01-01",
        "2020-99-99",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "TODAY",
        "LAST_N_DAYS:1",
        "GROUP",
        "BY",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "TYPEOF",
        "Who",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "FIELDS(ALL)",
        "'x'",
        "'%'",
        "{a}",
        "FIND",
        "RETURNING",
        "Opportunities",
        "Industry",
        "CreatedDate",
        "AnnualRevenue",
        "IsDeleted",
        "BillingAddress",
        "HAVING",
        "ROLLUP(",
        "toLabel(",
        "NULLS",
        "FIRST",
        "USD5",
        "\\",
    ]
)
GARBAGE = st.one_of(
    st.text(max_size=200),
    st.lists(WORDS, max_size=25).map(" ".join),
    st.lists(WORDS, max_size=15).map(
        lambda words: "SELECT " + ", ".join(words[:3]) + " FROM Account " + " ".join(words)
    ),
    st.tuples(WORDS, st.sampled_from(["=", "<", "LIKE", "IN", ">", "!="]), WORDS).map(
        lambda parts: (
            f"SELECT Id FROM Account WHERE {parts[0]} {parts[1]} "
            + (f"({parts[2]})" if parts[1] == "IN" else parts[2])
        )
    ),
)


@given(text=GARBAGE)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_is_refused_or_runs(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    for attempt in (run, search):
        try:
            answer: Any = attempt(text, catalogue, connection)
        except SoqlError as refused:
            assert refused.code and refused.message
        else:
            json.dumps(answer.records() if attempt is run else answer)


def test_translation_is_fast(catalogue: Catalogue) -> None:
    translate("SELECT Id FROM Account", catalogue)
    started = time.perf_counter()
    for number in range(50):
        translate(
            f"SELECT Id, Name, Owner.Name FROM Contact WHERE Source_System_ID__c = 'key:{number}'", catalogue
        )
    assert (time.perf_counter() - started) / 50 < 0.02
