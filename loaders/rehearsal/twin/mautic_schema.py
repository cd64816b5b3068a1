"""The tables of the synthetic Mautic in one SQLAlchemy metadata for every database: those of a fresh install of
a release, with or without plugins, or of an upgrade that went wrong.

People, companies and their fields are written out below, all other tables follow the listings of
loaders/mautic. Types follow Mautic's own on MySQL and MariaDB and their nearest kin elsewhere, so that one generator fills
both alike.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import phpserialize
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from loaders.mautic import release
from loaders.mautic.settings import CORE, LISTED, Table
from loaders.rehearsal.twin.vocabulary import (
    COMPANY,
    CONTACT,
    CUSTOM_FIELDS,
    INDUSTRIES,
    STAGES,
    TITLES,
    CustomField,
)

__all__ = [
    "COMPANY",
    "CONTACT",
    "CUSTOM_FIELDS",
    "FRESH",
    "INDUSTRIES",
    "MARKER",
    "STAGES",
    "TITLES",
    "Shape",
    "registry_rows",
    "tables",
]

MARKER = "synthetic_twin"  # a table of this name says: made by `rehearse seed`, may be replaced by it

_MYSQL = ("mysql", "mariadb")
_ID = sa.Integer().with_variant(mysql.INTEGER(unsigned=True), *_MYSQL)
_BIG_ID = sa.BigInteger().with_variant(mysql.BIGINT(unsigned=True), *_MYSQL)
_FLAG = sa.SmallInteger().with_variant(mysql.TINYINT(1), *_MYSQL)
_LONG = sa.Text().with_variant(mysql.LONGTEXT(), *_MYSQL)
_NUMBER: sa.types.TypeEngine[float] = sa.Double()
_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in _MYSQL
    for option, value in (
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_unicode_ci"),
        ("row_format", "DYNAMIC"),
    )
}

# alias, label, type, group, fixed: the rows of a fresh install, `object` lead then company.
_CONTACT_FIELDS = """title|Title|lookup|core|1
firstname|First Name|text|core|1
lastname|Last Name|text|core|1
company|Primary company|text|core|1
position|Position|text|core|1
email|Email|email|core|1
mobile|Mobile|tel|core|1
phone|Phone|tel|core|1
points|Points|number|core|1
fax|Fax|tel|core|0
address1|Address Line 1|text|core|1
address2|Address Line 2|text|core|1
city|City|text|core|1
state|State|region|core|1
zipcode|Zip Code|text|core|1
country|Country|country|core|1
preferred_locale|Preferred Locale|locale|core|1
timezone|Preferred Timezone|timezone|core|1
last_active|Date Last Active|datetime|core|1
attribution_date|Attribution Date|datetime|core|1
attribution|Attribution|number|core|1
website|Website|url|core|0
facebook|Facebook|text|social|0
foursquare|Foursquare|text|social|0
instagram|Instagram|text|social|0
linkedin|Linkedin|text|social|0
skype|Skype|text|social|0
twitter|Twitter|text|social|0"""
_COMPANY_FIELDS = """companyaddress1|Address 1|text|core|1
companyaddress2|Address 2|text|core|1
companyemail|Company Email|email|core|1
companyphone|Phone|tel|core|1
companycity|City|text|core|1
companystate|State|region|core|1
companyzipcode|Zip Code|text|core|1
companycountry|Country|country|core|1
companyname|Company Name|text|core|1
companywebsite|Website|url|core|1
companynumber_of_employees|Number of Employees|number|professional|0
companyfax|Fax|tel|professional|0
companyannual_revenue|Annual Revenue|number|professional|0
companyindustry|Industry|select|professional|1
companydescription|Description|text|professional|1"""
_SEARCHED = ("email", "companyname")  # Mautic's unique identifiers, which are no unique keys in the database
_SCALES = {"points": 0, "attribution": 2, "companynumber_of_employees": 0, "companyannual_revenue": 2}


# What an upgrade to 6 that stopped half-way leaves out: columns of 5.1 and 5.2, a table of 5.1.
_HALF_TABLES = ("email_list_excluded",)
_HALF_COLUMNS = (("campaigns", "deleted"), ("emails", "preheader_text"), ("lead_fields", "char_length_limit"))


@dataclass(frozen=True)
class Shape:
    """Which Mautic the twin is: release, plugins, and for an upgraded one whether uuid columns are there and
    whether the upgrade stopped half-way.
    """

    release: str = "6.0"
    plugins: bool = True
    uuid: bool = True
    half_migrated: bool = False

    def has_table(self, table: Table) -> bool:
        """Whether this Mautic has the table."""
        return (
            table.since <= self.release
            and (self.plugins or table.part == CORE)
            and not (self.half_migrated and table.name in _HALF_TABLES)
        )

    def has_column(self, table: Table, column: str) -> bool:
        """Whether this Mautic has the column; the customer's own fields always are there."""
        return (
            release.expects(table, column, self.release)
            and (self.uuid or column != release.UUID)
            and not (self.half_migrated and (table.name, column) in _HALF_COLUMNS)
        )


FRESH = Shape()


def tables(
    prefix: str, dialect: str, shape: Shape = FRESH, results: Mapping[str, Sequence[str]] | None = None
) -> dict[str, sa.Table]:
    """Source table name to SQLAlchemy table, named with the prefix; `dialect` decides how a column is
    generated, `results` are the columns of the per-form result tables.
    """
    metadata = sa.MetaData()
    written = _written_out(dialect)
    columns: dict[str, list[sa.Column[Any]]] = {}
    for table in LISTED:
        if shape.has_table(table):
            everything = written.get(table.name) or _listed(table)
            columns[table.name] = [part for part in everything if shape.has_column(table, part.name)]
    for name, fields in (results or {}).items():
        columns[name] = [
            sa.Column("submission_id", _ID, primary_key=True, autoincrement=False),
            *(
                sa.Column(field, _ID if field == "form_id" else _LONG)
                for field in fields
                if field != "submission_id"
            ),
        ]
    columns[MARKER] = [
        sa.Column("seed", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("contacts", sa.BigInteger),
    ]
    return {name: sa.Table(prefix + name, metadata, *parts, **_OPTIONS) for name, parts in columns.items()}


def _written_out(dialect: str) -> dict[str, list[sa.Column[Any]]]:
    custom = {
        kind: [
            _custom_column(field) for field in CUSTOM_FIELDS if field.object == kind and field.column_exists
        ]
        for kind in (CONTACT, COMPANY)
    }
    return {
        "roles": [*_entity(_ID), *_described(), _flag("is_admin"), _long("readable_permissions"), _uuid()],
        "users": _users(),
        "stages": [
            *_entity(_ID),
            sa.Column("category_id", _ID),
            *_described(),
            sa.Column("weight", sa.Integer),
            *map(_moment, ("publish_up", "publish_down")),
            _uuid(),
        ],
        "leads": _leads(custom[CONTACT], dialect),
        "companies": _companies(custom[COMPANY]),
        "companies_leads": [
            sa.Column("company_id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("lead_id", _BIG_ID, primary_key=True, autoincrement=False),
            _moment("date_added"),
            _flag("is_primary"),
        ],
        "lead_fields": _lead_fields(),
    }


# Texts of these names are long in Mautic; all others have 191 characters.
_LONG_TEXTS = frozenset(
    """body body_text cache cached_html comments content custom_html description editor email_type footer_script
    head_script help_message html message original_file_name plain_text post_action_property reason referer
    remote_path subject text url user_agent value webhook_url""".split()  # noqa: SIM905
)


def _listed(table: Table) -> list[sa.Column[Any]]:
    """The columns of a table as the listings have them, excluded ones too."""
    kinds: dict[str, Any] = {"float": _NUMBER, "timestamp": sa.DateTime, "date": sa.Date, "time": sa.Time}
    made = []
    for name, family in table.families.items():
        if name in table.primary_key:
            kind: Any = sa.String(191) if family == "text" else _BIG_ID
            made.append(sa.Column(name, kind, primary_key=True, autoincrement=False))
        elif family == "int":
            made.append(_flag(name) if name.startswith("is_") else sa.Column(name, sa.BigInteger))
        elif family == "text":
            made.append(_long(name) if name in table.encoded or name in _LONG_TEXTS else _text(name))
        else:
            made.append(sa.Column(name, kinds[family]))
    return made


def registry_rows() -> list[dict[str, Any]]:
    """The rows of lead_fields: a fresh install's, then the customer's own, except where the registry forgot
    one.
    """
    rows = []
    for kind, listing in ((CONTACT, _CONTACT_FIELDS), (COMPANY, _COMPANY_FIELDS)):
        for order, line in enumerate(listing.splitlines(), start=1):
            alias, label, type_, group, fixed = line.split("|")
            rows.append(
                _registry_row(
                    kind, alias, label, type_, group, int(fixed), _standard_properties(alias), order
                )
            )
    for order, field in enumerate(CUSTOM_FIELDS, start=50):
        if field.registered:
            row = _registry_row(
                field.object, field.alias, field.label, field.type, "core", 0, _properties(field), order
            )
            row |= {
                "is_published": int(field.published),
                "column_is_not_created": int(not field.column_exists),
            }
            rows.append(row)
    return [
        row | {"id": number, "uuid": str(uuid.UUID(int=number))} for number, row in enumerate(rows, start=1)
    ]


def _registry_row(
    kind: str, alias: str, label: str, type_: str, group: str, fixed: int, properties: Any, order: int
) -> dict[str, Any]:
    unique = int(alias in _SEARCHED)
    return {
        "is_published": 1, "object": kind, "alias": alias, "label": label, "type": type_,
        "field_group": group,
        "is_required": int(alias == "companyname"), "is_fixed": fixed, "is_visible": 1, "is_short_visible": 0,
        "is_listable": 1, "is_publicly_updatable": 0, "is_unique_identifer": unique,
        "is_index": unique, "field_order": order, "properties": phpserialize.dumps(properties).decode(), 
        "column_is_not_created": 0, "original_is_published_value": 0,
    }  # fmt: skip


def _standard_properties(alias: str) -> dict[str, Any]:
    if alias == "title":
        return {"list": list(TITLES)}
    if alias == "companyindustry":
        return {"list": [{"label": name, "value": name} for name in INDUSTRIES]}
    return {"roundmode": 4, "scale": _SCALES[alias]} if alias in _SCALES else {}


def _properties(field: CustomField) -> dict[str, Any]:
    if field.type in ("select", "multiselect"):
        return {"list": [{"label": label, "value": value} for value, label in field.options]}
    if field.type == "boolean":
        return {"no": field.options[0][1], "yes": field.options[1][1]}
    return {"roundmode": 4, "scale": field.scale} if field.type == "number" else {}


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(191))


def _long(name: str) -> sa.Column[Any]:
    return sa.Column(name, _LONG)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, _FLAG)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime)


def _uuid() -> sa.Column[Any]:
    return sa.Column("uuid", sa.CHAR(36))


def _entity(kind: Any) -> list[sa.Column[Any]]:
    """id and what Mautic's FormEntity adds to nearly every table."""
    return [
        sa.Column("id", kind, primary_key=True, autoincrement=False),
        _flag("is_published"),
        _moment("date_added"),
        sa.Column("created_by", sa.Integer),
        _text("created_by_user"),
        _moment("date_modified"),
        sa.Column("modified_by", sa.Integer),
        _text("modified_by_user"),
        _moment("checked_out"),
        sa.Column("checked_out_by", sa.Integer),
        _text("checked_out_by_user"),
    ]


def _described() -> list[sa.Column[Any]]:
    return [_text("name"), _long("description")]


def _users() -> list[sa.Column[Any]]:
    return [
        *_entity(_ID),
        sa.Column("role_id", _ID, nullable=False),
        *map(_text, ("username", "password", "first_name", "last_name")),
        *map(_text, ("email", "position", "timezone", "locale")),
        *map(_moment, ("last_login", "last_active")),
        *map(_long, ("preferences", "signature")),
    ]


def _leads(custom: list[sa.Column[Any]], dialect: str) -> list[sa.Column[Any]]:
    position = "locate('@', email)" if dialect in _MYSQL else "instr(email, '@')"
    return [
        *_entity(_BIG_ID),
        sa.Column("owner_id", _ID),
        sa.Column("stage_id", _ID),
        sa.Column("points", sa.Integer),
        _moment("last_active"),
        *map(_long, ("internal", "social_cache")),
        _moment("date_identified"),
        *map(
            _text,
            ("preferred_profile_image", "title", "firstname", "lastname", "company", "position", "email"),
        ),
        *map(
            _text,
            ("phone", "mobile", "address1", "address2", "city", "state", "zipcode", "timezone", "country"),
        ),
        *map(_text, ("fax", "preferred_locale")),
        _moment("attribution_date"),
        sa.Column("attribution", _NUMBER),
        *map(_text, ("website", "facebook", "foursquare", "instagram", "linkedin", "skype", "twitter")),
        sa.Column(
            "generated_email_domain",
            sa.String(255),
            sa.Computed(f"substr(email, {position} + 1)", persisted=False),
        ),
        *custom,
    ]


def _companies(custom: list[sa.Column[Any]]) -> list[sa.Column[Any]]:
    return [
        *_entity(sa.Integer),
        sa.Column("owner_id", _ID),
        _long("social_cache"),
        sa.Column("score", sa.Integer),
        *map(
            _text,
            (
                "companyemail",
                "companyaddress1",
                "companyaddress2",
                "companyphone",
                "companycity",
                "companystate",
            ),
        ),
        *map(_text, ("companyzipcode", "companycountry", "companyname", "companywebsite", "companyindustry")),
        _long("companydescription"),
        sa.Column("companynumber_of_employees", _NUMBER),
        _text("companyfax"),
        sa.Column("companyannual_revenue", _NUMBER),
        *custom,
    ]


def _lead_fields() -> list[sa.Column[Any]]:
    return [
        *_entity(_ID),
        *map(_text, ("label", "alias")),
        sa.Column("type", sa.String(50)),
        *map(_text, ("field_group", "default_value")),
        *map(_flag, ("is_required", "is_fixed", "is_visible", "is_short_visible", "is_listable")),
        *map(_flag, ("is_publicly_updatable", "is_unique_identifer", "is_index")),
        sa.Column("char_length_limit", sa.Integer),
        sa.Column("field_order", sa.Integer),
        _text("object"),
        _long("properties"),
        *map(_flag, ("column_is_not_created", "original_is_published_value")),
        _uuid(),
    ]


def _custom_column(field: CustomField) -> sa.Column[Any]:
    """The column that a fresh Mautic creates for a field of this type."""
    kinds: dict[str, Any] = {
        "number": _NUMBER, "boolean": _FLAG, "date": sa.Date, "datetime": sa.DateTime, "time": sa.Time,
        "textarea": _LONG, "html": _LONG, "multiselect": sa.Text,
    }  # fmt: skip
    return sa.Column(field.alias, kinds.get(field.type, sa.String(191)))
