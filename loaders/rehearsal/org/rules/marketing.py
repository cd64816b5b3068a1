"""Campaigns, their statuses and members; topics."""

from __future__ import annotations

from loaders.rehearsal.org.rules.base import ObjectRules, Unique, refuse

# A member that names both a lead and a contact is stored with the contact only (object reference,
# CampaignMember).
LEAD = """case when "m_ContactId" is null then "m_LeadId" end"""
PERSON = """coalesce("m_ContactId", "m_LeadId")"""
STATUS = """coalesce("m_Status", standard.label, 'Sent')"""
JOINS = f"""left join (select "CampaignId" as campaign, any_value("Label") as label
        from org."CampaignMemberStatus" where "IsDefault" and not "IsDeleted" group by 1) standard
        on standard.campaign = m."m_CampaignId"
    left join (select "CampaignId" as campaign, "Label" as label, bool_or("HasResponded") as responded
        from org."CampaignMemberStatus" where not "IsDeleted" group by 1, 2) status
        on status.campaign = m."m_CampaignId" and status.label = {STATUS}
    left join org."Lead" lead on lead."Id" = {LEAD}
    left join org."Contact" contact on contact."Id" = m."m_ContactId"
    left join org."Account" account on account."Id" = contact."AccountId\""""
SHARED = (
    "Salutation",
    "FirstName",
    "LastName",
    "Name",
    "Title",
    "Email",
    "Phone",
    "Fax",
    "MobilePhone",
    "LeadSource",
)

MARKETING = {
    "Campaign": ObjectRules(effect="campaign_statuses"),
    "CampaignMemberStatus": ObjectRules(
        needs=("CampaignId", "Label"),
        unique=(
            Unique(
                """"m_CampaignId" || lower("m_Label")""",
                """"CampaignId" || lower("Label")""",
                "DUPLICATE_VALUE",
                "duplicate value found: <unknown> duplicates value on record with id: <unknown>",
            ),
        ),
        effect="one_default_status",
    ),
    "CampaignMember": ObjectRules(
        needs=("CampaignId", "LeadId", "ContactId", "Status", "FirstRespondedDate"),
        joins=JOINS,
        derived={
            "LeadId": LEAD,
            "LeadOrContactId": PERSON,
            "LeadOrContactOwnerId": """coalesce(contact."OwnerId", lead."OwnerId")""",
            "Type": """case when "m_ContactId" is null then 'Lead' else 'Contact' end""",
            "Status": STATUS,
            "HasResponded": "coalesce(status.responded, false)",
            "FirstRespondedDate": """coalesce("m_FirstRespondedDate",
                case when status.responded then ($moment)::date end)""",
            "CompanyOrAccount": """coalesce(account."Name", lead."Company")""",
            **{name: f"""coalesce(contact."{name}", lead."{name}")""" for name in SHARED},
        },
        errors=(
            refuse(
                f"is_new and {PERSON} is null",
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [LeadId, ContactId]",
                "LeadId, ContactId",
            ),
        ),
        unique=(
            Unique(
                f""""m_CampaignId" || {PERSON}""",
                """"CampaignId" || coalesce("ContactId", "LeadId")""",
                "DUPLICATE_VALUE",
                "Already a campaign member.",
            ),
        ),
        effect="campaign_numbers",
    ),
    "Topic": ObjectRules(
        needs=("Name",),
        unique=(
            Unique(
                """lower("m_Name")""",
                """lower("Name")""",
                "DUPLICATE_VALUE",
                "A topic with this name already exists.",
            ),
        ),
    ),
    "TopicAssignment": ObjectRules(
        needs=("TopicId", "EntityId"),
        derived={"EntityKeyPrefix": """left("m_EntityId", 3)"""},
        unique=(
            Unique(
                """"m_TopicId" || "m_EntityId\"""",
                """"TopicId" || "EntityId\"""",
                "DUPLICATE_VALUE",
                "duplicate value found: unknown duplicates value on record with id: unknown",
            ),
        ),
    ),
}
