"""Records and numbers that Salesforce makes by itself when others are inserted. Set-based; run inside
the same write.

Every function reads the new rows from the working table `w_checked` (`error is null and is_new`).
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from loaders.rehearsal.org.batch_sql import Context
from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.ids import make_id_sql
from loaders.rehearsal.org.store import Store, literal, quote, storage_columns, table

NEW_ROWS = "from w_checked where error is null and is_new"

Effect = Callable[[Store, duckdb.DuckDBPyConnection, Context], None]


def _insert(
    store: Store, connection: duckdb.DuckDBPyConnection, context: Context, info: ObjectInfo, rows: str
) -> None:
    """Inserts the rows of a query whose columns are field names; system fields are filled in."""
    connection.execute(
        f"create or replace temp table w_effect as select *, row_number() over () as place from ({rows})"
    )
    count = (connection.execute("select count(*) from w_effect").fetchone() or (0,))[0]
    if not count:
        return
    first = store.take_numbers(info.name, count)
    given = {
        column[0].lower() for column in connection.execute("select * from w_effect limit 0").description or ()
    }
    fixed = {
        "id": make_id_sql(info.key_prefix or "000", f"({first - 1} + place)"),
        "isdeleted": "false",
        **{name.lower(): context.now_sql for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp")},
        **{name.lower(): literal(context.user_id) for name in ("CreatedById", "LastModifiedById", "OwnerId")},
    }
    names, values = [], []
    for name, kind in storage_columns(info):
        key = name.lower()
        value = quote(name) if key in given else fixed.get(key, "false" if kind == "BOOLEAN" else "null")
        names.append(quote(name))
        values.append(f"({value})::{kind}")
    connection.execute(
        f"insert into {table(info.name)} ({', '.join(names)}) select {', '.join(values)} from w_effect"
    )


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
        """select 'Email: ' || coalesce("m_Subject", '') as "Subject", 'Completed' as "Status", 'Normal'
        as "Priority", """
        f"""current_date as "ActivityDate", true as "IsClosed", 'Email' as "TaskSubtype", """
        f"""{context.now_sql} as """
        f""""CompletedDateTime", "m_RelatedToId" as "WhatId" {NEW_ROWS}"""
    )
    _insert(store, connection, context, context.catalogue.object("Task"), rows)


EFFECTS: dict[str, Effect] = {
    effect.__name__: effect
    for effect in (
        campaign_statuses,
        one_default_status,
        campaign_numbers,
        direct_relations,
        opportunity_amounts,
        email_tasks,
    )
}
