"""Finds records that would be deleted along with others, so that a rollback deletes nothing that it does not mean to."""

from __future__ import annotations

from pathlib import Path

from loaders.salesforce import bulk
from loaders.salesforce.export import literal, quoted, read_sql
from loaders.salesforce.images import FEW
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.results import header_of
from loaders.salesforce.session import Org, RequestFailedError
from loaders.salesforce.soql import id_lists

# Objects whose records hold somebody's work; what Salesforce itself keeps beside a record (shares, histories, feeds,
# relations that follow a lookup) goes with it. Custom objects count too.
HOLD_WORK = frozenset(
    [
        *(
            "Account",
            "Asset",
            "Attachment",
            "Campaign",
            "CampaignMember",
            "Case",
            "Contact",
            "Contract",
            "Event",
        ),
        *("Lead", "Note", "Opportunity", "OpportunityLineItem", "Order", "OrderItem", "Quote", "Task"),
    ]
)


def find_children(org: Org, ledger: Ledger, sobject: str, folder: Path) -> None:
    """Fills `staying` (sf_id, detail) with the records that `undo_plan` would delete and something hangs on.

    Records in `undo_deleted` are about to be deleted themselves and do not count.
    """
    ledger.con.execute("create or replace temp table staying (sf_id varchar, detail varchar)")
    ids = "select sf_id from undo_plan where action = 'delete'"
    count: int = ledger.one(f"select count(*) from ({ids})")[0]
    if not count:
        return
    few = [row[0] for row in ledger.rows(f"{ids} order by 1")] if count <= FEW else []
    for child, field in _relations(org, sobject):
        conditions = id_lists(field, few) if few else [f"{field} != null"]
        for number, condition in enumerate(conditions):
            soql = f"SELECT Id, {field} FROM {child} WHERE {condition}"
            try:
                pages = bulk.query_to_files(org, soql, folder / f"{child}_{field}_{number}")
                files = [str(file) for file in pages if header_of(file)]
            except RequestFailedError as error:
                org.report(f"{child}.{field} could not be looked at: {error.message}")
                continue
            if files:
                ledger.con.execute(
                    f"insert into staying select child.{quoted(field)}, concat(count(*), {literal(f' {child}, ')},\n"
                    f"    'e.g. ', min(child.{quoted('Id')}))\nfrom {read_sql(files, ['Id', field])} as child\n"
                    f"where child.{quoted(field)} in ({ids})\n"
                    f"    and child.{quoted('Id')} not in (select sf_id from undo_deleted)\n"
                    f"    and child.{quoted('Id')} not in ({ids})\ngroup by 1"
                )


def _relations(org: Org, sobject: str) -> list[tuple[str, str]]:
    """(object, field) of the lookups to this object whose records are deleted with it, or that forbid it."""
    body = org.request("GET", f"sobjects/{sobject}/describe").json()
    found = [
        (str(each["childSObject"]), str(each["field"]))
        for each in body.get("childRelationships") or []
        if (each.get("cascadeDelete") or each.get("restrictedDelete")) and each.get("field")
    ]
    return sorted({one for one in found if one[0] in HOLD_WORK or one[0].endswith("__c")})


KEEP_PARENTS_SQL = """
update undo_plan set action = 'skip', reason = 'has_children', detail = staying.detail
from (select sf_id, string_agg(detail, '; ') as detail from staying group by 1) as staying
where undo_plan.action = 'delete' and undo_plan.sf_id = staying.sf_id"""
