# ruff: noqa: E501  long messages stand on one line; the XML read here is the org's own answer
"""The rehearsal org's Metadata and Tooling APIs: what a deployment changes, refuses and leaves alone."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.rehearsal.api import app  # noqa: F401  registers all routes
from loaders.rehearsal.api.app import handle
from loaders.rehearsal.api.call import Answer, Call
from loaders.rehearsal.metadata.package import MAX_FILES, PackageError, unpack
from loaders.rehearsal.metadata.xml import XmlError, parse
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.state import Org

NS = {"m": "http://soap.sforce.com/2006/04/metadata", "s": "http://schemas.xmlsoap.org/soap/envelope/"}
TEXT = "<fullName>Score__c</fullName><label>Score</label><type>Text</type><length>20</length>"


@pytest.fixture
def org() -> Iterator[Org]:
    with Org(Options()) as found:
        yield found


class Client:
    """A logged-in client that talks to the functions without a network."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.token = org.login(org.admin_id).token

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json", **query: str
    ) -> Answer:
        headers = {"authorization": f"Bearer {self.token}", "content-type": kind}
        return handle(Call(self.org, method, path, query, headers, body, base_url="https://org.example"))

    def soap(self, inner: str, token: str | None = None) -> ElementTree.Element:
        session = self.token if token is None else token
        envelope = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns="http://soap.sforce.com/2006/04/metadata">'
            f"<e:Header><SessionHeader><sessionId>{session}</sessionId></SessionHeader></e:Header>"
            f"<e:Body>{inner}</e:Body></e:Envelope>"
        )
        answer = self.ask("POST", "/services/Soap/m/60.0", envelope.encode(), "text/xml")
        return ElementTree.fromstring(answer.text or "")

    def deploy(self, files: Mapping[str, str], **options: Any) -> dict[str, Any]:
        """The result of a REST deployment, details included."""
        answer = self.ask(
            "POST", "/services/data/v60.0/metadata/deployRequest", *multipart(packed(files), options)
        )
        assert answer.status == 201, answer.body
        path = f"/services/data/v60.0/metadata/deployRequest/{answer.body['id']}"
        result: dict[str, Any] = self.ask("GET", path, includeDetails="true").body["deployResult"]
        return result

    def query(self, soql: str, resource: str = "query") -> list[dict[str, Any]]:
        answer = self.ask("GET", f"/services/data/v60.0/{resource}", q=soql)
        assert answer.status == 200, answer.body
        records: list[dict[str, Any]] = answer.body["records"]
        return records


@pytest.fixture
def client(org: Org) -> Client:
    return Client(org)


def packed(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def multipart(content: bytes, options: Mapping[str, Any]) -> tuple[bytes, str]:
    settings_json = json.dumps({"deployOptions": options}).encode()
    body = (
        b'--xx\r\nContent-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n'
        + settings_json
        + b'\r\n--xx\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n'
        + b"Content-Type: application/zip\r\n\r\n"
        + content
        + b"\r\n--xx--\r\n"
    )
    return body, 'multipart/form-data; boundary="xx"'


def manifest(**types: list[str]) -> str:
    groups = "".join(
        f"<types>{''.join(f'<members>{one}</members>' for one in members)}<name>{kind}</name></types>"
        for kind, members in types.items()
    )
    return (
        f'<Package xmlns="http://soap.sforce.com/2006/04/metadata">{groups}<version>60.0</version></Package>'
    )


def custom_object(*parts: str) -> str:
    return f'<CustomObject xmlns="http://soap.sforce.com/2006/04/metadata">{"".join(parts)}</CustomObject>'


def field(inner: str) -> str:
    return f"<fields>{inner}</fields>"


def one_field(inner: str, owner: str = "Lead") -> dict[str, str]:
    return {
        "package.xml": manifest(CustomObject=[owner]),
        f"objects/{owner}.object": custom_object(field(inner)),
    }


NEW_OBJECT = (
    "<label>Course</label><pluralLabel>Courses</pluralLabel><deploymentStatus>Deployed</deploymentStatus>"
    "<sharingModel>ReadWrite</sharingModel><nameField><label>Name</label><type>Text</type></nameField>"
)


def problems(result: dict[str, Any]) -> list[str]:
    return [failure["problem"] for failure in result["details"]["componentFailures"]]


def test_a_deployed_field_can_be_written_described_and_queried(client: Client) -> None:
    result = client.deploy(one_field(TEXT + "<externalId>true</externalId><unique>true</unique>"))
    assert (result["status"], result["success"], result["numberComponentErrors"]) == ("Succeeded", True, 0)
    created = [one["fullName"] for one in result["details"]["componentSuccesses"] if one["created"]]
    assert created == ["Lead.Score__c"]
    lead = {"LastName": "Lee", "Company": "X", "Score__c": "a"}
    answer = client.ask("POST", "/services/data/v60.0/sobjects/Lead", json.dumps(lead).encode())
    assert answer.status == 201, answer.body
    assert client.query("SELECT Score__c FROM Lead")[0]["Score__c"] == "a"
    described = client.ask("GET", "/services/data/v60.0/sobjects/Lead/describe").body["fields"]
    (found,) = [one for one in described if one["name"] == "Score__c"]
    assert (found["length"], found["externalId"], found["custom"]) == (20, True, True)


def test_deploying_the_same_twice_changes_nothing(client: Client) -> None:
    client.deploy(one_field(TEXT))
    again = client.deploy(one_field(TEXT))["details"]["componentSuccesses"]
    assert [(one["created"], one["changed"]) for one in again if one["fullName"] == "Lead.Score__c"] == [
        (False, False)
    ]


def test_check_only_and_failed_deployments_leave_the_org_alone(client: Client) -> None:
    assert client.deploy(one_field(TEXT), checkOnly=True)["success"]
    assert not client.org.catalogue.object("Lead").has("Score__c")
    files = {
        "package.xml": manifest(CustomObject=["Lead"]),
        "objects/Lead.object": custom_object(field(TEXT), field("<fullName>Bad__c</fullName>")),
    }
    result = client.deploy(files)
    assert result["status"] == "Failed"
    assert not client.org.catalogue.object("Lead").has("Score__c")
    partly = client.deploy(files, rollbackOnError=False)
    assert partly["status"] == "SucceededPartial"
    assert client.org.catalogue.object("Lead").has("Score__c")


def test_deployed_schema_survives_a_restart(tmp_path: Path) -> None:
    options = Options(state=tmp_path / "org.duckdb")
    files = {
        "package.xml": manifest(CustomObject=["Course__c", "Contact"]),
        "objects/Course__c.object": custom_object(NEW_OBJECT, field(TEXT)),
        "objects/Contact.object": custom_object(
            field(
                "<fullName>Course__c</fullName><label>Course</label><type>Lookup</type>"
                "<referenceTo>Course__c</referenceTo><relationshipName>Students</relationshipName>"
                "<deleteConstraint>Restrict</deleteConstraint>"
            )
        ),
    }
    with Org(options) as org:
        client = Client(org)
        assert client.deploy(files)["success"]
        body = json.dumps({"Name": "SQL", "Score__c": "5"}).encode()
        course = client.ask("POST", "/services/data/v60.0/sobjects/Course__c", body).body["id"]
        body = json.dumps({"LastName": "Lee", "Course__c": course}).encode()
        client.ask("POST", "/services/data/v60.0/sobjects/Contact", body)
        prefix = org.catalogue.object("Course__c").key_prefix
    with Org(options) as org:
        client = Client(org)
        assert org.catalogue.object("Course__c").key_prefix == prefix == course[:3]
        (record,) = client.query("SELECT Name, Score__c, (SELECT LastName FROM Students__r) FROM Course__c")
        assert (record["Name"], record["Score__c"]) == ("SQL", "5")
        assert record["Students__r"]["records"][0]["LastName"] == "Lee"
        assert client.query("SELECT Course__r.Name FROM Contact")[0]["Course__r"]["Name"] == "SQL"


def test_activity_fields_appear_on_task_and_event(client: Client) -> None:
    assert client.deploy(one_field(TEXT, "Activity"))["success"]
    assert client.org.catalogue.object("Task").has("Score__c")
    assert client.org.catalogue.object("Event").has("Score__c")


def number(precision: str, scale: str) -> str:
    return (
        "<fullName>N__c</fullName><label>N</label><type>Number</type>"
        f"<precision>{precision}</precision><scale>{scale}</scale>"
    )


def picklist(values: str, extra: str = "") -> str:
    return (
        "<fullName>P__c</fullName><label>P</label><type>Picklist</type><valueSet>"
        f"{extra}<valueSetDefinition><sorted>false</sorted>{values}</valueSetDefinition></valueSet>"
    )


def value(name: str, default: str = "false") -> str:
    return f"<value><fullName>{name}</fullName><default>{default}</default><label>{name}</label></value>"


BAD_FIELDS = [
    ("<fullName>X__c</fullName><label>X</label>", "Must specify a non-empty type for the CustomField"),
    (
        "<fullName>X__c</fullName><label>X</label><type>Foo</type>",
        "'Foo' is not a valid value for the enum 'FieldType'",
    ),
    (
        "<fullName>X__c</fullName><label>X</label><type>Text</type>",
        "Must specify 'length' for a CustomField of type Text",
    ),
    ("<fullName>X__c</fullName><type>Date</type>", "Must specify a non-empty label for the CustomField"),
    (TEXT.replace("20", "256"), "Invalid length 256"),
    (TEXT.replace("20", "x"), 'For input string: "x"'),
    (TEXT.replace("Score__c", "1x__c"), "The Field Name can only contain underscores"),
    (TEXT.replace("Score__c", "a__b__c"), "The Field Name can only contain underscores"),
    (TEXT.replace("Score__c", "a_____c"), "The Field Name can only contain underscores"),
    (TEXT.replace("Score__c", "a" * 41 + "__c"), "maximum length is:40"),
    (TEXT.replace(">Score<", f">{'L' * 41}<"), "maximum length is:40"),
    (
        TEXT.replace("Score__c", "NoSuchField"),
        "Entity of type 'CustomField' named 'Lead.NoSuchField' cannot be found",
    ),
    (number("19", "2"), "precision greater than 18"),
    (number("4", "5"), "scale greater than the precision"),
    ("<fullName>C__c</fullName><label>C</label><type>Checkbox</type>", "Must specify 'defaultValue'"),
    (
        "<fullName>L__c</fullName><label>L</label><type>LongTextArea</type><length>500</length>",
        "'visibleLines'",
    ),
    (
        "<fullName>L__c</fullName><label>L</label><type>Lookup</type><relationshipName>Ls</relationshipName>"
        "<referenceTo>Nope__c</referenceTo>",
        "referenceTo value of 'Nope__c' does not resolve to a valid sObject type",
    ),
    (
        "<fullName>D__c</fullName><label>D</label><type>Date</type><externalId>true</externalId>",
        "'externalId'",
    ),
    ("<fullName>P__c</fullName><label>P</label><type>Picklist</type>", "Must specify 'valueSet'"),
    (picklist(""), "at least one picklist value"),
    (picklist(value("a") + value("A")), "Duplicate label/value: A"),
    (picklist(value("a", "true") + value("b", "true")), "Only one default picklist value"),
    (picklist(value("x" * 256)), "longer than 255 characters"),
    (
        "<fullName>P__c</fullName><label>P</label><type>Picklist</type>"
        "<valueSet><valueSetName>Nope</valueSetName></valueSet>",
        "no GlobalValueSet named Nope found",
    ),
]


@pytest.mark.parametrize(("inner", "problem"), BAD_FIELDS)
def test_bad_fields_are_refused_with_a_reason(client: Client, inner: str, problem: str) -> None:
    result = client.deploy(one_field(inner))
    assert any(problem in text for text in problems(result)), problems(result)
    (failure, *_) = result["details"]["componentFailures"]
    assert failure["componentType"] == "CustomField"
    assert failure["fileName"] == "objects/Lead.object"
    assert failure["problemType"] == "Error"


BAD_PACKAGES: list[tuple[dict[str, str], str]] = [
    ({"package.xml": manifest(Foo=["x"])}, "Unknown type name 'Foo' specified in package.xml"),
    (
        {"package.xml": manifest(CustomObject=["Gone__c"])},
        "An object 'Gone__c' of type CustomObject was named in package.xml, but was not found in zipped directory",
    ),
    ({"package.xml": manifest(), "objects/Lead.object": custom_object(field(TEXT))}, "Not in package.xml"),
    (one_field(TEXT, "Nope"), "Entity of type 'CustomObject' named 'Nope' cannot be found"),
    (one_field(TEXT, "TopicAssignment"), "does not support custom fields"),
    (one_field(TEXT, "Task"), "defined on Activity"),
    (
        {
            "package.xml": manifest(CustomObject=["Lead"]),
            "objects/Lead.object": custom_object(field(TEXT), field(TEXT)),
        },
        "Duplicate name 'Lead.Score__c' specified",
    ),
    (
        {"package.xml": manifest(CustomObject=["A__c"]), "objects/A__c.object": custom_object()},
        "non-empty label",
    ),
    ({"package.xml": manifest(CustomObject=["Lead"]), "objects/Lead.object": "<x"}, "Error parsing file"),
    ({"package.xml": "<Package"}, "Error parsing file"),
    ({"objects/Lead.object": custom_object()}, "No package.xml found"),
    (
        {"package.xml": manifest(), "classes/A.cls": "class A {}"},
        "Unknown file in the package: classes/A.cls",
    ),
    (
        {
            "package.xml": manifest(PermissionSet=["P"]),
            "permissionsets/P.permissionset": "<PermissionSet><label>P</label><fieldPermissions>"
            "<field>Lead.Nope__c</field><readable>true</readable></fieldPermissions></PermissionSet>",
        },
        "In field: field - no CustomField named Lead.Nope__c found",
    ),
    (
        {
            "package.xml": manifest(RecordType=["Lead.R"]),
            "objects/Lead.object": custom_object(
                "<recordTypes><fullName>R</fullName><label>R</label><active>true</active></recordTypes>"
            ),
        },
        "Must specify 'businessProcess' for a RecordType of Lead",
    ),
    (
        {
            "package.xml": manifest(RecordType=["Account.R"]),
            "objects/Account.object": custom_object(
                "<recordTypes><fullName>R</fullName><label>R</label><active>true</active><picklistValues>"
                "<picklist>Industry</picklist><values><fullName>Nope</fullName><default>false</default></values>"
                "</picklistValues></recordTypes>"
            ),
        },
        "Picklist value: Nope in picklist: Industry not found",
    ),
    (
        {
            "package.xml": manifest(StandardValueSet=["Nope"]),
            "standardValueSets/Nope.standardValueSet": "<StandardValueSet/>",
        },
        "Entity of type 'StandardValueSet' named 'Nope' cannot be found",
    ),
]


@pytest.mark.parametrize(("files", "problem"), BAD_PACKAGES)
def test_bad_packages_are_refused_with_a_reason(client: Client, files: dict[str, str], problem: str) -> None:
    result = client.deploy(files)
    assert result["status"] == "Failed"
    assert any(problem in text for text in problems(result)), problems(result)


def value_set(*names: str, extra: str = "") -> str:
    listed = "".join(
        f"<standardValue><fullName>{name}</fullName><default>false</default><label>{name}</label>{extra}</standardValue>"
        for name in names
    )
    return f"<StandardValueSet><sorted>false</sorted>{listed}</StandardValueSet>"


def test_a_deployed_value_set_replaces_the_values(client: Client) -> None:
    before = {one[0] for one in client.org.catalogue.object("Lead").field("Status").picklist_values}
    files = {
        "package.xml": manifest(StandardValueSet=["LeadStatus"]),
        "standardValueSets/LeadStatus.standardValueSet": value_set(
            "Subscriber", "Customer", extra="<converted>true</converted>"
        ),
    }
    assert client.deploy(files)["success"]
    values = client.org.catalogue.object("Lead").field("Status").picklist_values
    assert [name for name, _, active, _ in values if active] == ["Subscriber", "Customer"]
    assert {name for name, _, active, _ in values if not active} == before
    rows = client.query("SELECT ApiName FROM LeadStatus ORDER BY SortOrder")
    assert [row["ApiName"] for row in rows] == ["Subscriber", "Customer"]
    without = {**files, "standardValueSets/LeadStatus.standardValueSet": value_set("A")}
    assert "converted" in problems(client.deploy(without))[0]


def test_process_record_type_layout_and_permission_set(client: Client) -> None:
    files = {
        "package.xml": manifest(
            CustomObject=["Lead"], Layout=["Lead-Partner Layout"], PermissionSet=["Load"], Profile=["Admin"]
        ),
        "objects/Lead.object": custom_object(
            field(TEXT),
            "<businessProcesses><fullName>Partner</fullName><isActive>true</isActive><values>"
            "<fullName>Open - Not Contacted</fullName><default>true</default></values></businessProcesses>",
            "<recordTypes><fullName>Partner</fullName><label>Partner</label><active>true</active>"
            "<businessProcess>Partner</businessProcess></recordTypes>",
        ),
        "layouts/Lead-Partner Layout.layout": "<Layout><layoutSections><layoutColumns><layoutItems>"
        "<field>Score__c</field></layoutItems></layoutColumns></layoutSections></Layout>",
        "permissionsets/Load.permissionset": "<PermissionSet><label>Load</label><fieldPermissions>"
        "<field>Lead.Score__c</field><readable>true</readable><editable>true</editable></fieldPermissions>"
        "<recordTypeVisibilities><recordType>Lead.Partner</recordType><visible>true</visible>"
        "</recordTypeVisibilities></PermissionSet>",
        "profiles/Admin.profile": "<Profile><custom>false</custom></Profile>",
    }
    result = client.deploy(files)
    assert result["success"], problems(result)
    (row,) = client.query("SELECT Id, Name, SobjectType, IsActive, BusinessProcessId FROM RecordType")
    assert (row["Name"], row["SobjectType"], row["IsActive"]) == ("Partner", "Lead", True)
    assert row["Id"].startswith("012") and row["BusinessProcessId"].startswith("019")
    assert client.query("SELECT Label FROM PermissionSet WHERE Name = 'Load'")[0]["Label"] == "Load"
    assert len(client.query("SELECT Id FROM Profile")) == 2
    again = client.deploy(files)
    assert again["success"]
    assert len(client.query("SELECT Id FROM RecordType")) == 1


def test_custom_picklist_is_enforced_when_restricted(client: Client) -> None:
    assert client.deploy(one_field(picklist(value("a") + value("b"), "<restricted>true</restricted>")))[
        "success"
    ]
    lead = json.dumps({"LastName": "L", "Company": "C", "P__c": "z"}).encode()
    answer = client.ask("POST", "/services/data/v60.0/sobjects/Lead", lead)
    assert answer.body[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_global_value_set_feeds_its_fields(client: Client) -> None:
    files = {
        "package.xml": manifest(GlobalValueSet=["Topics"], CustomObject=["Lead"]),
        "globalValueSets/Topics.globalValueSet": "<GlobalValueSet><masterLabel>Topics</masterLabel><sorted>false"
        "</sorted><customValue><fullName>x</fullName><default>false</default></customValue></GlobalValueSet>",
        "objects/Lead.object": custom_object(
            field(
                "<fullName>T__c</fullName><label>T</label><type>MultiselectPicklist</type>"
                "<visibleLines>4</visibleLines><valueSet><valueSetName>Topics</valueSetName></valueSet>"
            )
        ),
    }
    result = client.deploy(files)
    assert result["success"], problems(result)
    assert client.org.catalogue.object("Lead").field("T__c").picklist_values == (("x", "x", True, False),)


def test_field_security_hides_a_deployed_field_until_a_permission_set_is_assigned() -> None:
    with Org(Options(field_security=True)) as org:
        client = Client(org)
        files = {
            **one_field(TEXT),
            "package.xml": manifest(CustomObject=["Lead"], PermissionSet=["Load"]),
            "permissionsets/Load.permissionset": "<PermissionSet><label>Load</label><fieldPermissions>"
            "<field>Lead.Score__c</field><readable>true</readable><editable>true</editable></fieldPermissions>"
            "</PermissionSet>",
        }
        assert client.deploy(files)["success"]
        assert not org.catalogue.object("Lead").has("Score__c")
        answer = client.ask("GET", "/services/data/v60.0/query", q="SELECT Score__c FROM Lead")
        assert answer.body[0]["errorCode"] == "INVALID_FIELD"
        (granted,) = client.query("SELECT Id FROM PermissionSet WHERE Name = 'Load'")
        body = json.dumps({"AssigneeId": org.admin_id, "PermissionSetId": granted["Id"]}).encode()
        assert client.ask("POST", "/services/data/v60.0/sobjects/PermissionSetAssignment", body).status == 201
        assert client.query("SELECT Score__c FROM Lead") == []


def test_destructive_changes_take_a_field_away(client: Client) -> None:
    client.deploy(one_field(TEXT))
    files = {
        "package.xml": manifest(),
        "destructiveChanges.xml": manifest(CustomField=["Lead.Score__c", "Lead.No__c"]),
    }
    result = client.deploy(files)
    assert result["success"]
    assert not client.org.catalogue.object("Lead").has("Score__c")
    warning = [one for one in result["details"]["componentSuccesses"] if one["problemType"] == "Warning"]
    assert [one["problem"] for one in warning] == ["No CustomField named: Lead.No__c found"]


def test_soap_deploy_and_status(client: Client) -> None:
    content = base64.b64encode(packed(one_field(TEXT))).decode()
    root = client.soap(
        f"<deploy><ZipFile>{content}</ZipFile><DeployOptions><checkOnly>false</checkOnly>"
        "<rollbackOnError>true</rollbackOnError></DeployOptions></deploy>"
    )
    deploy_id = root.findtext(".//m:deployResponse/m:result/m:id", None, NS)
    assert deploy_id and deploy_id.startswith("0Af")
    status = f"<checkDeployStatus><asyncProcessId>{deploy_id}</asyncProcessId><includeDetails>true</includeDetails></checkDeployStatus>"
    result = client.soap(status).find(".//m:checkDeployStatusResponse/m:result", NS)
    assert result is not None
    assert (result.findtext("m:status", None, NS), result.findtext("m:done", None, NS)) == (
        "Succeeded",
        "true",
    )
    names = [one.text for one in result.findall("m:details/m:componentSuccesses/m:fullName", NS)]
    assert names == ["Lead", "Lead.Score__c", "package.xml"]
    assert client.org.catalogue.object("Lead").has("Score__c")


def test_soap_retrieve_returns_what_was_deployed_and_standard_values(client: Client) -> None:
    client.deploy(one_field(TEXT))
    root = client.soap(
        "<retrieve><retrieveRequest><apiVersion>60.0</apiVersion><unpackaged>"
        "<types><members>Lead</members><name>CustomObject</name></types>"
        "<types><members>LeadStatus</members><members>Nope</members><name>StandardValueSet</name></types>"
        "<version>60.0</version></unpackaged></retrieveRequest></retrieve>"
    )
    process = root.findtext(".//m:result/m:id", None, NS)
    result = client.soap(
        f"<checkRetrieveStatus><asyncProcessId>{process}</asyncProcessId></checkRetrieveStatus>"
    ).find(".//m:result", NS)
    assert result is not None and result.findtext("m:status", None, NS) == "Succeeded"
    assert "'Nope' cannot be found" in (result.findtext("m:messages/m:problem", None, NS) or "")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(result.findtext("m:zipFile", "", NS)))) as archive:
        assert sorted(archive.namelist()) == [
            "unpackaged/objects/Lead.object",
            "unpackaged/package.xml",
            "unpackaged/standardValueSets/LeadStatus.standardValueSet",
        ]
        lead = parse(archive.read("unpackaged/objects/Lead.object"))
        statuses = parse(archive.read("unpackaged/standardValueSets/LeadStatus.standardValueSet"))
    assert [one.value("fullName") for one in lead.all("fields")] == ["Score__c"]
    assert "Open - Not Contacted" in [one.value("fullName") for one in statuses.all("standardValue")]


def test_soap_list_describe_and_read(client: Client) -> None:
    client.deploy(one_field(TEXT))
    listed = client.soap("<listMetadata><queries><type>CustomField</type></queries></listMetadata>")
    assert [one.text for one in listed.findall(".//m:result/m:fullName", NS)] == ["Lead.Score__c"]
    described = client.soap("<describeMetadata><asOfVersion>60.0</asOfVersion></describeMetadata>")
    names = {one.text for one in described.findall(".//m:metadataObjects/m:xmlName", NS)}
    assert {"CustomObject", "StandardValueSet", "PermissionSet", "Layout"} <= names
    read = client.soap(
        "<readMetadata><type>CustomField</type><fullNames>Lead.Score__c</fullNames>"
        "<fullNames>Lead.No__c</fullNames></readMetadata>"
    )
    first, second = read.findall(".//m:records", NS)
    assert first.findtext("m:fullName", None, NS) == "Lead.Score__c"
    assert first.findtext("m:length", None, NS) == "20"
    assert second.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true"


@pytest.mark.parametrize(
    ("inner", "token", "code"),
    [
        ("<describeMetadata/>", "wrong", "sf:INVALID_SESSION_ID"),
        ("<nonsense/>", None, "sf:INVALID_OPERATION"),
        ("", None, "sf:MALFORMED_MESSAGE"),
        ("<listMetadata><queries><type>Nope</type></queries></listMetadata>", None, "sf:INVALID_TYPE"),
        (
            "<checkDeployStatus><asyncProcessId>0Af</asyncProcessId></checkDeployStatus>",
            None,
            "sf:INVALID_ID_FIELD",
        ),
    ],
)
def test_soap_faults(client: Client, inner: str, token: str | None, code: str) -> None:
    assert client.soap(inner, token).findtext(".//faultcode") == code


def test_declared_fields_are_metadata_too(client: Client) -> None:
    from loaders.rehearsal.metadata.retrieve import Library
    from loaders.rehearsal.org.declared import declared_field

    kinds = {
        "A__c": "Text",
        "B__c": "Checkbox",
        "C__c": "LongTextArea",
        "D__c": "Number",
        "E__c": "MultiselectPicklist",
    }
    declared = [declared_field(name, kind) for name, kind in kinds.items()]
    library = Library(client.org.store, client.org.catalogue.with_fields({"Lead": declared}))
    for name, kind in kinds.items():
        element = library.element("CustomField", f"Lead.{name}")
        assert element is not None and element.value("type") == kind


TOOLING = [
    ("SELECT QualifiedApiName, KeyPrefix FROM EntityDefinition WHERE QualifiedApiName = 'Account'",
     {"QualifiedApiName": "Account", "KeyPrefix": "001"}),
    ("SELECT QualifiedApiName, DataType, EntityDefinition.KeyPrefix FROM FieldDefinition "
     "WHERE EntityDefinition.QualifiedApiName = 'Lead' AND QualifiedApiName = 'Score__c'", None),
    ("SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = 'Lead' AND DurableId = 'Lead.Score__c'",
     {"QualifiedApiName": "Score__c"}),
    ("SELECT DeveloperName, TableEnumOrId FROM CustomField", {"DeveloperName": "Score", "TableEnumOrId": "Lead"}),
    ("SELECT ValidationName, Active FROM ValidationRule WHERE EntityDefinition.DeveloperName = 'Lead'",
     {"ValidationName": "Rule", "Active": True}),
]  # fmt: skip


@pytest.mark.parametrize(("soql", "expected"), TOOLING)
def test_tooling_queries(client: Client, soql: str, expected: dict[str, Any] | None) -> None:
    files = {
        "package.xml": manifest(CustomObject=["Lead"]),
        "objects/Lead.object": custom_object(
            field(TEXT),
            "<validationRules><fullName>Rule</fullName><active>true</active><errorConditionFormula>false"
            "</errorConditionFormula><errorMessage>No</errorMessage></validationRules>",
        ),
    }
    assert client.deploy(files)["success"]
    (record,) = client.query(soql, "tooling/query")
    assert record.pop("attributes")["type"]
    if expected is None:
        assert record["DataType"] == "Text(20)"
        assert record["EntityDefinition"]["KeyPrefix"] == "00Q"
    else:
        assert record == expected


@pytest.mark.parametrize("name", ["ApexTrigger", "ApexClass", "Flow", "FlowDefinition", "WorkflowRule"])
def test_automations_are_objects_without_rows(client: Client, name: str) -> None:
    assert client.query(f"SELECT Id FROM {name}", "tooling/query") == []
    described = client.ask("GET", f"/services/data/v60.0/tooling/sobjects/{name}/describe")
    assert described.body["name"] == name


def test_ordinary_queries_know_the_schema_objects(client: Client) -> None:
    (record,) = client.query("SELECT Label FROM EntityDefinition WHERE QualifiedApiName = 'Lead'")
    assert record["Label"] == "Lead"


def test_a_large_package_deploys(client: Client) -> None:
    fields = [field(TEXT.replace("Score", f"Score_{place}")) for place in range(300)]
    files = {"package.xml": manifest(CustomObject=["Lead"]), "objects/Lead.object": custom_object(*fields)}
    result = client.deploy(files)
    assert (result["success"], result["numberComponentsDeployed"]) == (True, 301)


def test_tooling_lists_its_objects_and_refuses_others(client: Client) -> None:
    listed = client.ask("GET", "/services/data/v60.0/tooling/sobjects").body["sobjects"]
    assert "FieldDefinition" in [one["name"] for one in listed]
    assert client.ask("GET", "/services/data/v60.0/tooling/query", q="SELECT Id FROM Account").status == 400
    assert client.ask("GET", "/services/data/v60.0/tooling/sobjects/Nope").status == 404


def test_rest_deploy_without_parts_is_refused(client: Client) -> None:
    path = "/services/data/v60.0/metadata/deployRequest"
    assert client.ask("POST", path, b"", "multipart/form-data; boundary=x").status == 400
    assert client.ask("POST", path, b"{}").status == 400
    assert client.ask("GET", f"{path}/0Af000000000000").status == 404


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../b", "C:/x", "a\\b"])
def test_zip_names_stay_inside_the_package(name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("package.xml", manifest())
        archive.writestr(info, "x")
    with pytest.raises(PackageError, match="Invalid file name"):
        unpack(buffer.getvalue())


def test_zip_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    many = packed({f"objects/{place}.object": "" for place in range(MAX_FILES + 1)})
    with pytest.raises(PackageError, match="Maximum number of files"):
        unpack(many)
    monkeypatch.setattr("loaders.rehearsal.metadata.package.MAX_UNPACKED", 1000)
    with pytest.raises(PackageError, match="Maximum size of unpacked files"):
        unpack(packed({"package.xml": manifest(), "objects/A.object": "x" * 2000}))


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b"<x>&unknown;</x>",
        b"<a>" * 200 + b"</a>" * 200,
        b"",
        b"<a></b>",
    ],
)
def test_hostile_xml_is_refused(content: bytes) -> None:
    with pytest.raises(XmlError):
        parse(content)


@given(
    content=st.one_of(st.binary(max_size=200), st.binary(max_size=50).map(lambda tail: b"PK\x03\x04" + tail))
)
@settings(max_examples=100, deadline=None)
def test_garbage_is_no_package(content: bytes) -> None:
    with pytest.raises(PackageError):
        unpack(content)
    with pytest.raises(XmlError):
        parse(content)


NAMES = st.sampled_from(
    [
        "fields",
        "fullName",
        "label",
        "type",
        "length",
        "precision",
        "scale",
        "valueSet",
        "valueSetDefinition",
        "value",
        "valueSetName",
        "recordTypes",
        "businessProcess",
        "businessProcesses",
        "values",
        "picklistValues",
        "picklist",
        "validationRules",
        "standardValue",
        "customValue",
        "probability",
        "forecastCategory",
        "converted",
        "nameField",
        "fieldPermissions",
        "objectPermissions",
        "field",
        "object",
        "layoutItems",
        "referenceTo",
        "relationshipName",
    ]
)
VALUES = st.sampled_from(
    [
        "",
        "X__c",
        "Lead",
        "Lead.X__c",
        "Lead.Status",
        "Text",
        "Number",
        "Picklist",
        "Lookup",
        "Checkbox",
        "AutoNumber",
        "5",
        "-1",
        "1e9",
        "٠",
        "true",
        "Account",
        "Activity",
        "Status",
        "Prospecting",
        "a b",
        "__c",
        ".",
    ]
)
TREES = st.recursive(
    st.tuples(NAMES, VALUES).map(lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}>"),
    lambda inner: st.tuples(NAMES, st.lists(inner, max_size=6)).map(
        lambda pair: f"<{pair[0]}>{''.join(pair[1])}</{pair[0]}>"
    ),
    max_leaves=25,
)
FILES = {
    "objects/Lead.object": "CustomObject",
    "objects/New__c.object": "CustomObject",
    "objects/Activity.object": "CustomObject",
    "standardValueSets/OpportunityStage.standardValueSet": "StandardValueSet",
    "standardValueSets/LeadStatus.standardValueSet": "StandardValueSet",
    "globalValueSets/G.globalValueSet": "GlobalValueSet",
    "layouts/Lead-L.layout": "Layout",
    "permissionsets/P.permissionset": "PermissionSet",
    "profiles/Admin.profile": "Profile",
}


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_component_is_deployed_or_refused(client: Client, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(FILES)), max_size=3, unique=True))
    content = {name: data.draw(st.lists(TREES, max_size=4)) for name in names}
    files = {name: f"<{FILES[name]}>{''.join(parts)}</{FILES[name]}>" for name, parts in content.items()}
    stars = {
        kind: ["*", *(Path(name).stem for name in names if FILES[name] == kind)] for kind in FILES.values()
    }
    result = client.deploy({"package.xml": manifest(**stars), **files}, rollbackOnError=False)
    assert result["done"] is True
    assert result["success"] == (not problems(result))
