"""Clients that others wrote, unchanged, against the rehearsal org over https: sf CLI, jsforce, SFDMU and CumulusCI.

They are installed on first use (see client_support) and told to trust the org's certificate; nothing else is prepared for
them. `pytest -m "not clients"` leaves them out. simple-salesforce is in test_simple_salesforce.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client_support import PINS, SfCli, cumulusci, environment, node_clients, run
from rehearsal_support import KEY, Client, write_manifest

from loaders.rehearsal.process import RunningOrg, start_org

pytestmark = [pytest.mark.clients, pytest.mark.requirement("C1")]


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    """An org for all clients, whose records they tell apart by external id."""
    folder = tmp_path_factory.mktemp("clients-org")
    with start_org(declare=write_manifest(folder / "manifest.json"), seed=11) as running:
        yield running


@pytest.fixture(scope="module")
def rows(org: RunningOrg) -> Client:
    """Our own eyes on what the clients did."""
    return Client(org)


@pytest.fixture(scope="module")
def node() -> Path:
    """The installed npm clients."""
    return node_clients()


@pytest.fixture(scope="module")
def sf_cli(node: Path, org: RunningOrg, tmp_path_factory: pytest.TempPathFactory) -> SfCli:
    """The sf CLI after `org login access-token`."""
    home, work = tmp_path_factory.mktemp("sf-home"), tmp_path_factory.mktemp("sf-work")
    cli = SfCli(node, work, environment(home, org))
    login = cli.json(
        "org", "login", "access-token", "--instance-url", org.https_url, "--no-prompt", "--alias", "rehearsal"
    )
    assert (login["username"], login["orgId"]) == ("admin@rehearsal.example", org.org_id)
    return cli


def by_key(rows: Client, sobject: str, prefix: str, fields: str) -> dict[str, tuple[Any, ...]]:
    """External id → values of the live records whose external id begins with the prefix."""
    found = rows.query(f"SELECT {KEY}, {fields} FROM {sobject} WHERE {KEY} LIKE '{prefix}%' ORDER BY {KEY}")
    return {record[KEY]: tuple(value for name, value in record.items() if name != KEY) for record in found}


# -- sf CLI ------------------------------------------------------------------------------------------------------------


def test_sf_shows_org_and_object(sf_cli: SfCli, org: RunningOrg) -> None:
    shown = sf_cli.on_org("org", "display")
    assert (shown["id"], shown["connectedStatus"], shown["apiVersion"]) == (org.org_id, "Connected", "66.0")
    described = sf_cli.on_org("sobject", "describe", "--sobject", "Account")
    fields = {field["name"]: field for field in described["fields"]}
    assert (described["keyPrefix"], fields[KEY]["externalId"], fields["Name"]["length"]) == ("001", True, 255)


def test_sf_creates_and_queries_records(sf_cli: SfCli, rows: Client) -> None:
    values = f"Name='From the command line' NumberOfEmployees=7 {KEY}=sf:1"
    made = sf_cli.on_org("data", "create", "record", "--sobject", "Account", "--values", values)
    assert by_key(rows, "Account", "sf:1", "Id, NumberOfEmployees") == {"sf:1": (made["id"], 7)}
    soql = f"SELECT Id, Owner.Name, (SELECT Id FROM Contacts) FROM Account WHERE {KEY} = 'sf:1'"
    queried = sf_cli.on_org("data", "query", "--query", soql)
    assert queried["totalSize"] == 1
    assert queried["records"][0]["Owner"]["Name"] == "Rehearsal Administrator"
    table = sf_cli.text(
        "data", "query", "--query", soql, "--target-org", "rehearsal"
    )  # asks for the columns, too
    assert made["id"] in table and "OWNER.NAME" in table


def test_sf_imports_upserts_and_exports_in_bulk(sf_cli: SfCli, rows: Client) -> None:
    header = ["Name", KEY, "NumberOfEmployees"]
    _write(sf_cli.work / "new.csv", header, [["Bulk one", "sfb:1", 5], ['Bulk, "two"', "sfb:2", 6]])
    _write(sf_cli.work / "mixed.csv", header, [["Bulk one again", "sfb:1", 7], ["Bulk three", "sfb:3", 8]])
    common = ("--sobject", "Account", "--line-ending", "LF", "--wait", "1")
    imported = sf_cli.on_org("data", "import", "bulk", *common, "--file", "new.csv")
    assert (imported["processedRecords"], imported["successfulRecords"]) == (2, 2)
    upserted = sf_cli.on_org("data", "upsert", "bulk", *common, "--file", "mixed.csv", "--external-id", KEY)
    created = {row["Name"]: row["sf__Created"] for row in upserted["records"]["successfulResults"]}
    assert created == {"Bulk one again": "false", "Bulk three": "true"}
    soql = f"SELECT Name, NumberOfEmployees FROM Account WHERE {KEY} LIKE 'sfb:%'"
    export = ("data", "export", "bulk", "--query", soql, "--output-file", "out.csv", "--result-format", "csv")
    assert sf_cli.on_org(*export, "--wait", "1")["totalSize"] == 3
    read = csv.DictReader(io.StringIO((sf_cli.work / "out.csv").read_text(encoding="utf-8")))
    exported = sorted((row["Name"], row["NumberOfEmployees"]) for row in read)
    assert exported == [("Bulk one again", "7"), ("Bulk three", "8"), ('Bulk, "two"', "6")]
    assert len(by_key(rows, "Account", "sfb:", "Name")) == 3


def test_sf_deploys_and_retrieves_a_project(sf_cli: SfCli, rows: Client) -> None:
    shutil.copytree(PINS / "sfdx", sf_cli.work, dirs_exist_ok=True)
    deployed = sf_cli.on_org("project", "deploy", "start", "--source-dir", "force-app", "--wait", "1")
    states = {file["fullName"]: file["state"] for file in deployed["files"]}
    assert (deployed["status"], states) == (
        "Succeeded",
        {"Account.Region__c": "Created", "Loader": "Created"},
    )
    made = rows.call("POST", "/sobjects/Account", json={"Name": "Deployed", "Region__c": "North"})
    assert made.status_code == 201, made.text
    wanted = ("--metadata", "PermissionSet:Loader", "--metadata", "CustomField:Account.Region__c")
    retrieved = sf_cli.on_org("project", "retrieve", "start", *wanted, "--wait", "1")
    assert {file["fullName"] for file in retrieved["files"]} == {"Account.Region__c", "Loader"}
    text = (sf_cli.work / "force-app/main/default/objects/Account/fields/Region__c.field-meta.xml").read_text(
        "utf-8"
    )
    assert "<length>40</length>" in text


# -- jsforce -----------------------------------------------------------------------------------------------------------


def jsforce(node: Path, org: RunningOrg, home: Path, *words: str | Path) -> Any:
    """What the tour told."""
    variables = {**environment(home, org), "CLIENTS": str(node), "ORG_URL": org.https_url}
    return json.loads(run(["node", PINS / "jsforce_tour.cjs", *words], home, variables))


def test_jsforce_reads_and_writes_records(node: Path, org: RunningOrg, rows: Client, tmp_path: Path) -> None:
    told = jsforce(node, org, tmp_path, "records")
    assert told["identity"]["organization_id"] == org.org_id
    assert [item["success"] for item in told["many"]] == [True, False]
    assert told["many"][1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert [item["created"] for item in told["upserted"]] == [False, True]
    assert [record["Name"] for record in told["found"]["records"]] == [
        "js one again",
        "js two again",
        "js three",
    ]
    assert told["found"]["records"][0]["Owner"]["Name"] == "Rehearsal Administrator"
    assert told["retrieved"]["Name"] == "js one again"
    assert (told["destroyed"]["success"], told["left"]) == (True, 2)
    assert (told["key"]["externalId"], told["key"]["type"]) == (True, "string")
    assert set(by_key(rows, "Account", "js:", "Id")) == {"js:1", "js:3"}


def test_jsforce_loads_and_queries_in_bulk(node: Path, org: RunningOrg, tmp_path: Path) -> None:
    told = jsforce(node, org, tmp_path, "bulk")
    assert (told["succeeded"], told["queried"]) == (249, 249)
    assert [row["LastName"] for row in told["failed"]] == ["Bulk 7"]
    assert told["failed"][0]["sf__Error"].startswith("INVALID_EMAIL_ADDRESS:")
    assert [(item["success"], item["created"]) for item in told["first"]] == [
        (True, True),
        (False, False),
        (True, True),
    ]
    assert told["first"][1]["errors"] == [
        "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    ]
    assert [row[KEY] for row in told["answer"]] == ["jsv1:1", "jsv1:3"]


def test_jsforce_deploys_and_reads_metadata(
    node: Path, org: RunningOrg, rows: Client, tmp_path: Path
) -> None:
    told = jsforce(node, org, tmp_path, "metadata", package(tmp_path / "package.zip", "Hue__c"))
    assert (told["deployed"]["success"], told["deployed"]["numberComponentsDeployed"]) == (True, 1)
    assert (told["read"][0]["label"], told["read"][0]["length"]) == ("Hue__c", 40)
    assert "PermissionSet" in told["kinds"] and "Contact.Hue__c" in told["listed"]
    assert told["entity"][0]["QualifiedApiName"] == "Contact"
    assert (
        rows.call("POST", "/sobjects/Contact", json={"LastName": "Hued", "Hue__c": "red"}).status_code == 201
    )


def package(path: Path, field: str) -> Path:
    """A zip file that adds a text field to Contact."""
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    space = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
    listed = (
        f"<types><members>Contact.{field}</members><name>CustomField</name></types><version>62.0</version>"
    )
    added = f"<fields><fullName>{field}</fullName><label>{field}</label><length>40</length><type>Text</type></fields>"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("package.xml", f"{head}<Package {space}>{listed}</Package>")
        packed.writestr("objects/Contact.object", f"{head}<CustomObject {space}>{added}</CustomObject>")
    return path


# -- SFDMU -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sfdmu(sf_cli: SfCli) -> SfCli:
    """The sf CLI with SFDMU as a plugin."""
    sf_cli.text("plugins", "link", sf_cli.folder / "node_modules" / "sfdmu", "--no-install")
    return sf_cli


@pytest.mark.parametrize("api", ["rest", "1.0", "2.0"])
def test_sfdmu_upserts_related_records_from_csv(
    sfdmu: SfCli, org: RunningOrg, rows: Client, tmp_path: Path, api: str
) -> None:
    a, c = f"dmu{api}:a", f"dmu{api}:c"
    existing = rows.call("POST", "/sobjects/Account", json={"Name": "Old name", KEY: f"{a}1"})
    assert existing.status_code == 201
    objects = {"Account": "Name, NumberOfEmployees", "Contact": "LastName, AccountId"}
    settings = {
        "orgs": [{"name": "org", "instanceUrl": org.https_url, "accessToken": org.access_token}],
        "apiVersion": "60.0", "pollingIntervalMs": 100, "promptOnMissingParentObjects": False,
        "promptOnIssuesInCSVFiles": False, "bulkApiVersion": "2.0" if api == "rest" else api,
        "bulkThreshold": 200 if api == "rest" else 1,
        "objects": [
            {"query": f"SELECT Id, {fields}, {KEY} FROM {name}", "operation": "Upsert", "externalId": KEY}
            for name, fields in objects.items()
        ],
    }  # fmt: skip
    (tmp_path / "export.json").write_text(json.dumps(settings), encoding="utf-8")
    accounts = [[1, "Dmu one", 5, f"{a}1"], [2, 'Dmu, "two"', 6, f"{a}2"], [3, "Dmu three", 7, f"{a}3"]]
    _write(tmp_path / "Account.csv", ["Id", "Name", "NumberOfEmployees", KEY], accounts)
    contacts = [[11, "Doe", 1, f"{a}1", f"{c}1"], [12, "Roe", 2, f"{a}2", f"{c}2"]]
    _write(tmp_path / "Contact.csv", ["Id", "LastName", "AccountId", f"Account.{KEY}", KEY], contacts)
    told = sfdmu.text(
        "sfdmu",
        "run",
        "--sourceusername",
        "csvfile",
        "--targetusername",
        "org",
        "--path",
        tmp_path,
        "--noprompt",
    )
    assert {"rest": "REST API", "1.0": "Bulk API V1.0", "2.0": "Bulk API V2.0"}[api] in told
    assert by_key(rows, "Account", a, "Name, NumberOfEmployees") == {
        f"{a}1": ("Dmu one", 5), f"{a}2": ('Dmu, "two"', 6), f"{a}3": ("Dmu three", 7)
    }  # fmt: skip
    parents = rows.query(f"SELECT {KEY}, Account.{KEY} FROM Contact WHERE {KEY} LIKE '{c}%' ORDER BY {KEY}")
    assert [(row[KEY], row["Account"][KEY]) for row in parents] == [(f"{c}1", f"{a}1"), (f"{c}2", f"{a}2")]


def _write(path: Path, header: list[str], lines: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])


# -- CumulusCI ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cci(org: RunningOrg, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Runs a CumulusCI task in a project of its own; the org is known to it by an environment variable."""
    commands = cumulusci()
    home, work = tmp_path_factory.mktemp("cci-home"), tmp_path_factory.mktemp("cci-work")
    shutil.copytree(PINS / "cumulusci", work, dirs_exist_ok=True)
    subprocess.run(["git", "init", "--quiet", "."], cwd=work, check=True)
    (home / ".cumulusci").mkdir()
    known = {
        "instance_url": org.https_url, "access_token": org.access_token, "username": "admin@rehearsal.example",
        "id": f"{org.https_url}/id/{org.org_id}/none",
    }  # fmt: skip
    variables = {
        **environment(home, org),
        "CUMULUSCI_ORG_rehearsal": json.dumps(known),
        "CUMULUSCI_DISABLE_REFRESH": "1",
        "CUMULUSCI_SYSTEM_CERTS": "True",
    }

    def task(name: str, **options: str) -> str:
        # CumulusCI looks for a newer release unless it did within the hour that this file names.
        (home / ".cumulusci" / "cumulus_timestamp").write_text(str(time.time()), encoding="utf-8")
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        return run([commands / "cci", "task", "run", name, "--org", "rehearsal", *words], work, variables)

    task.work = work  # type: ignore[attr-defined]
    yield task


def test_cumulusci_loads_and_extracts_a_dataset(cci: Any, rows: Client) -> None:
    told = cci("load_dataset", mapping="mapping.yml", sql_path="sample.sql")
    assert "Creating insert Operation for Account using bulk" in told
    assert by_key(rows, "Account", "cci:", "Name, NumberOfEmployees") == {
        "cci:a1": ("Cci One", 5), "cci:a2": ('Cci, "Two"', None)
    }  # fmt: skip
    parents = rows.query(f"SELECT {KEY}, Account.{KEY} FROM Contact WHERE {KEY} LIKE 'cci:%' ORDER BY {KEY}")
    assert [(row[KEY], row["Account"][KEY]) for row in parents] == [
        ("cci:c1", "cci:a1"),
        ("cci:c2", "cci:a2"),
    ]
    cci("extract_dataset", mapping="mapping.yml", sql_path="extracted.sql")
    extracted = (cci.work / "extracted.sql").read_text(encoding="utf-8")
    assert "cci:a1" in extracted and "Cci Roe" in extracted


def test_cumulusci_upserts_a_dataset(cci: Any, rows: Client) -> None:
    mapping = (cci.work / "mapping.yml").read_text(encoding="utf-8")
    upsert = mapping.replace("  api: bulk\n", f"  api: bulk\n  action: upsert\n  update_key: {KEY}\n")
    (cci.work / "upsert.yml").write_text(upsert, encoding="utf-8")
    data = (cci.work / "sample.sql").read_text(encoding="utf-8").replace("cci:", "cciu:")
    (cci.work / "first.sql").write_text(data, encoding="utf-8")
    (cci.work / "second.sql").write_text(data.replace("Cci One", "Cci Changed"), encoding="utf-8")
    cci("load_dataset", mapping="upsert.yml", sql_path="first.sql")
    cci("load_dataset", mapping="upsert.yml", sql_path="second.sql")
    assert by_key(rows, "Account", "cciu:", "Name") == {
        "cciu:a1": ("Cci Changed",),
        "cciu:a2": ('Cci, "Two"',),
    }
