"""Which rows are sent: the decision in SQL, without any org."""

from __future__ import annotations

from typing import Any

import pytest
from load_fixtures import KEY, Workspace, column, decide, model, standard_models

from loaders.errors import ConfigurationError
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.plan import Counts, choose
from loaders.salesforce.sample import fill_sample

OWNER = ("owner@example.com", "005A", 1)
LOADED = [
    {"mart": "accounts", "record_key": f"mautic:company:{number}", "sf_id": f"001{number}"}
    for number in range(1, 7)
]


def _decisions(rows: list[dict[str, Any]]) -> list[str]:
    return [row["decision"] for row in rows]


def _by_key(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["record_key"]: row for row in rows}


def test_everything_is_new_in_an_org_that_the_ledger_does_not_know(workspace: Workspace) -> None:
    workspace.standard()
    rows = decide(workspace, "accounts", users=[OWNER])
    assert _decisions(rows) == ["new"] * 6
    assert {row["id:OwnerId"] for row in rows} == {"005A", None}


def test_row_with_the_same_hash_is_the_same_and_with_another_is_changed(workspace: Workspace) -> None:
    workspace.standard()
    first = _by_key(decide(workspace, "accounts", users=[OWNER]))
    given = [
        {"mart": "accounts", "record_key": key, "sf_id": f"001{key}", "payload_hash": row["payload_hash"]}
        for key, row in first.items()
    ]
    assert set(_decisions(decide(workspace, "accounts", users=[OWNER], given=given))) == {"same"}
    workspace.sql(
        "update marts.sf_accounts set website = 'https://new' where record_key = 'mautic:company:3'"
    )
    again = _by_key(decide(workspace, "accounts", users=[OWNER], given=given))
    assert [key for key, row in again.items() if row["decision"] == "changed"] == ["mautic:company:3"]


def test_hash_does_not_depend_on_the_org(workspace: Workspace) -> None:
    workspace.standard()
    here = decide(workspace, "accounts", users=[OWNER])
    there = decide(workspace, "accounts", users=[("owner@example.com", "005OTHER", 1)])
    assert [row["payload_hash"] for row in here] == [row["payload_hash"] for row in there]


def test_hash_tells_null_from_text_and_cell_from_cell(workspace: Workspace) -> None:
    workspace.declare(
        [
            model(
                "sf_accounts",
                [
                    column("record_key", KEY),
                    column("a", {"field": "A__c", "type": "Text"}),
                    column("b", {"field": "B__c", "type": "Text"}),
                ],
                object="Account",
                mode="upsert",
                key="Source_System_ID__c",
            )
        ]
    )
    workspace.mart(
        "sf_accounts",
        """select * from (values ('k1', 'x', null), ('k2', null, 'x'), ('k3', 'x","y', 'z'),
        ('k4', 'x', 'y","z'), ('k5', 'null', 'x'), ('k6', 'x', ''), ('k7', 'xx', null))
        as rows_of(record_key, a, b)""",
    )
    workspace.sql("alter table marts.sf_accounts alter record_key type varchar")
    rows = decide(workspace, "accounts")
    workspace.sql("update marts.sf_accounts set record_key = 'k'")
    hashes = [row["payload_hash"] for row in decide(workspace, "accounts")]
    assert len(rows) == 7
    assert len(set(hashes)) == 6, "only the empty text equals null"


@pytest.mark.requirement("COM-05")
def test_row_whose_parent_is_not_in_the_org_is_blocked_and_names_it(workspace: Workspace) -> None:
    workspace.standard()
    rows = _by_key(decide(workspace, "contacts", given=LOADED[:1]))
    blocked = rows["mautic:contact:1"]
    assert blocked["decision"] == "blocked"
    said = "AccountId needs accounts mautic:company:2, which is not in the org; load accounts first"
    assert blocked["detail"] == said
    assert rows["mautic:contact:6"]["decision"] == "new"
    assert rows["mautic:contact:6"]["id:AccountId"] == "0011"
    assert rows["mautic:contact:5"]["decision"] == "new", "a mart row without a parent needs none"


@pytest.mark.requirement("COM-05")
def test_row_whose_owner_is_no_active_user_is_blocked_and_names_the_address(workspace: Workspace) -> None:
    workspace.standard()
    rows = _by_key(decide(workspace, "accounts"))
    assert rows["mautic:company:3"]["decision"] == "blocked"
    assert "owner@example.com" in rows["mautic:company:3"]["detail"]
    assert rows["mautic:company:1"]["decision"] == "new"


def test_owner_with_two_active_users_is_not_guessed(workspace: Workspace) -> None:
    workspace.standard()
    rows = _by_key(decide(workspace, "accounts", users=[("owner@example.com", "005A", 2)]))
    assert rows["mautic:company:3"]["reason"] == "ambiguous_user"


def test_unchanged_row_stays_the_same_when_its_parent_is_gone_from_the_ledger(workspace: Workspace) -> None:
    workspace.standard()
    first = _by_key(decide(workspace, "contacts", given=LOADED))
    known = {"mart": "contacts", "record_key": "mautic:contact:1", "sf_id": "003A"}
    given = [{**known, "payload_hash": first["mautic:contact:1"]["payload_hash"]}]
    assert _by_key(decide(workspace, "contacts", given=given))["mautic:contact:1"]["decision"] == "same"


def test_text_that_would_empty_the_field_is_blocked(workspace: Workspace) -> None:
    workspace.standard()
    workspace.sql("update marts.sf_accounts set account_name = '#N/A' where record_key = 'mautic:company:1'")
    row = decide(workspace, "accounts", users=[OWNER])[0]
    assert (row["decision"], row["reason"]) == ("blocked", "null_mark")
    assert row["detail"].startswith("Name is literally #N/A")


def test_refused_row_is_sent_again_only_when_it_changed_or_on_request(workspace: Workspace) -> None:
    workspace.standard()
    payload = decide(workspace, "accounts", users=[OWNER])[0]["payload_hash"]
    refused = {
        "mart": "accounts",
        "record_key": "mautic:company:1",
        "status": "refused",
        "refused_hash": payload,
        "error_class": "permanent",
    }
    options = {"users": [OWNER], "given": [refused]}
    assert decide(workspace, "accounts", **options)[0]["decision"] == "refused"
    assert decide(workspace, "accounts", retry_failed=True, **options)[0]["decision"] == "new"
    assert (
        decide(workspace, "accounts", users=[OWNER], given=[{**refused, "error_class": "transient"}])[0][
            "decision"
        ]
        == "new"
    )
    workspace.sql("update marts.sf_accounts set employees = 1 where record_key = 'mautic:company:1'")
    assert decide(workspace, "accounts", **options)[0]["decision"] == "new"


def test_change_that_was_refused_and_taken_back_is_sent_again(workspace: Workspace) -> None:
    workspace.standard()
    row = decide(workspace, "accounts", users=[OWNER])[0]
    given = {
        "mart": "accounts",
        "record_key": "mautic:company:1",
        "sf_id": "001A",
        "payload_hash": row["payload_hash"],
        "status": "refused",
        "refused_hash": "other",
        "error_class": "permanent",
    }
    assert decide(workspace, "accounts", users=[OWNER], given=[given])[0]["decision"] == "changed"


def test_person_who_moved_from_lead_to_contact_is_not_created_twice(workspace: Workspace) -> None:
    leads = model(
        "sf_leads",
        [column("record_key", KEY), column("last_name", {"field": "LastName", "type": "Text"})],
        object="Lead",
        mode="upsert",
        key="Source_System_ID__c",
    )
    workspace.standard()
    workspace.declare([*standard_models(), leads])
    workspace.mart("sf_leads", "select 'mautic:contact:9' as record_key, 'x' as last_name")
    loaded = [
        {"mart": "leads", "record_key": f"mautic:contact:{number}", "sf_id": f"00Q{number}"}
        for number in (5, 9)
    ]
    rows = _by_key(decide(workspace, "contacts", given=[*LOADED, *loaded]))
    assert rows["mautic:contact:5"]["reason"] == "moved"
    assert "leads 00Q5" in rows["mautic:contact:5"]["detail"]
    assert rows["mautic:contact:9"]["decision"] == "new", "still a Lead in its own right"


def test_update_mode_blocks_what_the_org_does_not_have(workspace: Workspace) -> None:
    workspace.declare(
        [
            model(
                "sf_staff",
                [column("user_email", {"field": "Email", "type": "Email"}), column("record_key")],
                object="User",
                mode="update",
                natural_key="Email",
            )
        ]
    )
    workspace.mart("sf_staff", "select 'mautic:user:1' as record_key, 'a@b.example' as user_email")
    assert decide(workspace, "staff")[0]["reason"] == "not_in_org"


def test_matched_parents_come_along_and_wrong_names_are_refused(workspace: Workspace) -> None:
    workspace.declare(standard_models())
    contracts = read_contracts(workspace.manifest)
    assert [each.mart for each in choose(contracts, ["sf_accounts"])] == ["users", "accounts"]
    assert [each.mart for each in choose(contracts, None)] == ["users", "accounts", "contacts"]
    with pytest.raises(ConfigurationError, match="No such mart: acounts"):
        choose(contracts, ["acounts"])


def test_plan_is_one_line(workspace: Workspace) -> None:
    workspace.declare(standard_models())
    accounts = read_contracts(workspace.manifest)["accounts"]
    assert Counts(310, 85, 809).line(accounts) == "accounts -> Account: 310 new, 85 changed, 809 same"
    assert (
        Counts(1, 0, 0, 2, 3, gone=4)
        .line(accounts)
        .endswith(
            "2 blocked, 3 refused before (--retry-failed sends them again), "
            "4 no longer in the mart (left in the org)"
        )
    )


@pytest.mark.requirement("COM-08")
def test_a_sample_has_some_of_every_source_and_whole_families_even_in_a_circle(workspace: Workspace) -> None:
    head = column(
        "head_key", {"field": "Head__c", "type": "Lookup", "references": "sf_people", "second_pass": True}
    )
    firm = column("firm_key", {"field": "Firm__c", "type": "Lookup", "references": "sf_firms"})
    upsert = {"mode": "upsert", "key": "Source_System_ID__c"}
    firms = model("sf_firms", [column("record_key", KEY), head], object="Firm__c", **upsert)
    people = model("sf_people", [column("record_key", KEY), firm], object="Person__c", **upsert)
    workspace.declare([firms, people])
    workspace.mart(
        "sf_people",
        "select case when i = 1 then 'b:man:' else 'a:man:' end || i as record_key, 'a:firm:' || i as firm_key "
        "from range(1, 101) as numbers(i)",
    )
    workspace.mart(
        "sf_firms",
        "select 'a:firm:' || i as record_key, 'a:man:' || (i + 1) as head_key from range(1, 101) as numbers(i)",
    )
    contracts = read_contracts(workspace.manifest)
    with Ledger(workspace.ledger) as ledger, ledger.warehouse(workspace.warehouse):
        fill_sample(ledger, choose(contracts, None), 2)
        keys = [key for (key,) in ledger.rows("select record_key from sample order by all")]
        assert len(keys) == len(set(keys)) and "b:man:1" in keys
        firms_of = "select firm_key from warehouse.marts.sf_people where record_key in (select record_key from sample)"
        assert {key for (key,) in ledger.rows(firms_of)} <= set(keys), "a head brings his own firm along"
