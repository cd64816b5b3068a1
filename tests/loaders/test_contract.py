"""The contract as read from dbt's manifest, and the order that follows from it."""

from __future__ import annotations

import pytest
from load_fixtures import KEY, Workspace, column, model, standard_models

from loaders.errors import ConfigurationError, RefusedError
from loaders.salesforce.contract import load_order
from loaders.salesforce.field_map import refuse_proposed
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.passes import with_passes

LINE = "contact,colour,Contact,Favourite_Colour__c,Text,40,,,Colour,{status},"


def _maps(workspace: Workspace, *lines: str) -> list:
    workspace.field_map(*lines)
    return sorted((workspace.path / "seeds" / "maps").glob("*_fields.csv"))


def _keyed(name: str, *columns: dict, **meta: object) -> dict:
    meta = {"object": "Account", "mode": "upsert", "key": "Source_System_ID__c", **meta}
    return model(name, [column("record_key", KEY), *columns], **meta)


def test_contract_takes_everything_from_the_manifest(workspace: Workspace) -> None:
    workspace.declare(standard_models())
    contacts = read_contracts(workspace.manifest)["contacts"]
    assert (contacts.object, contacts.mode, contacts.key) == ("Contact", "upsert", "Source_System_ID__c")
    assert contacts.relation == '"marts"."sf_contacts"'
    assert contacts.partition_by == "account_key"
    assert contacts.parents == ("accounts",)
    key = contacts.field("Source_System_ID__c")
    assert (key.column, key.length, key.external_id, key.unique, key.required) == (
        "record_key",
        120,
        True,
        True,
        True,
    )
    assert contacts.field("AccountId").references == ("accounts",)


def test_column_without_meta_is_not_sent(workspace: Workspace) -> None:
    workspace.declare(standard_models())
    users = read_contracts(workspace.manifest)["users"]
    assert [field.name for field in users.fields] == ["Email"]


@pytest.mark.requirement("COM-05")
def test_parents_come_before_children(workspace: Workspace) -> None:
    workspace.declare(standard_models())
    assert load_order(read_contracts(workspace.manifest)) == ["users", "accounts", "contacts"]


def test_self_reference_is_noted_and_is_no_cycle(workspace: Workspace) -> None:
    parent = column("parent_key", {"field": "ParentId", "type": "Lookup", "references": "sf_accounts"})
    workspace.declare([_keyed("sf_accounts", parent)])
    contracts = read_contracts(workspace.manifest)
    assert load_order(contracts) == ["accounts"]
    assert [field.name for field in contracts["accounts"].later_fields] == ["ParentId"]


def test_circle_of_marts_is_named(workspace: Workspace) -> None:
    to_b = column("b_key", {"field": "B__c", "type": "Lookup", "references": "sf_b"})
    to_a = column("a_key", {"field": "A__c", "type": "Lookup", "references": "sf_a"})
    workspace.declare([_keyed("sf_a", to_b), _keyed("sf_b", to_a)])
    with pytest.raises(ConfigurationError, match=r"sf_[ab] -> sf_[ab] -> sf_[ab]"):
        load_order(read_contracts(workspace.manifest))


def test_confirmed_map_line_becomes_a_field_of_marts_with_custom_fields(workspace: Workspace) -> None:
    workspace.declare(
        [_keyed("sf_contacts", column("custom_fields"), object="Contact"), _keyed("sf_accounts")]
    )
    contracts = read_contracts(workspace.manifest, _maps(workspace, LINE.format(status="confirmed")))
    field = contracts["contacts"].field("Favourite_Colour__c")
    assert (field.column, field.type, field.length, field.label) == (None, "Text", 40, "Colour")
    assert not contracts["accounts"].has_custom_fields


@pytest.mark.parametrize("status", ["proposed", "ignored"])
def test_map_line_that_is_not_confirmed_is_no_field(workspace: Workspace, status: str) -> None:
    workspace.declare([_keyed("sf_contacts", column("custom_fields"), object="Contact")])
    contracts = read_contracts(workspace.manifest, _maps(workspace, LINE.format(status=status)))
    assert not contracts["contacts"].has_custom_fields


@pytest.mark.requirement("COM-04")
def test_proposed_line_closes_the_gate_for_its_object_only(workspace: Workspace) -> None:
    workspace.declare(
        [_keyed("sf_contacts", column("custom_fields"), object="Contact"), _keyed("sf_accounts")]
    )
    maps = _maps(workspace, LINE.format(status="ignored"), LINE.format(status="proposed"))
    contracts = read_contracts(workspace.manifest, maps)
    refuse_proposed(maps, [contracts["accounts"]])
    with pytest.raises(RefusedError, match=r"test_fields.csv line 3 \(contact.colour\)"):
        refuse_proposed(maps, [contracts["contacts"]])


def test_two_sources_may_fill_one_field_but_must_agree(workspace: Workspace) -> None:
    workspace.declare([_keyed("sf_contacts", column("custom_fields"), object="Contact")])
    twice = LINE.format(status="confirmed")
    assert read_contracts(workspace.manifest, _maps(workspace, twice, twice))
    with pytest.raises(ConfigurationError, match="line 3"):
        read_contracts(workspace.manifest, _maps(workspace, twice, twice.replace("40", "50")))


def test_map_line_for_a_field_that_a_column_fills_is_refused(workspace: Workspace) -> None:
    name = column("account_name", {"field": "Name", "type": "Text"})
    workspace.declare([_keyed("sf_accounts", name, column("custom_fields"))])
    line = "company,name,Account,Name,Text,40,,,Name,confirmed,"
    with pytest.raises(ConfigurationError, match="account_name"):
        read_contracts(workspace.manifest, _maps(workspace, line))


@pytest.mark.parametrize(
    ("columns", "meta", "message"),
    [
        ([], {"mode": "replace"}, "mode 'replace'"),
        ([], {"key": "Other__c"}, "no column carries its key field Other__c"),
        ([column("x", {"field": "X__c", "type": "String"})], {}, "type 'String'"),
        ([column("x", {"field": "X__c", "type": "Lookup", "references": "sf_nothing"})], {}, "sf_nothing"),
        ([column("x", {"type": "Text"})], {}, "no `field`"),
    ],
)
def test_contradictory_contract_is_refused_by_name(
    workspace: Workspace, columns: list, meta: dict, message: str
) -> None:
    workspace.declare([_keyed("sf_accounts", *columns, **meta)])
    with pytest.raises(ConfigurationError, match=message):
        read_contracts(workspace.manifest)


def test_missing_manifest_says_what_to_run(workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError, match="dbt build"):
        read_contracts(workspace.manifest)


def test_natural_keys_are_alternatives_of_several_fields(workspace: Workspace) -> None:
    columns = [column(name, {"field": name, "type": "Text"}) for name in ("A", "B", "C")]
    keys = {"mode": "insert_if_absent", "natural_key": "A, B | A, C"}
    workspace.declare([model("sf_x", [column("record_key"), *columns], object="X__c", **keys)])
    contract = read_contracts(workspace.manifest)["x"]
    assert contract.natural_keys == (("A", "B"), ("A", "C"))
    assert contract.key_fields == ("A", "B", "C")


def test_marts_in_a_circle_load_in_order_once_one_lookup_waits_for_a_second_pass(
    workspace: Workspace,
) -> None:
    def pair(**waits: bool) -> list[dict[str, object]]:
        up = {"field": "B__c", "type": "Lookup", "references": "sf_b", **waits}
        down = {"field": "A__c", "type": "Lookup", "references": "sf_a"}
        return [_keyed("sf_a", column("b_key", up)), _keyed("sf_b", column("a_key", down))]

    workspace.declare(pair())
    with pytest.raises(ConfigurationError, match="circle") as caught:
        load_order(read_contracts(workspace.manifest))
    assert "second_pass: true" in str(caught.value.next_step)
    workspace.declare(pair(second_pass=True))
    contracts = read_contracts(workspace.manifest)
    assert load_order(contracts) == ["a", "b"]
    assert load_order(with_passes(contracts)) == ["a", "b", "a.links"]


@pytest.mark.parametrize(
    "meta, problem",
    [
        ({"mode": "file", "key": "Source_System_ID__c"}, "go together"),
        ({"mode": "insert_if_absent"}, "needs `natural_key` or `key`"),
        (
            {"mode": "upsert", "key": "Source_System_ID__c", "fallback": "sf_nowhere"},
            "sf_nowhere, which is no mart",
        ),
    ],
)
def test_meta_that_no_load_could_work_with_is_refused(
    workspace: Workspace, meta: dict[str, str], problem: str
) -> None:
    workspace.declare([model("sf_x", [column("record_key", KEY)], object="X__c", **meta)])
    with pytest.raises(ConfigurationError, match=problem):
        read_contracts(workspace.manifest)
