"""A snapshot of an org, served again, is the same org to a client: schema, rules, users without names, limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rehearsal_support import write_manifest
from test_rehearsal_metadata import custom_object, manifest
from test_rehearsal_rules import Client, deploy_rule, field, rest, rule

from loaders.errors import ConfigurationError
from loaders.rehearsal.local_org import remove_state
from loaders.rehearsal.org.from_snapshot import read_file
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.state import Org
from loaders.rehearsal.process import RunningOrg, start_org
from loaders.rehearsal.snapshot import take_snapshot, write_snapshot
from loaders.salesforce.session import Org as Session
from loaders.salesforce.targets import Target

GRADE = "<fullName>Grade__c</fullName><label>Grade</label><type>Picklist</type><valueSet><restricted>true</restricted>"
VALUES = (
    "<valueSetDefinition><sorted>false</sorted><value><fullName>A</fullName><default>true</default>"
    "<label>A</label></value></valueSetDefinition></valueSet>"
)
USERS = "username,email,first_name,last_name,is_active\nann@org.example,ann@org.example,Ann,Able,true\n"
STATUSES = "".join(
    f"<standardValue><fullName>{name}</fullName><default>{str(name == 'Fresh').lower()}</default><label>{name}</label>"
    f"<converted>{str(name == 'Signed').lower()}</converted></standardValue>"
    for name in ("Fresh", "Lost", "Signed")
)
PROCESS = "<businessProcesses><fullName>P</fullName><isActive>true</isActive>{}</businessProcesses>".format(
    "".join(
        f"<values><fullName>{n}</fullName><default>{str(n == 'Fresh').lower()}</default></values>"
        for n in ("Fresh", "Signed")
    )
)
GRADES = VALUES.replace(
    "</valueSetDefinition>",
    "<value><fullName>B</fullName><default>false</default><label>B</label></value></valueSetDefinition>",
)
PARTNER = (
    "<recordTypes><fullName>Partner</fullName><label>Partner</label><active>true</active><businessProcess>P"
    "</businessProcess><picklistValues><picklist>Grade__c</picklist><values><fullName>A</fullName><default>false"
    "</default></values></picklistValues></recordTypes>"
)
DUPLICATES = (
    "<DuplicateRule><actionOnInsert>Block</actionOnInsert><actionOnUpdate>Allow</actionOnUpdate><alertText>Same phone."
    "</alertText><duplicateRuleMatchRules><matchRuleSObjectType>Account</matchRuleSObjectType><matchingRule>By_phone"
    "</matchingRule></duplicateRuleMatchRules><isActive>true</isActive><masterLabel>Phones</masterLabel>"
    "<sortOrder>1</sortOrder></DuplicateRule>"
)
MATCHING = (
    "<MatchingRules><matchingRules><fullName>By_phone</fullName><label>By phone</label><matchingRuleItems>"
    "<blankValueBehavior>NullNotAllowed</blankValueBehavior><fieldName>Phone</fieldName><matchingMethod>Exact"
    "</matchingMethod></matchingRuleItems><ruleStatus>Active</ruleStatus></matchingRules></MatchingRules>"
)
RECORD_TYPES_AND_RULES = {
    "package.xml": manifest(
        StandardValueSet=["LeadStatus"],
        CustomObject=["Lead"],
        MatchingRules=["Account"],
        DuplicateRule=["Account.Phones"],
    ),
    "standardValueSets/LeadStatus.standardValueSet": f"<StandardValueSet>{STATUSES}</StandardValueSet>",
    "objects/Lead.object": custom_object(field(GRADE + GRADES), PROCESS, PARTNER),
    "matchingRules/Account.matchingRule": MATCHING,
    "duplicateRules/Account.Phones.duplicateRule": DUPLICATES,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningOrg, Path]]:
    """A running org with deployed and declared fields, rules and users, and its snapshot file."""
    folder = tmp_path_factory.mktemp("snapshot")
    users = folder / "users.csv"
    users.write_text(USERS, encoding="utf-8")
    options: dict[str, Any] = {"state": folder / "source.duckdb", "users": users}
    options["declare"] = write_manifest(folder / "manifest.json")
    with Org(Options(**options)) as org:
        deployed = deploy_rule(
            Client(org), "Account", field(GRADE + VALUES), rule("No_x", 'Name = "x"', "No x", "Name"),
            rule("Off", 'Name = "y"', active=False),
        )  # fmt: skip
        assert deployed["success"], deployed
        deployed = Client(org).deploy(RECORD_TYPES_AND_RULES)
        assert deployed["success"], deployed
    with start_org(**options, daily_api_requests=4321, duplicate_rules="block") as running:
        target = Target(
            "source", "client_credentials", running.https_url, running.ca_file,
            settings={"client_id": "rehearsal", "client_secret": "rehearsal"},
        )  # fmt: skip
        taken = take_snapshot(Session(target))
        assert taken["notes"] == []
        write_snapshot(taken, folder / "sandbox.json")
        yield running, folder / "sandbox.json"


@pytest.mark.requirement("C1")
def test_describes_of_the_served_snapshot_are_equal(source: tuple[RunningOrg, Path]) -> None:
    taken = read_file(source[1])
    with Org(Options(snapshot=source[1])) as org:
        client = Client(org)
        for body in taken["objects"]:
            answer = client.ask(
                "GET", f"/services/data/v{taken['api_version']}/sobjects/{body['name']}/describe"
            )
            assert answer.body == body, body["name"]
        assert {"Grade__c", "Source_System_ID__c"} <= {
            one.name for one in org.catalogue.object("Account").columns()
        }
        assert org.options.daily_api_requests == 4321


def test_rules_and_users_come_along(source: tuple[RunningOrg, Path]) -> None:
    with Org(Options(snapshot=source[1])) as org:
        assert rest(org, "Account", "insert", {"Name": "x"}) == [
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No x", ["Name"])
        ]
        assert isinstance(rest(org, "Account", "insert", {"Name": "y"})[0], str)
        assert rest(org, "Account", "insert", {"Name": "Y."})[0][0] == "DUPLICATES_DETECTED"
        names = org.store.rows('select "Email", "LastName" from org."User" order by 1')
        assert len(names) == 2 and ("ann@org.example", "Able") not in names
    text = json.dumps(read_file(source[1])).encode()
    assert b"ann@org.example" not in text and b'"Able"' not in text and b"admin@rehearsal.example" in text


def test_record_types_and_duplicate_rules_are_those_of_the_org(source: tuple[RunningOrg, Path]) -> None:
    with Org(Options(snapshot=source[1])) as org:
        (partner,) = org.catalogue.object("Lead").record_types
        assert (partner.developer_name, partner.picklists) == (
            "Partner", {"grade__c": ("A",), "status": ("Fresh", "Signed")},
        )  # fmt: skip
        lead = {"LastName": "l", "Company": "c", "Grade__c": "B", "RecordTypeId": partner.id}
        assert rest(org, "Lead", "insert", lead)[0][0] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        first, twin = {"Name": "t", "Phone": "+49 1"}, {"Name": "other", "Phone": "+49 1"}
        found = rest(org, "Account", "insert", first), rest(org, "Account", "insert", twin)
        assert isinstance(found[0][0], str) and found[1] == [("DUPLICATES_DETECTED", "Same phone.", [])]
        converted = org.store.rows('select "ApiName" from org."LeadStatus" where "IsConverted"')
        assert converted == [("Signed",)]


def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for content in (b"[]", b"{", b"\x1f\x8bno"):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError):
            read_file(path)


def test_a_fresh_org_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    state = tmp_path / "org.duckdb"
    with Org(Options(state=state)) as org:
        (org.store.files / "upload.csv").write_text("x", encoding="utf-8")
    remove_state(state)
    assert list(tmp_path.iterdir()) == []
