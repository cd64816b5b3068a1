"""createMetadata, updateMetadata, upsertMetadata, deleteMetadata, renameMetadata: one component a time, at once."""

from __future__ import annotations

import pytest
from test_rehearsal_metadata import NS, Client, client, org
from test_rehearsal_rules import rest

from loaders.rehearsal.org.state import Org

__all__ = ["client", "org"]  # fixtures
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def text_field(name: str, length: int = 20) -> str:
    return (
        f'<metadata {XSI} xsi:type="CustomField"><fullName>{name}</fullName><label>Score</label>'
        f"<type>Text</type><length>{length}</length></metadata>"
    )


def outcome(client: Client, operation: str, inner: str) -> list[tuple[bool, str | None, str | None]]:
    """Success, status code and `created` of each result."""
    root = client.soap(f"<{operation}>{inner}</{operation}>")
    return [
        (
            one.findtext("m:success", "", NS) == "true",
            one.findtext("m:errors/m:statusCode", None, NS),
            one.findtext("m:created", None, NS),
        )
        for one in root.iter(f"{{{NS['m']}}}result")
    ]


def test_a_field_is_created_changed_and_deleted(client: Client, org: Org) -> None:
    name = "Account.Score__c"
    assert outcome(client, "createMetadata", text_field(name)) == [(True, None, None)]
    assert org.catalogue.object("Account").field("Score__c").length == 20
    assert outcome(client, "createMetadata", text_field(name)) == [(False, "DUPLICATE_DEVELOPER_NAME", None)]
    assert outcome(client, "updateMetadata", text_field(name, 40)) == [(True, None, None)]
    assert org.catalogue.object("Account").field("Score__c").length == 40
    gone = f"<type>CustomField</type><fullNames>{name}</fullNames>"
    assert outcome(client, "deleteMetadata", gone) == [(True, None, None)]
    assert not org.catalogue.object("Account").has("Score__c")
    assert outcome(client, "deleteMetadata", gone)[0][:2] == (False, "INVALID_CROSS_REFERENCE_KEY")
    assert outcome(client, "updateMetadata", text_field(name)) == [
        (False, "INVALID_CROSS_REFERENCE_KEY", None)
    ]


def test_upsert_says_whether_it_made_the_component(client: Client) -> None:
    both = text_field("Lead.A__c") + text_field("Nope__c.B__c")
    found = outcome(client, "upsertMetadata", both)
    assert (found[0], found[1][0]) == ((True, None, "true"), False)
    assert outcome(client, "upsertMetadata", text_field("Lead.A__c", 30)) == [(True, None, "false")]


def test_a_renamed_field_keeps_its_data(client: Client, org: Org) -> None:
    outcome(client, "createMetadata", text_field("Account.Old__c"))
    (made,) = rest(org, "Account", "insert", {"Name": "a", "Old__c": "kept"})
    names = "<oldFullName>Account.Old__c</oldFullName><newFullName>Account.New__c</newFullName>"
    renaming = f"<type>CustomField</type>{names}"
    assert outcome(client, "renameMetadata", renaming) == [(True, None, None)]
    assert client.query(f"SELECT New__c FROM Account WHERE Id = '{made}'")[0]["New__c"] == "kept"
    assert not org.catalogue.object("Account").has("Old__c")
    assert outcome(client, "renameMetadata", renaming)[0][:2] == (False, "INVALID_CROSS_REFERENCE_KEY")


@pytest.mark.parametrize(
    "inner, code",
    [
        (f'<metadata {XSI} xsi:type="Nonsense"><fullName>a</fullName></metadata>', "INVALID_TYPE"),
        (f'<metadata {XSI} xsi:type="CustomField"><label>a</label></metadata>', "REQUIRED_FIELD_MISSING"),
        (text_field("Account.Long__c", 300), "FIELD_INTEGRITY_EXCEPTION"),
    ],
)
def test_what_is_wrong_is_said_of_the_component(client: Client, inner: str, code: str) -> None:
    assert outcome(client, "createMetadata", inner) == [(False, code, None)]


def test_more_than_ten_components_are_refused_as_a_whole(client: Client) -> None:
    inner = "".join(text_field(f"Account.F{n}__c") for n in range(11))
    root = client.soap(f"<createMetadata>{inner}</createMetadata>")
    fault = root.find(".//s:Fault/faultcode", NS)
    assert fault is not None and fault.text == "sf:EXCEEDED_ID_LIMIT"
