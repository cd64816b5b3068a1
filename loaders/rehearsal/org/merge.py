"""Merging of up to three Accounts, Contacts or Leads: the children of the losers move to the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from loaders.rehearsal.org.batch_sql import Context
from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.deletes import delete_single
from loaders.rehearsal.org.failures import bad_request
from loaders.rehearsal.org.rest_rows import decode_error, write_rows
from loaders.rehearsal.org.store import Store, literal, quote, table

MERGEABLE = ("Account", "Contact", "Lead")
MOST = 2
# Objects of which a person or company has at most one per other side; the winner's own record stays.
ONCE = {
    ("AccountContactRelation", "ContactId"): "AccountId",
    ("AccountContactRelation", "AccountId"): "ContactId",
    ("CampaignMember", "ContactId"): "CampaignId",
    ("CampaignMember", "LeadId"): "CampaignId",
    ("ContentDocumentLink", "LinkedEntityId"): "ContentDocumentId",
    ("TopicAssignment", "EntityId"): "TopicId",
}


def merge(
    store: Store, context: Context, info: ObjectInfo, master: Mapping[str, Any], losers: Sequence[str]
) -> list[str]:
    """Ids of the records that moved. Raises OrgError; then nothing has changed."""
    if info.name not in MERGEABLE:
        raise bad_request("INVALID_TYPE", f"Merge is not supported for {info.name}")
    if not 0 < len(losers) <= MOST or str(master.get("Id")) in losers:
        raise bad_request("INVALID_OPERATION", f"Specify 1 to {MOST} other records to merge")
    moved: list[str] = []
    with store.write() as connection:
        outcome = write_rows(store, context, info, "update", [master])[0]
        if outcome.error:
            raise outcome.error
        winner = str(outcome.id)
        for loser in losers:
            moved += _move_children(connection, context, info, loser, winner)
            identifier, problem = delete_single(store, context, info, loser)
            if problem:
                raise decode_error(problem)
            connection.execute(
                f'update {table(info.name)} set "MasterRecordId" = {literal(winner)} '
                f'where "Id" = {literal(identifier)}'
            )
    return moved


def _move_children(
    connection: duckdb.DuckDBPyConnection, context: Context, info: ObjectInfo, loser: str, winner: str
) -> list[str]:
    moved: list[str] = []
    for name, field in info.on_delete:
        known = context.catalogue
        if (
            not known.has(name)
            or not known.object(name).has(field)
            or field in ("MasterRecordId", "LeadOrContactId")
        ):
            continue
        where = f'{quote(field)} = {literal(loser)} and not "IsDeleted"'
        other = ONCE.get((name, field))
        if other:
            where += (
                f" and {quote(other)} not in (select {quote(other)} from {table(name)} where "
                f'{quote(field)} = {literal(winner)} and not "IsDeleted")'
            )
        ids = [
            str(row[0])
            for row in connection.execute(f'select "Id" from {table(name)} where {where}').fetchall()
        ]
        if ids:
            connection.execute(
                f"update {table(name)} set {quote(field)} = {literal(winner)} "
                f'where "Id" in ({", ".join(map(literal, ids))})'
            )
            moved += ids
    return moved
