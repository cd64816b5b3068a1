"""Which Mautic tables are landed, with the columns that models read. A further table is one more entry in
TABLES.

Columns are always read live (SRC-04): what stands in `columns` is the minimum that models may rely on, in
the type they may rely on; everything else that the table has, custom fields above all, lands as well in the
type that the database declares. A declared column that this instance lacks lands as null and is noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Family = Literal["int", "float", "decimal", "timestamp", "date", "time", "binary", "text"]


@dataclass(frozen=True)
class Table:
    """One source table: `columns` name the type family that models rely on, `excluded` gives a reason per
    column.
    """

    name: str
    primary_key: tuple[str, ...]
    columns: Mapping[str, Family]
    serialized: tuple[str, ...] = ()  # PHP serialize() text, landed as JSON text (SRC-02)
    excluded: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False  # a plugin's or a newer release's table: missing is a note, not an error (MAU-15)


def _columns(int: str = "", float: str = "", timestamp: str = "", text: str = "") -> dict[str, Family]:
    """Column name to family, from one list of names separated by blanks per family."""
    given: dict[Family, str] = {"int": int, "float": float, "timestamp": timestamp, "text": text}
    return {name: family for family, names in given.items() for name in names.split()}


# Mautic's FormEntity: on nearly every table; the edit lock (checked_out*) lands too but no model needs it.
_FORM_ENTITY = _columns(
    int="id is_published created_by modified_by",
    timestamp="date_added date_modified",
    text="created_by_user modified_by_user",
)

_LEADS = _FORM_ENTITY | _columns(
    int="owner_id stage_id points",
    timestamp="last_active date_identified attribution_date",
    float="attribution",
    text="""preferred_profile_image title firstname lastname company position email phone mobile address1
        address2 city state zipcode timezone country fax preferred_locale website facebook foursquare
        instagram linkedin skype twitter internal social_cache""",
)

_COMPANIES = _FORM_ENTITY | _columns(
    int="owner_id score",
    float="companynumber_of_employees companyannual_revenue",
    text="""companyname companyemail companyphone companyfax companyaddress1 companyaddress2 companycity
        companystate companyzipcode companycountry companywebsite companyindustry companydescription
        social_cache""",
)

_LEAD_FIELDS = _FORM_ENTITY | _columns(
    int="""is_required is_fixed is_visible is_short_visible is_listable is_publicly_updatable
        is_unique_identifer is_index char_length_limit field_order column_is_not_created
        original_is_published_value""",
    text="label alias type field_group default_value object properties uuid",
)

_STAGES = _FORM_ENTITY | _columns(
    int="category_id weight", timestamp="publish_up publish_down", text="name description uuid"
)

_USERS = _FORM_ENTITY | _columns(
    int="role_id",
    timestamp="last_login last_active",
    text="username first_name last_name email position timezone locale signature",
)

TABLES: tuple[Table, ...] = (
    Table("leads", ("id",), _LEADS, serialized=("internal", "social_cache")),
    Table("companies", ("id",), _COMPANIES, serialized=("social_cache",)),
    Table(
        "companies_leads",
        ("company_id", "lead_id"),
        _columns(int="company_id lead_id is_primary", timestamp="date_added"),
    ),
    Table("lead_fields", ("id",), _LEAD_FIELDS, serialized=("properties",)),
    Table("stages", ("id",), _STAGES),
    Table(
        "users",
        ("id",),
        _USERS,
        excluded={
            "password": "a password hash is nobody's business outside of Mautic",
            "preferences": "can hold tokens of integrations",
        },
    ),
    Table(
        "roles",
        ("id",),
        _FORM_ENTITY | _columns(int="is_admin", text="name description readable_permissions uuid"),
        serialized=("readable_permissions",),
    ),
)

# Columns of the two field-carrying tables that no row of lead_fields describes; other strays are reported.
_ENTITY = {*_FORM_ENTITY, "owner_id", "checked_out", "checked_out_by", "checked_out_by_user", "social_cache"}
_VISITOR = {"stage_id", "points", "last_active", "internal", "date_identified", "preferred_profile_image"}
SYSTEM_COLUMNS: Mapping[str, frozenset[str]] = {
    "leads": frozenset(_ENTITY | _VISITOR | {"generated_email_domain"}),
    "companies": frozenset(_ENTITY | {"score"}),
}

# How lead_fields.object calls the tables that carry fields.
FIELD_OBJECTS: Mapping[str, str] = {"lead": "leads", "company": "companies"}

WINDOW_ROWS = (
    50_000  # rows read at once; two windows are in flight, so memory is about three windows of one table
)
