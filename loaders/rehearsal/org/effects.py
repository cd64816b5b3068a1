"""Records and numbers that Salesforce makes by itself when others are inserted. Set-based; run inside
the same write.

Every function reads the new rows from the working table `w_checked` (`error is null and is_new`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb

from loaders.rehearsal.org.batch_sql import Context
from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.ids import make_id, make_id_sql
from loaders.rehearsal.org.store import Store, insert_row, literal, quote, storage_columns, table

NEW_ROWS = "from w_checked where error is null and is_new"

FEW = 5  # rows that cost less one by one than planned as a set

Effect = Callable[[Store, duckdb.DuckDBPyConnection, Context], None]


def _insert(
    store: Store, connection: duckdb.DuckDBPyConnection, context: Context, info: ObjectInfo, rows: str
) -> None:
    """Inserts the rows of a query whose columns are field names; system fields are filled in."""
    few = _few(connection, rows)
    if few is not None:
        for record in few:
            identifier = make_id(info.key_prefix or "000", store.take_numbers(info.name, 1))
            insert_row(connection, info, {**_system(info, context), **record, "Id": identifier})
        return
    connection.execute(
        f"create or replace temp table w_effect as select *, row_number() over () as place from ({rows})"
    )
    count = (connection.execute("select count(*) from w_effect").fetchone() or (0,))[0]
    first = store.take_numbers(info.name, count)
    given = {
        column[0].lower() for column in connection.execute("select * from w_effect limit 0").description or ()
    }
    fixed = {name.lower(): literal(str(value)) for name, value in _system(info, context).items()}
    fixed["id"] = make_id_sql(info.key_prefix or "000", f"({first - 1} + place)")
    names, values = [], []
    for name, kind in storage_columns(info):
        key = name.lower()
        value = quote(name) if key in given else fixed.get(key, "null")
        names.append(quote(name))
        values.append(f"({value})::{kind}")
    connection.execute(
        f"insert into {table(info.name)} ({', '.join(names)}) select {', '.join(values)} from w_effect"
    )


def _few(connection: duckdb.DuckDBPyConnection, rows: str) -> list[dict[str, Any]] | None:
    """The rows of the query, None if they are many."""
    answer = connection.execute(rows)
    names = [column[0] for column in answer.description or ()]
    found = answer.fetchmany(FEW + 1)
    return None if len(found) > FEW else [dict(zip(names, row, strict=True)) for row in found]


def _system(info: ObjectInfo, context: Context) -> dict[str, Any]:
    """What the org itself writes into a new record."""
    found: dict[str, Any] = {name: False for name, kind in storage_columns(info) if kind == "BOOLEAN"}
    found |= dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), context.now)
    return found | dict.fromkeys(("CreatedById", "LastModifiedById", "OwnerId"), context.user_id)


def campaign_statuses(store: Store, connection: duckdb.DuckDBPyConnection, context: Context) -> None:
    """A new campaign has the member statuses Sent (default) and Responded."""
    rows = (
        'select id as "CampaignId", label as "Label", place as "SortOrder", place = 1 as '
        '"IsDefault", place = 2 as "HasResponded" '
        f"from (select id {NEW_ROWS}), (values ('Sent', 1), ('Responded', 2)) status (label, place)"
    )
    _insert(store, connection, context, context.catalogue.object("CampaignMemberStatus"), rows)


def one_default_status(store: Store, connection: duckdb.DuckDBPyConnection, context: Context) -> None:
    """A new default status takes the place of the old one."""
    connection.execute(
        'update org."CampaignMemberStatus" set "IsDefault" = false from (select fresh.id as '
        'new_id, "CampaignId" as campaign '
        f'from (select id {NEW_ROWS}) fresh join org."CampaignMemberStatus" known on known."Id" = fresh.id '
        'where known."IsDefault") latest where "CampaignId" = latest.campaign and "Id" <> '
        'latest.new_id and "IsDefault"'
    )


def campaign_numbers(store: Store, connection: duckdb.DuckDBPyConnection, context: Context) -> None:
    """A campaign counts its members."""
    connection.execute(
        'update org."Campaign" set "NumberOfLeads" = counts.leads, "NumberOfContacts" = counts.contacts, '
        '"NumberOfResponses" = counts.responses from (select "CampaignId" as campaign, '
        'count("LeadId") as leads, count("ContactId") as contacts, count(*) filter '
        '("HasResponded") as responses '
        'from org."CampaignMember" where not "IsDeleted" and "CampaignId" in '
        f'(select "m_CampaignId" {NEW_ROWS}) group by 1) counts where "Id" = counts.campaign'
    )


def direct_relations(store: Store, connection: duckdb.DuckDBPyConnection, context: Context) -> None:
    """A contact's own account is its direct relation, where contacts may have several accounts."""
    if not context.several_accounts:
        return
    rows = (
        'select "m_AccountId" as "AccountId", id as "ContactId", true as "IsDirect", true as "IsActive" '
        f'{NEW_ROWS} and "m_AccountId" is not null'
    )
    _insert(store, connection, context, context.catalogue.object("AccountContactRelation"), rows)


def moved_contacts(store: Store, connection: duckdb.DuckDBPyConnection, context: Context) -> None:
    """A contact that changes its account takes its direct relation along; a further relation to the new account
    becomes the direct one."""
    if not context.several_accounts:
        return
    changed = (
        'select c.id as contact, c."m_AccountId" as account, r."Id" as old, f."Id" as further from w_checked c '
        'left join org."AccountContactRelation" r on r."ContactId" = c.id and r."IsDirect" and not r."IsDeleted" '
        'left join org."AccountContactRelation" f on f."ContactId" = c.id and f."AccountId" = c."m_AccountId" '
        'and not f."IsDirect" and not f."IsDeleted" '
        'where c.error is null and not c.is_new and r."AccountId" is distinct from c."m_AccountId"'
    )
    connection.execute(f"create or replace temp table w_moved as {changed}")
    if connection.execute("select count(*) from w_moved").fetchone() == (0,):
        return
    relations = 'update org."AccountContactRelation" set'
    connection.execute(
        f'{relations} "IsDeleted" = true from w_moved where "Id" = old and (account is null or further is not null)'
    )
    connection.execute(f'{relations} "IsDirect" = true from w_moved where "Id" = further')
    connection.execute(
        f'{relations} "AccountId" = account from w_moved where "Id" = old and account is not null and further is null'
    )
    rows = (
        'select account as "AccountId", contact as "ContactId", true as "IsDirect", true as "IsActive" from w_moved '
        "where old is null and account is not null and further is null"
    )
    _insert(store, connection, context, context.catalogue.object("AccountContactRelation"), rows)


def opportunity_amounts(store: Store, connection: duckdb.DuckDBPyConnection, context: Context) -> None:
    """An opportunity with line items is worth their sum."""
    connection.execute(
        'update org."Opportunity" set "Amount" = lines.total, "HasOpportunityLineItem" = true, '
        '"ExpectedRevenue" = round(lines.total * coalesce("Probability", 0) / 100, 2) from '
        '(select "OpportunityId" as opportunity, sum("TotalPrice") as total from org."OpportunityLineItem" '
        f'where not "IsDeleted" and "OpportunityId" in (select "m_OpportunityId" {NEW_ROWS}) group '
        f"by 1) lines "
        'where "Id" = lines.opportunity'
    )


def email_tasks(store: Store, connection: duckdb.DuckDBPyConnection, context: Context) -> None:
    """With Enhanced Email every message gets a completed task, dated now and not when the message was
    sent."""
    if not context.email_tasks:
        return
    rows = (
        """select id as message, 'Email: ' || coalesce("m_Subject", '') as "Subject", 'Completed' as "Status", 'Normal'
        as "Priority", """
        f"""current_date as "ActivityDate", true as "IsClosed", 'Email' as "TaskSubtype", """
        f"""{context.now_sql} as """
        f""""CompletedDateTime", "m_RelatedToId" as "WhatId" {NEW_ROWS} and "m_ActivityId" is null"""
    )
    connection.execute(f"create or replace temp table w_messages as {rows}")
    first = store.take_numbers("Task", 0)
    _insert(store, connection, context, context.catalogue.object("Task"), "from w_messages order by message")
    made = make_id_sql("00T", f"({first - 1} + row_number() over (order by message))")
    connection.execute(
        f'update org."EmailMessage" set "ActivityId" = task from (select message, {made} as task from w_messages) '
        'made where "Id" = message'
    )


EFFECTS: dict[str, Effect] = {
    effect.__name__: effect
    for effect in (
        campaign_statuses,
        one_default_status,
        campaign_numbers,
        direct_relations,
        moved_contacts,
        opportunity_amounts,
        email_tasks,
    )
}
