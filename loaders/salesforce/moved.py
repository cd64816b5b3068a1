"""People whose decision moved after they were loaded: a Lead that became a Contact, or the other way (C12).

Nobody is created twice. The org is asked first: a record that somebody deleted holds nothing up any more, and a Lead that
somebody converted is the Contact it became. With the var `promote_leads: convert` the loader converts the Lead itself and
goes on with its Contact; with `queue` (the default), and always for a Contact that became a Lead, the row waits in
`load-sf queue` until a person has decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loaders.errors import ConfigurationError
from loaders.salesforce.claims import claim
from loaders.salesforce.collect_sql import NOW
from loaders.salesforce.contract import Contract
from loaders.salesforce.existing import TABLE
from loaders.salesforce.export import literal, quoted
from loaders.salesforce.images import read_images
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.policies import project_vars
from loaders.salesforce.send import Sender
from loaders.salesforce.soap import SoapResult, convert_leads
from loaders.salesforce.soql import id_lists

POLICIES = ("queue", "convert")
LEAD, CONTACT = "Lead", "Contact"


def policy() -> str:
    """What becomes of a loaded Lead whose person is a Contact now. Raises ConfigurationError."""
    value = str(project_vars().get("promote_leads", "queue"))
    if value not in POLICIES:
        raise ConfigurationError(
            f"The var promote_leads is {value!r}.",
            f"set it in dbt_project.yml to one of: {', '.join(POLICIES)}",
        )
    return value


def is_waiting(ledger: Ledger, contract: Contract) -> bool:
    """Whether rows of `decided` meet a record of the org that has to be taken over, or looked at, before they are sent."""
    ledger.con.execute(TABLE)
    mine = f"select 1 from existing where mart = {literal(contract.mart)} and action = 'claim'"
    waiting = "select 1 from decided where decision = 'blocked' and reason = 'moved'"
    return bool(ledger.one(f"select count(*) from ({mine} union all {waiting})")[0])


def take_over(sender: Sender, contracts: Mapping[str, Contract], contract: Contract, folder: Path) -> None:
    """Lets rows go on that wait for a record of the org: follows moves, then gives matched records the mart's key.

    Needs `decided`, and no warehouse. Raises RemoteError.
    """
    follow_moves(sender, contracts, contract, folder / "moved")
    claim(sender, contract, folder / "claims")


def follow_moves(sender: Sender, contracts: Mapping[str, Contract], contract: Contract, folder: Path) -> int:
    """How many moved rows of `decided` need not wait any more: their record is gone, or they have a Contact to take over.

    Raises RemoteError when the org does not answer; a row that the org does not let us convert stays held back.
    """
    wanted = policy()
    ledger = sender.ledger
    ledger.con.execute(TABLE)
    account = next(
        (field for field in contract.fields if field.name == "AccountId" and field.is_lookup), None
    )
    account_id = quoted("id:AccountId") if account else "null::varchar"
    rows = ledger.rows(
        f"select record_key, missing_mart, missing_key, {account_id} from decided\n"
        "where decision = 'blocked' and reason = 'moved' order by 1"
    )
    settled = 0
    for mart in sorted({row[1] for row in rows if row[1] in contracts}):
        mine = {row[2]: (row[0], row[3]) for row in rows if row[1] == mart}  # old Id -> key, Account
        settled += _follow(sender, contracts[mart], contract, mine, wanted, folder / mart)
    return settled


def _follow(
    sender: Sender,
    old: Contract,
    contract: Contract,
    rows: Mapping[str, tuple[str, str | None]],
    wanted: str,
    folder: Path,
) -> int:
    """The moved rows that one other mart loaded."""
    promotes = old.object == LEAD and contract.object == CONTACT
    columns = "Id, IsConverted, ConvertedContactId" if old.object == LEAD else "Id"
    there = {
        str(record["Id"]): record
        for condition in id_lists("Id", sorted(rows))
        for record in sender.org.query(f"SELECT {columns} FROM {old.object} WHERE {condition}")
    }
    gone = [rows[sf_id][0] for sf_id in rows if sf_id not in there]
    _forget(sender, old, gone, "deleted")
    contacts = {
        sf_id: str(record["ConvertedContactId"])
        for sf_id, record in there.items()
        if promotes and record.get("IsConverted") and record.get("ConvertedContactId")
    }
    still = {sf_id: rows[sf_id] for sf_id, record in there.items() if not record.get("IsConverted")}
    if promotes and wanted == "convert" and still:
        contacts |= _convert(sender, old, still, folder)
    with sender.ledger.transaction():
        for sf_id, contact in contacts.items():
            sender.ledger.con.execute(
                "insert into existing (mart, record_key, sf_id, action, field, found) values (?, ?, ?, 'claim', 'Lead', ?)",
                [contract.mart, rows[sf_id][0], contact, contact],
            )
    _forget(sender, old, [rows[sf_id][0] for sf_id in contacts], "converted")
    if contacts:
        sender.report(
            f"{contract.mart}: {len(contacts):,} Lead(s) were converted; going on with their Contacts"
        )
    return len(gone) + len(contacts)


def _convert(
    sender: Sender, leads: Contract, rows: Mapping[str, tuple[str, str | None]], folder: Path
) -> dict[str, str]:
    """Contact Id by Lead Id of those that the org converted; each Lead is journalled before."""
    statuses = sender.org.query(
        "SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true ORDER BY SortOrder"
    )
    status = next((str(record["MasterLabel"]) for record in statuses), None)
    if status is None:
        sender.report(
            "The org has no Lead Status that stands for converted; the Leads wait in `load-sf queue`."
        )
        return {}
    ledger = sender.ledger
    keys = ", ".join(f"({literal(key)}, {literal(sf_id)})" for sf_id, (key, _) in rows.items())
    read_images(
        sender.org, ledger, leads, f"select * from (values {keys}) as moved(record_key, sf_id)", folder
    )
    ledger.con.execute(
        "insert into ledger.before_images by name\n"
        f"select {literal(sender.org_id)} as org_id, {literal(sender.run_id)} as run_id,\n"
        f"    {literal(leads.mart)} as mart, record_key, sf_id, payload, {NOW} as taken_at,\n"
        "    (select coalesce(max(job_no), 0) from ledger.jobs) as job_no, 'convert' as operation,\n"
        "    modstamp, 'prepared' as state from images"
    )
    asked = [(sf_id, account) for sf_id, (_, account) in rows.items()]
    results = zip(asked, convert_leads(sender.org, asked, status), strict=True)
    return {
        sf_id: contact for (sf_id, _), told in results if (contact := _contact(sender, rows[sf_id][0], told))
    }


def _contact(sender: Sender, key: str, told: SoapResult) -> str:
    """The Id of the Contact that a Lead became; says why if it did not."""
    if told.success:
        return told.values.get("contactId", "")
    sender.report(f"{key}: the Lead was not converted: {told.code}: {told.text}\nNext: load-sf queue")
    return ""


def _forget(sender: Sender, old: Contract, keys: list[str], status: str) -> None:
    """The other mart's records are over: the ledger keeps no Id of them."""
    if not keys:
        return
    listed = ", ".join(literal(key) for key in keys)
    where = f"org_id = {literal(sender.org_id)} and mart = {literal(old.mart)} and record_key in ({listed})"
    with sender.ledger.transaction():
        sender.ledger.con.execute(
            f"update ledger.records set status = {literal(status)}, sf_id = null, payload_hash = null, filled = null,\n"
            "    written = null, error_code = null, error_class = null, error_text = null, refused_hash = null,\n"
            f"    updated_at = {NOW} where {where}"
        )
        if status == "converted":
            sender.ledger.con.execute(
                f"update ledger.before_images set state = 'written' where {where} and operation = 'convert'"
            )
