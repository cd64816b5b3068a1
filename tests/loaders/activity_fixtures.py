"""What the tiny hand-written Mautic of model_fixtures has beside people and companies: one or two rows of everything."""

from __future__ import annotations

from model_fixtures import RAW, Rows

FILTERS = '[{"glue":"and","field":"tags","object":"lead","operator":"in","properties":{"filter":["1"]}}]'

ACTIVITY: Rows = {
    "categories": [
        {"id": 1, "title": "Events", "bundle": "campaign"},
        {"id": 2, "title": "News", "bundle": "global"},
    ],
    "campaigns": [
        {
            "id": 1,
            "name": "Spring",
            "is_published": 1,
            "publish_up": "2024-01-01",
            "category_id": 1,
            "created_by": 1,
        },
        {"id": 2, "name": "Gone", "is_published": 1, "deleted": "2024-02-01"},
    ],
    "lead_lists": [{"id": 1, "name": "VIPs", "alias": "vips", "is_published": 1, "filters": FILTERS}],
    "lead_lists_leads": [{"leadlist_id": 1, "lead_id": 1}, {"leadlist_id": 1, "lead_id": 2}],
    "campaign_leads": [
        {"campaign_id": 1, "lead_id": 1, "date_added": "2024-03-01 10:00:00", "rotation": 1},
        {"campaign_id": 1, "lead_id": 5, "date_added": "2024-02-01 10:00:00", "manually_removed": 1},
        {"campaign_id": 1, "lead_id": 2, "date_added": "2024-03-02 10:00:00", "manually_added": 1},
        {"campaign_id": 1, "lead_id": 4, "date_added": "2024-03-02 10:00:00"},
        {"campaign_id": 1, "lead_id": 99, "date_added": "2024-03-02 10:00:00"},
        {"campaign_id": 2, "lead_id": 1, "date_added": "2024-03-02 10:00:00"},
    ],
    "campaign_events": [
        {"id": 11, "campaign_id": 1, "type": "email.send", "channel": "email", "channel_id": 1}
    ],
    "emails": [
        {
            "id": 1,
            "name": "News",
            "email_type": "template",
            "subject": "New",
            "custom_html": "<p>new</p>",
            "from_address": "News@Corp.example",
        }
    ],
    "email_copies": [
        {"id": "c1", "subject": "Hi {contactfield=firstname}", "body": "<p>{contactfield=firstname}</p>"}
    ],
    "email_stats": [
        {
            "id": 1,
            "email_id": 1,
            "lead_id": 5,
            "copy_id": "c1",
            "source": "campaign.event",
            "source_id": 11,
            "tokens": '{"{contactfield=firstname}":"Mia"}',
            "email_address": "Mia@client.example",
            "date_sent": "2024-03-03 23:30:05",
            "is_read": 1,
            "open_count": 2,
            "date_read": "2024-03-04 08:00:00",
            "last_opened": "2024-03-05 08:00:00",
            "tracking_hash": "aa",
        },
        {
            "id": 2,
            "email_id": 1,
            "lead_id": 3,
            "source": "campaign.event",
            "source_id": 11,
            "email_address": "sub@client.example",
            "date_sent": "2024-03-06 10:00:00",
            "is_failed": 1,
            "open_details": '{"bounces":[{"datetime":"2024-03-06 10:01:00","reason":"mailbox full"}]}',
            "tracking_hash": "bb",
        },
        {"id": 3, "email_id": 1, "lead_id": None, "date_sent": "2024-03-06 10:00:00", "tracking_hash": "cc"},
        {
            "id": 4,
            "email_id": 1,
            "lead_id": 77,
            "list_id": 1,
            "date_sent": "2024-03-07",
            "tracking_hash": "dd",
        },
        {"id": 5, "email_id": 1, "lead_id": 4, "date_sent": "2024-03-07 10:00:00", "tracking_hash": "ee"},
    ],
    "email_stat_replies": [{"id": "r1", "stat_id": 1, "date_replied": "2024-03-05 09:00:00"}],
    "page_hits": [
        {
            "id": number,
            "redirect_id": 1,
            "email_id": 1,
            "lead_id": 5,
            "date_hit": f"2024-03-04 0{number}:00:00",
            "query": '{"ct":{"stat":"aa"}}',
        }
        for number in (8, 9)
    ],
    "lead_notes": [
        {
            "id": 1,
            "lead_id": 5,
            "created_by": 1,
            "type": "call",
            "text": "<p>Called</p><p>again</p>",
            "date_time": "2024-03-01 10:00:00",
            "date_added": "2024-03-01 11:00:00",
        }
    ],
    "contact_merge_records": [{"id": 1, "contact_id": 2, "merged_id": 77}],
    "lead_tags": [{"id": 1, "tag": "VIP"}, {"id": 2, "tag": "vip"}, {"id": 3, "tag": "a;b"}],
    "lead_tags_xref": [
        {"lead_id": 1, "tag_id": 1},
        {"lead_id": 5, "tag_id": 2},
        {"lead_id": 5, "tag_id": 3},
        {"lead_id": 2, "tag_id": 3},
    ],
    "lead_donotcontact": [
        {"id": 1, "lead_id": 5, "channel": "email", "reason": 1, "date_added": "2024-01-01"},
        {"id": 2, "lead_id": 3, "channel": "sms", "reason": 3, "date_added": "2024-01-01"},
        {"id": 3, "lead_id": 2, "channel": "email", "reason": 0, "date_added": "2024-01-01"},
    ],
    "point_groups": [{"id": 1, "name": "Fit"}],
    "point_group_contact_score": [{"contact_id": 5, "group_id": 1, "score": 7}],
    "lead_categories": [{"id": 1, "lead_id": 2, "category_id": 2, "manually_removed": 0}],
    "assets": [
        {
            "id": 1,
            "title": "Guide",
            "alias": "guide",
            "storage_location": "local",
            "path": "ab.pdf",
            "download_count": 3,
        },
        {"id": 2, "title": "Lost", "alias": "lost", "storage_location": "local", "path": "cd.pdf"},
    ],
    "files": [
        {
            "record_table": "assets",
            "record_id": "1",
            "state": "landed",
            "sha256": "ff",
            "size_bytes": 5,
            "local_path": "ff.pdf",
            "file_name": "Guide.pdf",
        },
        {"record_table": "assets", "record_id": "2", "state": "missing", "reason": "no such file"},
    ],
    "email_assets_xref": [{"email_id": 1, "asset_id": 1}],
    "custom_object": [
        {"id": 1, "alias": "product"},
        {"id": 2, "alias": "contract"},
        {"id": 3, "alias": "enrolment", "type": 1},
    ],
    "custom_field": [
        {"id": 3, "custom_object_id": 1, "alias": "weight", "label": "Weight", "type": "int"},
        {"id": 7, "custom_object_id": 2, "alias": "options", "label": "Options", "type": "multiselect"},
        {"id": 6, "custom_object_id": 2, "alias": "next_review", "label": "Next review", "type": "datetime"},
    ],
    "custom_item": [
        {"id": 1, "custom_object_id": 1, "name": "Suite", "date_added": "2023-01-01 10:00:00"},
        {"id": 2, "custom_object_id": 3, "name": "Enrolment 5"},
        {"id": 3, "custom_object_id": 2, "name": "Contract 1", "created_by": 1},
    ],
    "custom_field_value_int": [{"custom_field_id": 3, "custom_item_id": 1, "value": 250}],
    "custom_field_value_datetime": [
        {"custom_field_id": 6, "custom_item_id": 3, "value": "2024-05-01 10:00:00"}
    ],
    "custom_field_value_option": [
        {"id": 1, "custom_field_id": 7, "custom_item_id": 3, "value": "training"},
        {"id": 2, "custom_field_id": 7, "custom_item_id": 3, "value": "sla"},
    ],
    "custom_item_xref_contact": [
        {"custom_item_id": 2, "contact_id": 5},
        {"custom_item_id": 3, "contact_id": 1},
        {"custom_item_id": 3, "contact_id": 2},
        {"custom_item_id": 3, "contact_id": 4},
    ],
    "custom_item_xref_company": [{"custom_item_id": 3, "company_id": 2}],
    "custom_item_xref_custom_item": [{"custom_item_id_lower": 1, "custom_item_id_higher": 2}],
}

WITH_ACTIVITY: Rows = {**RAW, **ACTIVITY}
