"""Validation and duplicate rules of the rehearsal org: deployed as metadata, enforced on REST and Bulk alike."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from rehearsal_support import write_manifest
from test_rehearsal_metadata import Client, client, custom_object, field, manifest, org, problems

from loaders.rehearsal.api.app import handle
from loaders.rehearsal.api.call import Call
from loaders.rehearsal.org.ingest import Ingest
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.rest_rows import write_rows
from loaders.rehearsal.org.state import Org

__all__ = ["client", "org"]  # fixtures
ROOT = "/services/data/v60.0"


def rule(name: str, formula: str, message: str = "No.", shown: str = "", active: bool = True) -> str:
    place = f"<errorDisplayField>{shown}</errorDisplayField>" if shown else ""
    return (
        f"<validationRules><fullName>{name}</fullName><active>{str(active).lower()}</active>"
        f"<errorConditionFormula>{escape(formula)}</errorConditionFormula>{place}"
        f"<errorMessage>{escape(message)}</errorMessage></validationRules>"
    )


def deploy_rule(client: Client, owner: str, *parts: str) -> dict[str, Any]:
    files = {
        "package.xml": manifest(CustomObject=[owner]),
        f"objects/{owner}.object": custom_object(*parts),
    }
    return client.deploy(files)


def bulk(org: Org, sobject: str, operation: str, data: str) -> list[str]:
    """The errors of a job's failed rows."""
    job = org.jobs.create(
        kind="ingest", operation=operation, object=sobject, user_id=org.admin_id, version="60.0"
    )
    ingest = Ingest(org)
    ingest.upload_path(job).write_text(data, encoding="utf-8", newline="")
    job.state = "UploadComplete"
    while job.state not in ("JobComplete", "Failed"):
        ingest.step(job)
    assert job.state == "JobComplete", job.error
    with ingest.result_path(job, "failedResults").open(encoding="utf-8", newline="") as lines:
        return [row["sf__Error"] for row in csv.DictReader(lines)]


def rest(
    org: Org, sobject: str, operation: str, *records: dict[str, Any]
) -> list[tuple[str, str, Any] | str]:
    """Per record its id, or code, message and fields of its error."""
    context, info = org.context(org.login(org.admin_id)), org.catalogue.object(sobject)
    outcomes = write_rows(org.store, context, info, operation, records)
    return [(o.error.code, o.error.message, o.error.fields) if o.error else str(o.id) for o in outcomes]


@pytest.mark.requirement("C1")
def test_a_rule_refuses_with_its_own_words_on_every_way_in(client: Client, org: Org) -> None:
    formula = 'AND(ISPICKVAL(StageName, "Closed Won"), OR(ISBLANK(Amount), Amount <= 0))'
    result = deploy_rule(
        client, "Opportunity", rule("Won_needs_amount", formula, "A won deal has an amount.", "Amount")
    )
    assert result["success"], problems(result)
    good = {"Name": "a", "StageName": "Closed Won", "CloseDate": "2024-01-01", "Amount": 5}
    bad = {**good, "Amount": 0}
    refusal = ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A won deal has an amount.", ["Amount"])
    found = rest(org, "Opportunity", "insert", good, bad)
    assert isinstance(found[0], str) and found[1] == refusal
    assert rest(org, "Opportunity", "insert", bad) == [refusal]
    assert rest(org, "Opportunity", "update", {"Id": found[0], "Amount": None}) == [refusal]
    assert rest(org, "Opportunity", "update", {"Id": found[0], "Name": "b"}) == [found[0]]
    data = "Name,StageName,CloseDate,Amount\na,Closed Won,2024-01-01,\nb,Prospecting,2024-01-01,\n"
    assert bulk(org, "Opportunity", "insert", data) == [
        "FIELD_CUSTOM_VALIDATION_EXCEPTION:A won deal has an amount.:Amount --"
    ]


def test_rules_are_shown_switched_off_and_deleted(client: Client, org: Org) -> None:
    deploy_rule(client, "Account", rule("No_x", 'BEGINS(Name, "x")', "It's an x"))
    asked = (
        "SELECT ValidationName, Active, ErrorMessage, EntityDefinition.QualifiedApiName FROM ValidationRule "
        "WHERE Active = true"
    )
    shown = client.query(asked, "tooling/query")
    assert [(one["ValidationName"], one["ErrorMessage"]) for one in shown] == [("No_x", "It's an x")]
    assert shown[0]["EntityDefinition"]["QualifiedApiName"] == "Account"
    assert rest(org, "Account", "insert", {"Name": "xy"}) == [
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "It's an x", [])
    ]
    deploy_rule(client, "Account", rule("No_x", 'BEGINS(Name, "x")', "It's an x", active=False))
    assert isinstance(rest(org, "Account", "insert", {"Name": "xy"})[0], str)
    assert client.query(asked, "tooling/query") == []


CASES = [
    ("ISNEW()", {"Name": "a"}, {"Name": "b"}, (True, False)),
    ("ISCHANGED(Name)", {"Name": "a"}, {"Name": "b"}, (False, True)),
    ("ISCHANGED(Name)", {"Name": "a"}, {"Site": "b"}, (False, False)),
    ('PRIORVALUE(Name) = "a" && Name = "b"', {"Name": "a"}, {"Name": "b"}, (False, True)),
    ("LEN(Name) > 3", {"Name": "abcd"}, {"Name": "abc"}, (True, False)),
    ('NOT(REGEX(Phone, "\\\\+[0-9 ]{5,}"))', {"Name": "a"}, {"Phone": "+49 8912"}, (True, False)),
    ("NumberOfEmployees > 10", {"Name": "a"}, {"NumberOfEmployees": 11}, (False, True)),
    ("NOT(NumberOfEmployees > 10)", {"Name": "a"}, {"NumberOfEmployees": 11}, (True, False)),
    ('TEXT(Industry) = "Energy"', {"Name": "a"}, {"Industry": "Energy"}, (False, True)),
    ("VALUE(Site) / 2 = 2", {"Name": "a", "Site": "x"}, {"Site": "4"}, (False, True)),
    ('CONTAINS(LOWER(Name), "gmbh")', {"Name": "A GmbH"}, {"Name": "A AG"}, (True, False)),
    ('ISBLANK(Website) && Name <> "a"', {"Name": "a"}, {"Name": "b"}, (False, True)),
    ('IF(ISBLANK(Site), Name = "a", Site & "1" = "21")', {"Name": "b"}, {"Site": "2"}, (False, True)),
    ("DATE(2000, 13, 45) < TODAY()", {"Name": "a"}, {"Name": "b"}, (False, False)),
    ("YEAR(TODAY()) < 2000", {"Name": "a"}, {"Name": "b"}, (False, False)),
    ('CASE(Name, "a", 1, "b", 2, 0) = 2', {"Name": "a"}, {"Name": "b"}, (False, True)),
    ("ROUND(1, 99999999999) = 1", {"Name": "a"}, {"Name": "b"}, (False, False)),
]


@pytest.mark.parametrize(("formula", "first", "second", "refused"), CASES)
def test_what_formulas_mean(
    client: Client, org: Org, formula: str, first: dict[str, Any], second: dict[str, Any], refused: Any
) -> None:
    """An insert, then an update of the same record: which of the two the rule refuses."""
    added = deploy_rule(client, "Account", rule("It", formula))
    assert added["success"], problems(added)
    on_insert = isinstance(rest(org, "Account", "insert", first)[0], tuple)
    deploy_rule(client, "Account", rule("It", formula, active=False))
    identifier = rest(org, "Account", "insert", first)[0]
    deploy_rule(client, "Account", rule("It", formula))
    on_update = isinstance(rest(org, "Account", "update", {"Id": identifier, **second})[0], tuple)
    assert (on_insert, on_update) == refused


BROKEN = [
    ("VLOOKUP(Name, Name, Name)", "Unknown function VLOOKUP. Check spelling"),
    ("Account.Name = 'x'", "fields of other objects"),
    ("$User.Alias = 'x'", "global variables"),
    ("Nme = 'x'", "Field Nme does not exist. Check spelling."),
    ("Industry = 'x'", "Field Industry is a picklist field"),
    ("Name", "Formula result is data type (Text), incompatible with expected data type (true or false)."),
    ("AND(TRUE", "Syntax error. Missing ')'"),
    ("LEN(Name, 2) = 1", "Incorrect number of parameters for function 'LEN()'. Expected 1, received 2"),
    ("Name > 1", "Incorrect parameter type for operator '>'. Expected Text, received Number"),
    ("NOT(" * 500 + "TRUE" + ")" * 500, "too complex"),
    ("TRUE && " * 600 + "TRUE", "Formula is too long"),
    ('REGEX(Name, "(?=a)")', "no regular expression"),
]


@pytest.mark.parametrize(("formula", "reason"), BROKEN)
def test_a_formula_that_cannot_be_enforced_fails_the_deployment(
    client: Client, formula: str, reason: str
) -> None:
    result = deploy_rule(client, "Account", rule("It", formula))
    assert result["success"] is False
    assert any(text.startswith("Error in formula: ") and reason in text for text in problems(result))


def test_a_rule_reads_fields_of_the_same_package(client: Client, org: Org) -> None:
    text = "<fullName>Grade__c</fullName><label>Grade</label><type>Number</type><precision>3</precision><scale>0</scale>"
    result = deploy_rule(client, "Lead", field(text), rule("It", "Grade__c > 5", "Too high", "Grade__c"))
    assert result["success"], problems(result)
    lead = {"LastName": "a", "Company": "b", "Grade__c": 6}
    assert rest(org, "Lead", "insert", lead) == [
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Too high", ["Grade__c"])
    ]


def test_rules_outlive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "org.duckdb"
    with Org(Options(state=state)) as first:
        deploy_rule(Client(first), "Account", rule("It", 'Name = "x"'))
    with Org(Options(state=state)) as second:
        assert isinstance(rest(second, "Account", "insert", {"Name": "x"})[0], tuple)
        assert isinstance(rest(second, "Account", "insert", {"Name": "X"})[0], str)


def duplicate_rule(
    action: str, *, operations: str = "Alert", active: bool = True, matching: str = "ByPhone"
) -> str:
    shown = f"<operationsOnInsert>{operations}</operationsOnInsert><operationsOnUpdate>{operations}</operationsOnUpdate>"
    return (
        '<DuplicateRule xmlns="http://soap.sforce.com/2006/04/metadata">'
        f"<actionOnInsert>{action}</actionOnInsert><actionOnUpdate>{action}</actionOnUpdate>"
        "<alertText>We know this number.</alertText><duplicateRuleMatchRules><matchRuleSObjectType>Contact"
        f"</matchRuleSObjectType><matchingRule>{matching}</matchingRule></duplicateRuleMatchRules>"
        f"<isActive>{str(active).lower()}</isActive><masterLabel>Phone</masterLabel>{shown}"
        "<securityOption>BypassSharingRules</securityOption><sortOrder>1</sortOrder></DuplicateRule>"
    )


MATCHING = (
    '<MatchingRules xmlns="http://soap.sforce.com/2006/04/metadata"><matchingRules><fullName>ByPhone</fullName>'
    "<label>Phone</label><matchingRuleItems><blankValueBehavior>NullNotAllowed</blankValueBehavior>"
    "<fieldName>Phone</fieldName><matchingMethod>Phone</matchingMethod></matchingRuleItems>"
    "<ruleStatus>Active</ruleStatus></matchingRules></MatchingRules>"
)


def deploy_duplicates(client: Client, xml: str) -> dict[str, Any]:
    return client.deploy({
        "package.xml": manifest(MatchingRules=["Contact"], DuplicateRule=["Contact.By_Phone"]),
        "matchingRules/Contact.matchingRule": MATCHING,
        "duplicateRules/Contact.By_Phone.duplicateRule": xml,
    })  # fmt: skip


DETECTED = ("DUPLICATES_DETECTED", "We know this number.", [])


@pytest.mark.requirement("C1")
def test_a_duplicate_rule_refuses_what_it_matches(client: Client, org: Org) -> None:
    result = deploy_duplicates(client, duplicate_rule("Block"))
    assert result["success"], problems(result)
    (known,) = rest(org, "Contact", "insert", {"LastName": "a", "Phone": "+49 (89) 12"})
    assert rest(org, "Contact", "insert", {"LastName": "b", "Phone": "49-89-12"}) == [DETECTED]
    (other,) = rest(org, "Contact", "insert", {"LastName": "c"})
    assert rest(org, "Contact", "update", {"Id": other, "Phone": "498912"}) == [DETECTED]
    assert rest(org, "Contact", "update", {"Id": known, "LastName": "d", "Phone": "498912"}) == [known]
    data = "LastName,Phone\nx,49 89 12\ny,\nz,777\nw,7 7 7\n"
    # Rows of one chunk are not compared with each other.
    assert bulk(org, "Contact", "insert", data) == ["DUPLICATES_DETECTED:We know this number.:--"]
    (shown,) = client.query("SELECT DeveloperName, SobjectType FROM DuplicateRule WHERE IsActive = true")
    assert (shown["DeveloperName"], shown["SobjectType"]) == ("By_Phone", "Contact")


def test_a_row_of_a_later_chunk_meets_one_of_an_earlier(client: Client, org: Org) -> None:
    deploy_duplicates(client, duplicate_rule("Block"))
    rows = [f"n{number},{number % 300 + 1}\n" for number in range(400)]
    assert len(bulk(org, "Contact", "insert", "LastName,Phone\n" + "".join(rows))) == 100


def test_a_client_may_insist_on_what_a_rule_only_warns_of(client: Client, org: Org) -> None:
    deploy_duplicates(client, duplicate_rule("Allow"))
    body = b'{"LastName": "a", "Phone": "12"}'
    path = f"{ROOT}/sobjects/Contact"
    assert client.ask("POST", path, body).status == 201
    refused = client.ask("POST", path, body)
    assert (refused.status, refused.body[0]["errorCode"]) == (400, "DUPLICATES_DETECTED")
    assert insisting(client, org, path, body) == 201
    assert len(bulk(org, "Contact", "insert", "LastName,Phone\na,12\n")) == 1
    deploy_duplicates(client, duplicate_rule("Block"))
    assert insisting(client, org, path, body) == 400
    deploy_duplicates(client, duplicate_rule("Allow", operations="Report"))
    assert client.ask("POST", path, body).status == 201
    deploy_duplicates(client, duplicate_rule("Block", active=False))
    assert client.ask("POST", path, body).status == 201


def insisting(client: Client, org: Org, path: str, body: bytes) -> int:
    headers = {
        "authorization": f"Bearer {client.token}",
        "content-type": "application/json",
        "sforce-duplicate-rule-header": "allowSave=true",
    }
    return handle(Call(org, "POST", path, {}, headers, body, base_url="https://org.example")).status


def test_a_duplicate_rule_needs_what_it_names(client: Client) -> None:
    result = deploy_duplicates(client, duplicate_rule("Block", matching="Nobody"))
    assert problems(result) == ["In field: matchingRule - no MatchingRule named Contact.Nobody found"]


def test_the_standard_rules_are_an_option() -> None:
    with Org(Options(duplicate_rules="block")) as org:
        first = {"Name": "Müller GmbH", "BillingCity": "Köln"}
        assert isinstance(rest(org, "Account", "insert", first)[0], str)
        again = {"Name": "MULLER, GmbH.", "BillingCity": "koln"}
        assert rest(org, "Account", "insert", again) == [
            ("DUPLICATES_DETECTED", "Use one of these records?", [])
        ]
        assert isinstance(rest(org, "Account", "insert", {**again, "BillingCity": "Bonn"})[0], str)
        lead = {"LastName": "a", "Company": "b", "Email": "A@b.example"}
        assert isinstance(rest(org, "Lead", "insert", lead)[0], str)
        assert isinstance(rest(org, "Lead", "insert", {**lead, "Email": "a@B.example"})[0], tuple)
        shown = Client(org).query(
            "SELECT SobjectType FROM DuplicateRule WHERE IsActive = true ORDER BY SobjectType"
        )
        assert [one["SobjectType"] for one in shown] == ["Account", "Contact", "Lead"]


def test_what_a_preflight_asks_for(client: Client) -> None:
    asked = (
        "SELECT ApiName, TriggerObjectOrEvent.QualifiedApiName FROM FlowDefinitionView WHERE IsActive = true"
    )
    assert client.query(asked) == []
    assert client.query("SELECT DeveloperName, SobjectType FROM DuplicateRule WHERE IsActive = true") == []
    answer = client.ask("GET", f"{ROOT}/sobjects/PermissionSet/describe")
    names = {one["name"] for one in answer.body["fields"]}
    assert {"PermissionsCreateAuditFields", "PermissionsUpdateWithInactiveOwner"} <= names


def test_a_restricted_declared_picklist_takes_its_values_from_the_seed(tmp_path: Path) -> None:
    target, seeds = tmp_path / "target", tmp_path / "seeds" / "salesforce"
    target.mkdir()
    seeds.mkdir(parents=True)
    seeds.joinpath("picklists.csv").write_text(
        "sf_object,sf_field,sf_value,is_default,note\nAccount,Tier__c,Gold,,\n", encoding="utf-8"
    )
    manifest_file = write_manifest(target / "manifest.json")
    document = json.loads(manifest_file.read_text(encoding="utf-8"))
    meta = {
        "field": "Tier__c",
        "type": "Picklist",
        "picklist": {"seed": "Account.Tier__c", "restricted": True},
    }
    document["nodes"]["model.x.sf_accounts"]["columns"]["tier"] = {
        "name": "tier", "constraints": [], "config": {"meta": {"salesforce": meta}}
    }  # fmt: skip
    manifest_file.write_text(json.dumps(document), encoding="utf-8")
    with Org(Options(declare=manifest_file)) as org:
        good, bad = rest(
            org, "Account", "insert", {"Name": "a", "Tier__c": "Gold"}, {"Name": "b", "Tier__c": "Tin"}
        )
        assert isinstance(good, str) and bad[0] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
