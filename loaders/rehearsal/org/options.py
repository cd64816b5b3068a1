"""How a rehearsal org behaves. Every value has a default that fits the migration; commands and tests
override a few."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Data storage a record takes, in KB; 2 unless said otherwise (Salesforce help, "Data and File Storage
# Allocations").
KILOBYTES = {"Campaign": 8, "CampaignMember": 1}
FREE = frozenset(
    [
        "User",
        "Profile",
        "UserRole",
        "Group",
        "Organization",
        "RecordType",
        "BusinessProcess",
        "PermissionSet",
        "PermissionSetAssignment",
        "Folder",
        "EmailTemplate",
        "OpportunityStage",
        "TaskStatus",
        "TaskPriority",
        "CaseStatus",
        "LeadStatus",
        "CampaignMemberStatus",
        "Pricebook2",
        "PricebookEntry",
        "OpportunityLineItem",
        "OpportunityContactRole",
        "ContentDocument",
        "ContentDocumentLink",
        "ContentVersion",
        "Attachment",
        "ContentWorkspace",
        "TopicAssignment",
        "EmailMessageRelation",
        "TaskRelation",
        "EventRelation",
        "TaskWhoRelation",
    ]
)


@dataclass(frozen=True)
class Options:
    """The settings of one org; paths may be None, ports 0 choose a free one."""

    state: Path | None = None
    declare: Path | None = None
    field_maps: tuple[Path, ...] = ()
    users: Path | None = None
    snapshot: Path | None = None
    faults: Path | None = None
    edits: Path | None = None
    ca_file: Path | None = None
    http_port: int = 0
    https_port: int = 0
    seed: int = 1
    client_id: str = "rehearsal"
    client_secret: str = "rehearsal"  # noqa: S105  the published default of a stand-in that only listens on loopback
    password: str = "rehearsal"  # noqa: S105
    jwt_key: Path | None = None
    session_seconds: float = 7200.0
    audit_fields: bool = True
    email_tasks: bool = False
    several_accounts: bool = True
    without: str = ""  # objects that the org does not have, such as "Case,CaseComment", apart by commas
    hard_delete: bool = True
    inactive_owners: bool = False
    duplicate_rules: str = (
        ""  # "block" or "allow" switches on the standard rules of Account, Contact and Lead
    )
    row_locks: bool = False
    lock_seconds: float = 0.25  # how long a job with row locks waits, so that others come to be in flight
    field_security: bool = False
    daily_api_requests: int = 1_000_000
    daily_bulk_batches: int = 15_000
    data_storage_mb: int = 100_000
    file_storage_mb: int = 100_000
    licences: int = 1_000
    batch_rows: int = 10_000
    batches_at_once: int = 25
    memory_limit: str = "1GB"
