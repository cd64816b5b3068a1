"""Lead conversion: a Lead becomes a Contact, of a new Account or one that is named, and an Opportunity on request.

Standard fields move by Salesforce's default mapping (help, "Lead Conversion Field Mapping"); values of an
existing Account or Contact win over those of the Lead. Activities and campaign memberships follow the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from loaders.rehearsal.org.batch_sql import Context
from loaders.rehearsal.org.failures import OrgError, bad_request
from loaders.rehearsal.org.ids import long_id
from loaders.rehearsal.org.rest_rows import write_rows
from loaders.rehearsal.org.store import Store, literal, quote, table

ACCOUNT = {
    "Company": "Name", "Phone": "Phone", "Fax": "Fax", "Website": "Website", "Industry": "Industry",
    "Rating": "Rating", "AnnualRevenue": "AnnualRevenue", "NumberOfEmployees": "NumberOfEmployees",
    "Street": "BillingStreet", "City": "BillingCity", "State": "BillingState", "PostalCode": "BillingPostalCode",
    "Country": "BillingCountry", "OwnerId": "OwnerId",
}  # fmt: skip
CONTACT = {
    "FirstName": "FirstName", "LastName": "LastName", "Salutation": "Salutation", "Title": "Title",
    "Email": "Email", "Phone": "Phone", "MobilePhone": "MobilePhone", "Fax": "Fax", "LeadSource": "LeadSource",
    "Description": "Description", "Street": "MailingStreet", "City": "MailingCity", "State": "MailingState",
    "PostalCode": "MailingPostalCode", "Country": "MailingCountry", "IndividualId": "IndividualId",
    "OwnerId": "OwnerId",
}  # fmt: skip
FIRST_STAGE = 'select "ApiName" from org."OpportunityStage" where "IsActive" order by "SortOrder" limit 1'


@dataclass(frozen=True)
class Conversion:
    """One request to convert, as SOAP's LeadConvert names it."""

    lead_id: str
    status: str
    account_id: str = ""
    contact_id: str = ""
    opportunity_id: str = ""
    opportunity_name: str = ""
    owner_id: str = ""
    without_opportunity: bool = False
    overwrite_source: bool = False


@dataclass(frozen=True)
class Converted:
    """The records that a Lead became."""

    lead_id: str
    account_id: str
    contact_id: str
    opportunity_id: str | None


def convert_lead(store: Store, context: Context, wanted: Conversion) -> Converted:
    """Converts one Lead, wholly or not at all. Raises OrgError with Salesforce's code."""
    with store.write():
        return _Converter(store, context).run(wanted)


class _Converter:
    def __init__(self, store: Store, context: Context) -> None:
        self.store, self.context = store, context

    def run(self, wanted: Conversion) -> Converted:
        lead = self._record("Lead", wanted.lead_id)
        if lead["IsConverted"]:
            raise bad_request("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        self._check_status(wanted.status)
        if wanted.contact_id and not wanted.account_id:
            text = "accountId must be specified if contactId is specified"
            raise bad_request("REQUIRED_FIELD_MISSING", f"Required fields are missing: [AccountId]: {text}")
        lead["OwnerId"] = long_id(wanted.owner_id) or lead["OwnerId"]
        if str(lead["OwnerId"]).startswith("00G"):
            raise bad_request("INVALID_FIELD", "Converted objects can only be owned by users", ["OwnerId"])
        account = self._account(lead, wanted)
        contact = self._contact(lead, wanted, account)
        opportunity = self._opportunity(lead, wanted, account, contact)
        self._close(lead["Id"], wanted.status, account, contact, opportunity)
        self._move_activities(lead["Id"], contact, account)
        return Converted(lead["Id"], account, contact, opportunity)

    def _record(self, name: str, text: str) -> dict[str, Any]:
        info, identifier = self.context.catalogue.object(name), long_id(text) or ""
        with self.store.reader() as connection:
            answer = connection.execute(f'select * from {table(name)} where "Id" = {literal(identifier)}')
            names = [column[0] for column in answer.description or ()]
            found = answer.fetchone()
        if found is None or not identifier.startswith(info.key_prefix or ""):
            raise bad_request("INVALID_CROSS_REFERENCE_KEY", f"invalid cross reference id: {text}")
        record = dict(zip(names, found, strict=True))
        if record["IsDeleted"]:
            raise bad_request("ENTITY_IS_DELETED", "entity is deleted")
        return record

    def _check_status(self, status: str) -> None:
        known = self.store.rows(
            f'select 1 from org."LeadStatus" where "IsConverted" and "ApiName" = {literal(status)}'
        )
        if not known:
            raise bad_request("INVALID_STATUS", f"invalid convertedStatus: {status}")

    def _write(self, name: str, operation: str, record: Mapping[str, Any]) -> str:
        info = self.context.catalogue.object(name)
        kept = {key: value for key, value in record.items() if value is not None and info.has(key)}
        outcome = write_rows(self.store, self.context, info, operation, [kept])[0]
        if outcome.error:
            raise outcome.error
        return str(outcome.id)

    def _account(self, lead: Mapping[str, Any], wanted: Conversion) -> str:
        if wanted.account_id:
            return str(self._record("Account", wanted.account_id)["Id"])
        return self._write("Account", "insert", {new: lead.get(old) for old, new in ACCOUNT.items()})

    def _contact(self, lead: Mapping[str, Any], wanted: Conversion, account: str) -> str:
        given = {new: lead.get(old) for old, new in CONTACT.items()}
        if not wanted.contact_id:
            return self._write("Contact", "insert", {**given, "AccountId": account})
        known = self._record("Contact", wanted.contact_id)
        if known["AccountId"] not in (None, account):
            raise bad_request("INVALID_CROSS_REFERENCE_KEY", "contact does not belong to the account")
        gaps = {name: value for name, value in given.items() if known.get(name) is None}
        if wanted.overwrite_source:
            gaps["LeadSource"] = given["LeadSource"]
        return self._write("Contact", "update", {**gaps, "Id": known["Id"], "AccountId": account})

    def _opportunity(
        self, lead: Mapping[str, Any], wanted: Conversion, account: str, contact: str
    ) -> str | None:
        if wanted.without_opportunity and not wanted.opportunity_id:
            return None
        if wanted.opportunity_id:
            made = str(self._record("Opportunity", wanted.opportunity_id)["Id"])
        else:
            # Salesforce closes it at the end of the quarter; so does everything that its forecast shows.
            month = (self.context.now.month - 1) // 3 * 3 + 4
            first = self.context.now.replace(
                year=self.context.now.year + (month > 12), month=(month - 1) % 12 + 1, day=1
            )
            values = {"Name": wanted.opportunity_name or lead["Company"], "AccountId": account,
                      "StageName": self.store.rows(FIRST_STAGE)[0][0], "OwnerId": lead["OwnerId"],
                      "LeadSource": lead.get("LeadSource"),
                      "CloseDate": f"{first - timedelta(days=1):%Y-%m-%d}"}  # fmt: skip
            made = self._write("Opportunity", "insert", values)
        role = {"OpportunityId": made, "ContactId": contact, "IsPrimary": True}
        if self.context.catalogue.has("OpportunityContactRole"):
            self._write("OpportunityContactRole", "insert", role)
        return made

    def _close(self, lead: str, status: str, account: str, contact: str, opportunity: str | None) -> None:
        with self.store.write() as connection:
            connection.execute(
                f'update org."Lead" set "IsConverted" = true, "Status" = {literal(status)}, '
                f'"ConvertedDate" = ({self.context.now_sql})::date, "ConvertedAccountId" = {literal(account)}, '
                f'"ConvertedContactId" = {literal(contact)}, "ConvertedOpportunityId" = {literal(opportunity)}, '
                f'"LastModifiedDate" = {self.context.now_sql}, "SystemModstamp" = {self.context.now_sql}, '
                f'"LastModifiedById" = {literal(self.context.user_id)} where "Id" = {literal(lead)}'
            )

    def _move_activities(self, lead: str, contact: str, account: str) -> None:
        """Activities are the contact's from now on; a campaign member keeps its lead and gains the contact."""
        with self.store.write() as connection:
            for name in ("Task", "Event"):
                connection.execute(
                    f'update {table(name)} set "WhoId" = {literal(contact)}, "AccountId" = {literal(account)} '
                    f'where "WhoId" = {literal(lead)}'
                )
            connection.execute(
                f'update org."CampaignMember" set "ContactId" = {literal(contact)}, '
                f'"LeadOrContactId" = {literal(contact)}, "Type" = \'Contact\' where "LeadId" = {literal(lead)} '
                f'and "CampaignId" not in (select "CampaignId" from org."CampaignMember" where "ContactId" = '
                f'{literal(contact)} and not "IsDeleted")'
            )
            for name, field in (
                ("EmailMessageRelation", "RelationId"),
                ("ContentDocumentLink", "LinkedEntityId"),
            ):
                connection.execute(
                    f"update {table(name)} set {quote(field)} = {literal(contact)} "
                    f"where {quote(field)} = {literal(lead)}"
                )


__all__ = ["Conversion", "Converted", "OrgError", "convert_lead"]
