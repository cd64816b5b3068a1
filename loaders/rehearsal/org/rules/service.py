"""Activities, cases, e-mail messages and links of files."""

from __future__ import annotations

from loaders.rehearsal.org.rules.base import ObjectRules, Unique, refuse

# The account of an activity follows from whom and what it is about (object reference, Task.AccountId).
ACCOUNT_JOINS = """left join org."Contact" who_contact on who_contact."Id" = m."m_WhoId"
    left join org."Opportunity" what_opportunity on what_opportunity."Id" = m."m_WhatId"
    left join org."Case" what_case on what_case."Id" = m."m_WhatId\""""
ACCOUNT = """coalesce(case when "m_WhatId" like '001%' then "m_WhatId" end, what_opportunity."AccountId",
    what_case."AccountId", who_contact."AccountId")"""
LEAD_ALONE = refuse(
    """"m_WhoId" like '00Q%' and "m_WhatId" is not null""",
    "FIELD_INTEGRITY_EXCEPTION",
    "If the name is a lead, Related To must be blank",
    "WhatId",
)
OLD = "($moment)::date - interval 365 day"
START = """coalesce(case when "g_StartDateTime" or not "g_ActivityDateTime" then "m_StartDateTime" end,
    "m_ActivityDateTime",
    "m_StartDateTime", case when "m_IsAllDayEvent" then "m_ActivityDate"::timestamp end)"""
END = f"""case when "g_EndDateTime"
    or (not "g_DurationInMinutes" and not "g_ActivityDateTime" and not "g_StartDateTime")
    then coalesce("m_EndDateTime", {START} + to_minutes(coalesce("m_DurationInMinutes", 0)))
    else {START} + to_minutes(coalesce("m_DurationInMinutes",
        case when "m_IsAllDayEvent" then 0
        else date_diff('minute', "m_StartDateTime", "m_EndDateTime") end, 0)) end"""

SERVICE = {
    "Task": ObjectRules(
        needs=("WhoId", "WhatId", "Status", "Priority", "ActivityDate", "CompletedDateTime"),
        joins=f"""{ACCOUNT_JOINS}
            left join org."TaskStatus" status on status."ApiName" = m."m_Status"
            left join org."TaskPriority" priority on priority."ApiName" = m."m_Priority\"""",
        derived={
            "AccountId": ACCOUNT,
            "IsClosed": """coalesce(status."IsClosed", false)""",
            "IsHighPriority": """coalesce(priority."IsHighPriority", false)""",
            "CompletedDateTime": """case when status."IsClosed"
                then coalesce("m_CompletedDateTime", $moment) end""",
            "IsArchived": f"""coalesce(status."IsClosed" and "m_ActivityDate" < {OLD}, false)""",
        },
        defaults={"TaskSubtype": "'Task'"},
        errors=(LEAD_ALONE,),
    ),
    "Event": ObjectRules(
        needs=(
            "WhoId",
            "WhatId",
            "StartDateTime",
            "EndDateTime",
            "ActivityDateTime",
            "ActivityDate",
            "DurationInMinutes",
            "IsAllDayEvent",
        ),
        joins=ACCOUNT_JOINS,
        derived={
            "AccountId": ACCOUNT,
            "StartDateTime": START,
            "ActivityDateTime": START,
            "ActivityDate": f"({START})::date",
            "EndDateTime": END,
            "EndDate": f"({END})::date",
            "DurationInMinutes": f"date_diff('minute', {START}, {END})",
            "IsArchived": f"coalesce(({END}) < {OLD}, false)",
        },
        defaults={"EventSubtype": "'Event'"},
        errors=(
            LEAD_ALONE,
            refuse(
                f"{START} is null",
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [DurationInMinutes, ActivityDateTime]",
                "DurationInMinutes, ActivityDateTime",
            ),
            refuse(
                """is_new and not "m_IsAllDayEvent" and "m_DurationInMinutes" is null and
                "m_EndDateTime" is null""",
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [DurationInMinutes]",
                "DurationInMinutes",
            ),
            refuse(
                f"{END} < {START}",
                "FIELD_INTEGRITY_EXCEPTION",
                "End date must be greater than or equal to start date",
                "EndDateTime",
            ),
            refuse(
                f"{END} > {START} + interval 14 day",
                "FIELD_INTEGRITY_EXCEPTION",
                "Event duration can't be longer than 14 days",
                "DurationInMinutes",
            ),
        ),
    ),
    "Case": ObjectRules(
        needs=("Status", "ContactId", "AccountId", "ClosedDate"),
        joins="""left join org."CaseStatus" status on status."ApiName" = m."m_Status"
            left join org."Contact" contact on contact."Id" = m."m_ContactId\"""",
        derived={
            "IsClosed": """coalesce(status."IsClosed", false)""",
            "ClosedDate": """case when status."IsClosed" then coalesce("m_ClosedDate", $moment) end""",
            "AccountId": """coalesce("m_AccountId", case when is_new then contact."AccountId" end)""",
            "ContactEmail": """contact."Email\"""",
            "ContactPhone": """contact."Phone\"""",
            "ContactMobile": """contact."MobilePhone\"""",
        },
    ),
    "CaseComment": ObjectRules(
        needs=("CommentBody",),
        errors=(
            # The limit counts bytes, other than every other text field's (object reference, CaseComment).
            refuse(
                """strlen("m_CommentBody") > 4000""",
                "STRING_TOO_LONG",
                "Body: data value too large (max length=4000)",
                "CommentBody",
            ),
        ),
    ),
    "EmailMessage": ObjectRules(
        needs=("Status", "Subject", "ParentId", "RelatedToId", "MessageDate", "ActivityId"),
        derived={"Name": """coalesce("m_Subject", 'Email')"""},
        defaults={"MessageDate": "$moment"},
        errors=(
            refuse(
                """"m_ParentId" is not null and "m_RelatedToId" is not null and "m_ParentId" <>
                "m_RelatedToId\"""",
                "FIELD_INTEGRITY_EXCEPTION",
                "ParentId and RelatedToId must be the same record",
                "RelatedToId",
            ),
        ),
        effect="email_tasks",
        frozen_when=""""cur_Status" is distinct from '5'""",  # 5 is Draft
        never_frozen=frozenset({"IsExternallyVisible"}),
    ),
    "ContentDocumentLink": ObjectRules(
        needs=("ContentDocumentId", "LinkedEntityId"),
        defaults={"ShareType": "'V'", "Visibility": "'AllUsers'"},
        unique=(
            Unique(
                """"m_ContentDocumentId" || "m_LinkedEntityId\"""",
                """"ContentDocumentId" || "LinkedEntityId\"""",
                "DUPLICATE_VALUE",
                "duplicate value found: ContentDocumentId, LinkedEntityId duplicates value on "
                "record with id: <unknown>",
            ),
        ),
    ),
    "ContentVersion": ObjectRules(
        needs=("VersionData", "ContentUrl"),
        defaults={
            "SharingOption": "'A'",
            "SharingPrivacy": "'N'",
            "Origin": "'C'",
            "ContentLocation": "'S'",
            "PublishStatus": "'P'",
            "IsLatest": "true",
        },
        errors=(
            refuse(
                """is_new and "m_VersionData" is null and "m_ContentUrl" is null""",
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [VersionData]",
                "VersionData",
            ),
        ),
    ),
    "EmailTemplate": ObjectRules(
        needs=("DeveloperName",),
        defaults={"TemplateStyle": "'none'"},
        errors=(
            refuse(
                """not regexp_full_match("m_DeveloperName", '[A-Za-z](_?[A-Za-z0-9])*')""",
                "FIELD_INTEGRITY_EXCEPTION",
                "Template Unique Name: The Template API Name can only contain underscores and "
                "alphanumeric characters.",
                "DeveloperName",
            ),
        ),
        unique=(
            Unique(
                """lower("m_DeveloperName")""",
                """lower("DeveloperName")""",
                "DUPLICATE_DEVELOPER_NAME",
                "This Template Unique Name already exists or has been previously used. Please "
                "choose a different name.",
            ),
        ),
    ),
}
