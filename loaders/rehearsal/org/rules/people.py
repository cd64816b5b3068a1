"""Lead, Contact, User and Individual: a name made of its parts, converted leads, unique user names,
account relations."""

from __future__ import annotations

from loaders.rehearsal.org.rules.base import ObjectRules, Unique, refuse

FULL_NAME = """nullif(concat_ws(' ', "m_FirstName", "m_LastName"), '')"""
DUPLICATE_USERNAME = (
    "Duplicate Username.<br>The username already exists in this or another Salesforce "
    "organization. Usernames must be "
    "unique across all Salesforce organizations. To resolve, use a different username (it doesn't "
    "need to match the "
    "user's email address)."
)
CONVERTED = refuse(
    """not is_new and "m_IsConverted\"""", "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"
)
BAD_USERNAME = refuse(
    """"m_Username" not like '%_@_%.%'""",
    "INVALID_EMAIL_ADDRESS",
    "Username must be in the form of an email address (for example, john@acme.com).",
    "Username",
)

PEOPLE = {
    "Lead": ObjectRules(
        needs=("FirstName", "LastName", "IsConverted"), derived={"Name": FULL_NAME}, errors=(CONVERTED,)
    ),
    "Contact": ObjectRules(
        needs=("FirstName", "LastName", "AccountId"),
        derived={"Name": FULL_NAME},
        effect="direct_relations",
        change_effect=("AccountId", "moved_contacts"),
    ),
    "Individual": ObjectRules(needs=("FirstName", "LastName"), derived={"Name": FULL_NAME}),
    "User": ObjectRules(
        needs=("FirstName", "LastName", "Username", "Alias", "IsActive"),
        derived={"Name": FULL_NAME},
        defaults={
            "CommunityNickname": """coalesce("m_Alias", "m_LastName")""",
            "UserType": "'Standard'",
            "DigestFrequency": "'D'",
            "DefaultGroupNotificationFrequency": "'N'",
        },
        errors=(BAD_USERNAME,),
        unique=(
            Unique(
                """lower("m_Username")""", """lower("Username")""", "DUPLICATE_USERNAME", DUPLICATE_USERNAME
            ),
        ),
    ),
    "AccountContactRelation": ObjectRules(
        needs=("AccountId", "ContactId"),
        defaults={"IsActive": "true"},
        unique=(
            Unique(
                """"m_AccountId" || "m_ContactId\"""",
                """"AccountId" || "ContactId\"""",
                "DUPLICATE_VALUE",
                "This contact already has a relationship with this account.",
            ),
        ),
    ),
    "PermissionSetAssignment": ObjectRules(
        needs=("AssigneeId", "PermissionSetId"),
        unique=(
            Unique(
                """"m_AssigneeId" || "m_PermissionSetId\"""",
                """"AssigneeId" || "PermissionSetId\"""",
                "DUPLICATE_VALUE",
                "Duplicate PermissionSetAssignment. Assignee has already been assigned this permission set.",
            ),
        ),
    ),
}
