"""Preflight end to end: what it predicts is what the org refuses and what the org counts."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from schema_fixtures import KEY, Project, account, column, model, run, text

from loaders.rehearsal.process import RunningOrg
from loaders.salesforce.describe import (
    DescribedField,
    DescribedObject,
    OrgState,
    OrgUser,
)
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.preflight_run import run_preflight
from loaders.salesforce.session import Org
from loaders.salesforce.targets import read_target

Start = Callable[..., RunningOrg]

FIELD_MAP = [
    f"company,{name},Account,{name.title()}__c,{kind},{length},{precision},{scale},{name},confirmed,"
    for name, kind, length, precision, scale in (
        ("code", "Text", 10, "", ""), ("amount", "Number", "", 8, 2), ("share", "Percent", "", 5, 2),
        ("price", "Currency", "", 10, 2), ("started", "Date", "", "", ""), ("seen", "DateTime", "", "", ""),
        ("partner", "Checkbox", "", "", ""), ("mail", "Email", 80, "", ""), ("page", "Url", "", "", ""),
        ("line", "Phone", "", "", ""), ("story", "LongTextArea", 300, "", ""),
        ("notes", "TextArea", "", "", ""),
        ("topics", "MultiselectPicklist", "", "", ""),
    )
]  # fmt: skip

# A row of the mart that is fine, as SQL.
FINE = {
    "account_name": "'Company'", "website": "'https://example.com'", "phone": "'+49 30 1'",
    "city": "'Berlin'",
    "employees": "10::bigint", "revenue": "1000::decimal(38,0)", "clean": "'Pending'", "tax_number": "null",
    "founded": "timestamp '2001-02-03 04:05:06'", "owner_email": "'OWNER@example.com'",
    "custom_fields": "'{}'",
}  # fmt: skip
ACCEPTED: Mapping[str, dict[str, str]] = {
    "full length": {"account_name": "repeat('ä', 255)"},
    "blanks around": {
        "account_name": "'  Company  '",
        "custom_fields": """'{"Mail__c": "  a@example.com "}'""",
    },
    "picklist in another case": {"clean": "'pending'"},
    "odd but valid e-mail": {"custom_fields": """'{"Mail__c": "o''brien+x@a-b.example.co"}'"""},
    "largest whole number": {"employees": "2147483647::bigint"},
    "rounded into range": {"custom_fields": """'{"Amount__c": "999999.994"}'"""},
    "exponent": {"custom_fields": """'{"Amount__c": "1.5e3"}'"""},
    "first day": {"custom_fields": """'{"Started__c": "1700-01-01"}'"""},
    "time with offset": {"custom_fields": """'{"Seen__c": "2024-02-29T23:59:59+02:00"}'"""},
    "yes": {"custom_fields": """'{"Partner__c": "yes"}'"""},
    "first of two with one tax number": {"tax_number": "'DE1'"},
    "two topics": {"custom_fields": """'{"Topics__c": "a;b"}'"""},
}
REFUSED: Mapping[str, tuple[str, dict[str, str]]] = {
    "name too long": ("STRING_TOO_LONG", {"account_name": "repeat('x', 256)"}),
    "no name": ("REQUIRED_FIELD_MISSING", {"account_name": "null"}),
    "blank name": ("REQUIRED_FIELD_MISSING", {"account_name": "'   '"}),
    "url too long": ("STRING_TOO_LONG", {"website": "'https://' || repeat('x', 250)"}),
    "phone too long": ("STRING_TOO_LONG", {"phone": "repeat('1', 41)"}),
    "city too long": ("STRING_TOO_LONG", {"city": "repeat('x', 41)"}),
    "whole number too large": ("INVALID_FIELD", {"employees": "2147483648::bigint"}),
    "currency too large": ("NUMBER_OUTSIDE_VALID_RANGE", {"revenue": "1000000000000000000::decimal(38,0)"}),
    "restricted picklist": ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", {"clean": "'Spotless'"}),
    "second with one tax number": ("DUPLICATE_VALUE", {"tax_number": "'DE1'"}),
    "time before 1700": ("INVALID_FIELD", {"founded": "timestamp '1600-01-01'"}),
    "unknown owner": ("OWNER_UNRESOLVED", {"owner_email": "'nobody@example.com'"}),
    "inactive owner": ("OWNER_UNRESOLVED", {"owner_email": "'gone@example.com'"}),
    "null mark": ("NULL_LITERAL", {"city": "'#N/A'"}),
    "custom text too long": ("STRING_TOO_LONG", {"custom_fields": """'{"Code__c": "12345678901"}'"""}),
    "comma in number": ("INVALID_FIELD", {"custom_fields": """'{"Amount__c": "12,5"}'"""}),
    "word for number": ("INVALID_FIELD", {"custom_fields": """'{"Share__c": "many"}'"""}),
    "too many digits": ("NUMBER_OUTSIDE_VALID_RANGE", {"custom_fields": """'{"Amount__c": "1000000"}'"""}),
    "rounded out of range": (
        "NUMBER_OUTSIDE_VALID_RANGE",
        {"custom_fields": """'{"Amount__c": "999999.996"}'"""},
    ),
    "percent too large": ("NUMBER_OUTSIDE_VALID_RANGE", {"custom_fields": """'{"Share__c": "-1000"}'"""}),
    "currency with sign": ("INVALID_FIELD", {"custom_fields": """'{"Price__c": "$5"}'"""}),
    "day that never was": ("INVALID_FIELD", {"custom_fields": """'{"Started__c": "2023-02-29"}'"""}),
    "German date": ("INVALID_FIELD", {"custom_fields": """'{"Started__c": "01.02.2024"}'"""}),
    "date too late": ("INVALID_FIELD", {"custom_fields": """'{"Started__c": "4001-01-01"}'"""}),
    "time without T": ("INVALID_FIELD", {"custom_fields": """'{"Seen__c": "2024-01-01 10:00:00"}'"""}),
    "hour 25": ("INVALID_FIELD", {"custom_fields": """'{"Seen__c": "2024-01-01T25:00:00Z"}'"""}),
    "maybe": ("INVALID_FIELD", {"custom_fields": """'{"Partner__c": "maybe"}'"""}),
    "e-mail without at": ("INVALID_EMAIL_ADDRESS", {"custom_fields": """'{"Mail__c": "example.com"}'"""}),
    "e-mail with two dots": (
        "INVALID_EMAIL_ADDRESS",
        {"custom_fields": """'{"Mail__c": "a..b@example.com"}'"""},
    ),
    "e-mail without top level": (
        "INVALID_EMAIL_ADDRESS",
        {"custom_fields": """'{"Mail__c": "a@localhost"}'"""},
    ),
    "e-mail too long": (
        "STRING_TOO_LONG",
        {"custom_fields": "'{\"Mail__c\": \"' || repeat('a', 75) || '@b.example\"}'"},
    ),
    "custom url too long": (
        "STRING_TOO_LONG",
        {"custom_fields": "'{\"Page__c\": \"' || repeat('a', 256) || '\"}'"},
    ),
    "custom phone too long": (
        "STRING_TOO_LONG",
        {"custom_fields": "'{\"Line__c\": \"' || repeat('1', 41) || '\"}'"},
    ),
    "long text too long": (
        "STRING_TOO_LONG",
        {"custom_fields": "'{\"Story__c\": \"' || repeat('a', 301) || '\"}'"},
    ),
    "text area too long": (
        "STRING_TOO_LONG",
        {"custom_fields": "'{\"Notes__c\": \"' || repeat('a', 256) || '\"}'"},
    ),
}
CONTACTS_REFUSED: Mapping[str, tuple[str, dict[str, str]]] = {
    "no such company": ("PARENT_MISSING", {"account_key": "'test:company:nowhere'"}),
    "refused company": ("PARENT_REFUSED", {"account_key": "'test:company:name too long'"}),
    "no last name": ("REQUIRED_FIELD_MISSING", {"last_name": "''"}),
    "bad e-mail": ("INVALID_EMAIL_ADDRESS", {"email": "'a b@example.com'"}),
    "born too early": ("INVALID_FIELD", {"birthdate": "date '1066-10-14'"}),
}


def corpus_models() -> list[dict[str, Any]]:
    """Users, accounts with a field of every type, contacts below them."""
    users = model(
        "sf_users",
        [column("record_key"), column("user_email", {"field": "Email", "type": "Email", "length": 128})],
        object="User", mode="match", natural_key="Email",
    )  # fmt: skip
    accounts = model(
        "sf_accounts",
        [
            column("record_key", KEY, required=True),
            column("account_name", {"field": "Name", "type": "Text", "length": 255}),
            column("website", {"field": "Website", "type": "Url", "length": 255}),
            column("phone", {"field": "Phone", "type": "Phone", "length": 40}),
            column("city", {"field": "BillingCity", "type": "Text", "length": 40}),
            column("employees", {"field": "NumberOfEmployees", "type": "Number", "precision": 8, "scale": 0}),
            column("revenue", {"field": "AnnualRevenue", "type": "Currency", "precision": 18, "scale": 0}),
            column("clean", {"field": "CleanStatus", "type": "Picklist", "length": 40, "restricted": True}),
            column("tax_number", {"field": "Tax_Number__c", "type": "Text", "length": 20, "unique": True}),
            column("founded", {"field": "Founded__c", "type": "DateTime"}),
            column("owner_email", {"field": "OwnerId", "type": "Lookup", "references": "sf_users"}),
            column("custom_fields"),
        ],
        object="Account", mode="upsert", key="Source_System_ID__c",
    )  # fmt: skip
    contacts = model(
        "sf_contacts",
        [
            column("record_key", KEY, required=True),
            column("last_name", {"field": "LastName", "type": "Text", "length": 80}),
            column("email", {"field": "Email", "type": "Email", "length": 80}),
            column("birthdate", {"field": "Birthdate", "type": "Date"}),
            column("account_key", {"field": "AccountId", "type": "Lookup", "references": ["sf_accounts"]}),
        ],
        object="Contact", mode="upsert", key="Source_System_ID__c", partition_by="account_key",
    )  # fmt: skip
    return [users, accounts, contacts]


def cells(values: Mapping[str, str]) -> str:
    """A row as the list of a select."""
    return ", ".join(f"{value} as {name}" for name, value in values.items())


def rows(entity: str, fine: Mapping[str, str], kinds: Mapping[str, Mapping[str, str]]) -> str:
    """A select with one row a kind; by key, an accepted row comes before a refused one of its value."""
    selects = []
    for kind, changed in kinds.items():
        selects.append(f"select 'test:{entity}:{kind}' as record_key, {cells({**fine, **changed})}")
    return "\nunion all by name\n".join(selects)


def corpus(project: Project) -> None:
    """The marts with every kind of violation."""
    project.declare(corpus_models())
    project.field_map(*FIELD_MAP)
    project.mart("sf_users", "select 'test:user:1' as record_key, 'owner@example.com' as user_email")
    changes = {**ACCEPTED, **{kind: changed for kind, (_, changed) in REFUSED.items()}}
    project.mart("sf_accounts", rows("company", FINE, changes))
    person = {
        "last_name": "'Miller'", "email": "'m@example.com'", "birthdate": "date '1980-01-01'",
        "account_key": "'test:company:full length'",
    }  # fmt: skip
    people = {"fine": {}, **{kind: changed for kind, (_, changed) in CONTACTS_REFUSED.items()}}
    project.mart("sf_contacts", rows("contact", person, people))


@pytest.mark.requirement("C3")
def test_predicted_refusals_are_the_orgs_refusals(project: Project, start_target: Start) -> None:
    corpus(project)
    start_target(declare=project.manifest, field_maps=[project.field_map_file])
    file = project.path / "rows.csv"
    result = run_preflight(None, rows_file=file)
    with file.open(encoding="utf-8", newline="") as lines:
        noted = [row for row in csv.DictReader(lines) if row["severity"] == "blocker"]
    predicted: dict[str, set[str]] = {}
    for row in noted:
        predicted.setdefault(row["record_key"], set()).add(row["code"])

    expected = {f"test:company:{kind}": {code} for kind, (code, _) in REFUSED.items()}
    expected |= {f"test:contact:{kind}": {code} for kind, (code, _) in CONTACTS_REFUSED.items()}
    assert predicted == expected

    project.load()
    refused = dict(project.ledger("select record_key, error_code from records where status = 'refused'"))
    held = dict(project.ledger("select record_key, reason from blocked"))
    assert set(predicted) == set(refused) | set(held)
    assert {key: predicted[key] for key in refused} == {key: {code} for key, code in refused.items()}
    ours = {"OWNER_UNRESOLVED", "PARENT_MISSING", "PARENT_REFUSED", "NULL_LITERAL"}
    assert all(predicted[key] <= ours for key in held)

    found = {(one.mart, one.code, one.field): one for one in result.findings}
    too_long = found["accounts", "STRING_TOO_LONG", "Name"]
    assert (too_long.severity, too_long.count, too_long.samples) == (
        "blocker",
        1,
        ("test:company:name too long",),
    )
    assert too_long.next_step
    volumes = {one.mart: one for one in result.volumes}
    assert (volumes["accounts"].refused, volumes["contacts"].refused) == (len(REFUSED), len(CONTACTS_REFUSED))
    again = {one.mart: one for one in run_preflight(None).volumes}
    assert (again["accounts"].to_send, again["contacts"].to_send) == (len(REFUSED), len(CONTACTS_REFUSED))


@pytest.mark.requirement("C11")
def test_the_forecast_is_what_the_org_counts(project: Project, start_target: Start) -> None:
    project.declare(corpus_models())
    project.field_map(*FIELD_MAP)
    project.mart("sf_users", "select 'test:user:1' as record_key, 'owner@example.com' as user_email")
    project.mart(
        "sf_accounts", f"select 'a:' || i as record_key, {cells(FINE)} from range(12000) as numbers(i)"
    )
    person = {"last_name": "'Miller'", "email": "null", "birthdate": "null::date", "account_key": "'a:' || i"}
    project.mart(
        "sf_contacts", f"select 'c:' || i as record_key, {cells(person)} from range(500) as numbers(i)"
    )
    start_target(declare=project.manifest, field_maps=[project.field_map_file])

    def remaining() -> dict[str, int]:
        return {
            name: one["Remaining"] for name, one in Org(read_target()).request("GET", "limits").json().items()
        }

    volumes = run_preflight(None).volumes
    before = remaining()
    assert project.load().exit_code == 0
    used = {name: before[name] - left for name, left in remaining().items()}
    assert sum(one.batches for one in volumes) == used["DailyBulkApiBatches"]
    assert math.ceil(sum(one.storage_kb for one in volumes) / 1024) == used["DataStorageMB"]


DESCRIBED_AS = {
    "Url": "url", "Phone": "phone", "Text": "string", "Number": "int", "Currency": "currency",
    "Picklist": "picklist", "DateTime": "datetime", "Lookup": "reference",
}  # fmt: skip


@pytest.mark.requirement("C3")
def test_clean_rows_give_no_finding_and_contracts_come_from_the_manifest(project: Project) -> None:
    project.declare(corpus_models()[1:2] + corpus_models()[:1])
    contracts = read_contracts(project.manifest)
    described = account(
        **{
            one.name: DescribedField(
                one.name, kind, length=one.length or 0, unique=one.unique, reference_to=("User",)
            )
            for one in contracts["accounts"].fields
            if one.name not in ("Name", "Source_System_ID__c")
            for kind in [DESCRIBED_AS[one.type]]
        }
    )  # fmt: skip
    org = OrgState(
        objects={
            "account": described,
            "user": DescribedObject("User", fields={"email": text("Email", "email")}),
        },
        users=(OrgUser("005", "owner@example.com", "o", "O", True),),
    )
    marts = {
        "users": "select 'test:user:1' as record_key, 'owner@example.com' as user_email",
        "accounts": rows("company", FINE, {"one": {}, "two": {}}),
    }
    result, noted = run(contracts, org, marts)
    assert (result.findings, noted) == ((), [])
