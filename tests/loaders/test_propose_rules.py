"""What is proposed for a field or value, and why: the deciding SQL alone, on tiny sources. Names for any label."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_fixtures import PROJECT

from loaders.salesforce import propose_inputs as inputs
from loaders.salesforce.describe import DescribedField, DescribedObject
from loaders.salesforce.propose import STEPS, step_sql

pytestmark = pytest.mark.requirement("COM-04")


def _decide(
    registry: Sequence[tuple[str, str, str]] = (),
    values: Sequence[tuple[str, str, int]] = (),
    columns: Sequence[tuple[str, str]] = (),
    org: Sequence[DescribedField] = (),
    lines: Sequence[str] = (),
    open_values: Sequence[tuple[str, str]] = (),
    value_lines: Sequence[str] = (),
    entity: str = "company",
) -> dict[str, list[dict[str, Any]]]:
    """The proposals for a tiny source with one table of companies: by table, in the order of the seeds."""
    with duckdb.connect() as con:
        inputs.fill_seeds(con, PROJECT)
        con.execute("delete from map_fields")
        con.execute(
            "create temp table declared as select '' as source_system, '' as table_name, '' as column_name"
        )
        con.execute(
            "create temp table entity_tables as select 'mautic' as source_system, 'c' as table_name, "
            "'company' as source_entity"
        )
        con.execute(
            "create temp table registry (source_system varchar, source_entity varchar, source_field varchar, "
            "label varchar, field_type varchar)"
        )
        con.execute(
            "create temp table landed (source_system varchar, table_name varchar, source_entity varchar, "
            "column_name varchar, data_type varchar)"
        )
        con.execute(
            "create temp table source_values (source_system varchar, source_entity varchar, "
            "source_field varchar, value varchar, records bigint)"
        )
        con.execute(
            "create temp table open_values (source_system varchar, source_field varchar, "
            "source_value varchar, records bigint)"
        )
        for field, label, kind in registry:
            con.execute("insert into registry values ('mautic', ?, ?, ?, ?)", [entity, field, label, kind])
        for field, kind in columns:
            con.execute("insert into landed values ('mautic', 'c', 'company', ?, ?)", [field, kind])
        for field, value, records in values:
            con.execute(
                "insert into source_values values ('mautic', 'company', ?, ?, ?)", [field, value, records]
            )
        for field, value in open_values:
            con.execute("insert into open_values values ('mautic', ?, ?, 1)", [field, value])
        if value_lines:
            con.execute("delete from map_values")
        for line in value_lines:
            cells = [cell or None for cell in next(csv.reader([line]))]
            con.execute(
                "insert into map_values by name select ? as source_system, ? as source_field, ? as source_value, "
                "? as sf_object, ? as sf_field, ? as sf_value",
                cells,
            )
        for line in lines:
            cells = line.split(",")
            con.execute(
                "insert into map_fields by name select ? as source_system, 'company' as source_entity, "
                "? as source_field, 'Account' as sf_object, ? as sf_field, ? as sf_type, ? as length, "
                "? as label, ? as status",
                cells,
            )
        account = DescribedObject("Account", fields={one.name.lower(): one for one in org})
        inputs.fill_org(con, {"account": account}, {})
        for step in STEPS:
            con.execute(step_sql(step))
        found = {}
        for table in ("proposed_fields", "proposed_values", "without_proposal"):
            result = con.execute(f"select * from {table} order by all")
            names = [one[0] for one in result.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        return found


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("text", ["short"], ("Text", 191, None, None)),
        ("text", ["x" * 200], ("Text", 255, None, None)),
        ("text", ["x" * 256], ("LongTextArea", 32768, None, None)),
        ("text", ["one\ntwo"], ("LongTextArea", 32768, None, None)),
        ("html", ["x" * 40000], ("LongTextArea", 131072, None, None)),
        ("number", ["12", "3.50"], ("Number", None, 18, 1)),
        ("number", ["12.0"], ("Number", None, 18, 0)),
        ("number", ["1.12345"], ("Number", None, 18, 2)),
        ("number", ["12345678901234567890"], ("Text", 255, None, None)),
        ("number", ["many", "few"], ("Text", 255, None, None)),
        ("number", ["0012", "0013"], ("Text", 255, None, None)),
        ("date", ["2020-02-30", "soon"], ("Text", 255, None, None)),
        ("date", ["2020-02-28"], ("Date", None, None, None)),
        ("select", ["a", "b"], ("Picklist", 255, None, None)),
        ("select", [f"v{number}" for number in range(1001)], ("Text", 255, None, None)),
        ("multiselect", ["a|b"], ("MultiselectPicklist", None, None, None)),
        ("boolean", ["1", "yes"], ("Checkbox", None, None, None)),
        ("tel", ["+49 30 1"], ("Phone", 40, None, None)),
        ("url", [f"https://{'x' * 300}.example"], ("LongTextArea", 32768, None, None)),
        ("never heard of", ["a@b.example"], ("Email", 80, None, None)),
        ("never heard of", ["https://a.example/x"], ("Url", None, None, None)),
        ("never heard of", ["true", "False"], ("Checkbox", None, None, None)),
        ("never heard of", ["2020-01-01 10:00:00"], ("DateTime", None, None, None)),
        ("never heard of", [], ("Text", 255, None, None)),
    ],
)
def test_type_and_size_come_from_registry_and_values(
    kind: str, values: list[str], expected: tuple[Any, ...]
) -> None:
    found = _decide([("extra", "Extra", kind)], [("extra", value, 1) for value in values])["proposed_fields"]
    assert [(row["sf_type"], row["length"], row["precision"], row["scale"]) for row in found] == [expected]
    assert found[0]["status"] == "proposed"
    assert 0 <= found[0]["confidence"] <= 1


def test_a_landed_column_without_registry_goes_by_its_type() -> None:
    found = _decide(columns=[("open_orders", "BIGINT")], values=[("open_orders", "3", 2)])["proposed_fields"]
    assert [(row["label"], row["sf_field"], row["sf_type"]) for row in found] == [
        ("Open Orders", "Open_Orders__c", "Number")
    ]
    assert found[0]["reason"] == "new field, landed as bigint; 100 % of 2 values fit"


def _field(name: str, label: str, kind: str = "string", length: int = 80, **more: Any) -> DescribedField:
    return DescribedField(name, kind, label, length, **more)


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        (_field("Sic", "Region"), ["north"], "Sic"),
        (_field("Region__c", "Elsewhere"), ["north"], "Region__c"),
        (_field("Sic", "Region", length=3), ["north"], "Region__c"),
        (_field("Sic", "Region", updateable=False), ["north"], "Region__c"),
        (_field("Sic", "Region", calculated=True), ["north"], "Region__c"),
        (_field("Sic", "Religion"), ["north"], "Region__c"),
        (_field("Sic", "Region", "double", 0), ["north"], "Region__c"),
        (_field("Sic", "Region", "reference", 18), ["north"], "Region__c"),
        (
            _field("Sic", "Region", "picklist", 255, restricted=True, values=("south",)),
            ["north"],
            "Region__c",
        ),
        (_field("Sic", "Region", "picklist", 255, restricted=True, values=("north",)), ["north"], "Sic"),
        (_field("Sic", "Region", "multipicklist", 255), ["north"], "Region__c"),
        (_field("Sic", "Region", "string"), ["one\ntwo"], "Region__c"),
    ],
)
def test_a_field_of_the_org_is_taken_if_name_and_values_fit(
    field: DescribedField, values: list[str], expected: str
) -> None:
    found = _decide([("region", "Region", "text")], [("region", one, 1) for one in values], org=[field])
    assert [row["sf_field"] for row in found["proposed_fields"]] == [expected]


def test_two_fields_never_become_one() -> None:
    found = _decide(
        [("region", "Region", "text"), ("region_2", "Region", "text")], org=[_field("Region__c", "Region")]
    )["proposed_fields"]
    assert sorted(row["sf_field"] for row in found) == ["Region_2__c", "Region__c"]


def test_the_field_that_another_source_got_is_shared_with_its_type() -> None:
    lines = [
        "actimo,data1,Badge__c,Text,30,Badge,confirmed",
        "mautic,old,Badge_Color__c,Text,30,Color,confirmed",
    ]
    found = _decide(
        [("badge", "Badge", "text"), ("color", "Color", "text")],
        [("badge", "B1", 1)],
        org=[_field("Badge__c", "Badge", length=99)],
        lines=lines,
    )["proposed_fields"]
    assert [(row["sf_field"], row["length"]) for row in found] == [("Badge__c", 30), ("Color__c", 191)]
    assert "of actimo" in found[0]["reason"]


def test_what_has_no_target_is_told_and_not_guessed() -> None:
    found = _decide(
        [("colour", "Colour", "text")], entity="custom_object:boat", open_values=[("mood", "sunny")]
    )
    assert found["proposed_fields"] == []
    assert found["proposed_values"] == []
    assert [(row["subject"], row["next_step"]) for row in found["without_proposal"]] == [
        (
            "custom_object:boat.colour",
            "name the object of custom_object:boat in seeds/salesforce/custom_objects.csv",
        ),
        (
            'mood "sunny"',
            "no line of mood tells where such values go; add one to seeds/maps/mautic_values.csv",
        ),
    ]


def test_fields_of_a_custom_object_go_to_its_object() -> None:
    found = _decide([("colour", "Colour", "text")], entity="custom_object:product")["proposed_fields"]
    assert [(row["sf_object"], row["sf_field"]) for row in found] == [("Product__c", "Colour__c")]


STAGES = (
    "mautic,lifecycle_stage,Subscriber,Lead,Status,Open - Not Contacted",
    "mautic,lifecycle_stage,Customer,Contact,,",
    "mautic,lifecycle_stage,SQL,Contact,,",
    "mautic,lifecycle_stage_without_company,Customer,Lead,Status,Working - Contacted",
    "actimo,lifecycle_stage,Pending,Lead,Status,Open - Not Contacted",
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "customers",
            [
                ("lifecycle_stage", "Contact", None),
                ("lifecycle_stage_without_company", "Lead", "Working - Contacted"),
            ],
        ),
        ("Subscribers", [("lifecycle_stage", "Lead", "Open - Not Contacted")]),
        ("Pendings", [("lifecycle_stage", "Lead", "Open - Not Contacted")]),
        ("Closed - Converted!!s", [("lifecycle_stage", "Lead", "Closed - Converted")]),
        ("Zzz", [("lifecycle_stage", "Lead", "Open - Not Contacted")]),
        ("MQL", [("lifecycle_stage", "Lead", "Open - Not Contacted")]),
        ("CUSTOMER", []),
    ],
)
def test_a_value_goes_where_the_most_similar_decision_or_picklist_value_goes(
    value: str, expected: list[tuple[str, str, str | None]]
) -> None:
    found = _decide(open_values=[("lifecycle_stage", value)], value_lines=STAGES)["proposed_values"]
    assert [(row["source_field"], row["sf_object"], row["sf_value"]) for row in found] == expected
    if value == "Zzz":
        assert found[0]["confidence"] == pytest.approx(0.1)


def test_spellings_of_one_value_are_one_line() -> None:
    found = _decide(
        open_values=[("lifecycle_stage", "Key Account"), ("lifecycle_stage", "key-account")],
        value_lines=STAGES,
    )["proposed_values"]
    assert len(found) == 1
    assert found[0]["records"] == 2


LABELS = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(
            ["Seats", "seats", "Seats 2", "SEATS_2", "Seats 3", "", "12", "Größe", "日本", "a" * 90]
        ),
        st.from_regex(r"[A-Za-z_ ]{0,50}[0-9_]{0,4}", fullmatch=True),
    ),
    min_size=1,
    max_size=25,
)
MACROS = step_sql("open").split("-- The two dbt tests")[0]


def _names(labels: list[str], blocked: list[str]) -> list[str]:
    """The API names of these labels, in their order."""
    with duckdb.connect() as con:
        con.execute(MACROS)
        con.execute(
            "create temp table wanted_names as select 'Lead' as sf_object, 's' as source_system, 'e' as source_entity, "
            "lpad(number::varchar, 3, '0') as source_field, label from (select unnest(?::varchar[]) as label, "
            "unnest(range(len(?::varchar[]))) as number)",
            [labels, labels],
        )
        con.execute(
            "create temp table blocked_names as select 'Lead' as sf_object, unnest(?::varchar[]) as name",
            [blocked],
        )
        con.execute(step_sql("names"))
        return [
            row[0] for row in con.execute("select sf_field from new_names order by source_field").fetchall()
        ]


def test_names_read_like_their_labels() -> None:
    labels = ["Assistant's E-mail", "Größe & Gewicht (kg)", "2nd phone", "日本", "seats  per__plan"]
    assert _names(labels, []) == [
        "Assistants_Email__c",
        "Grosse_And_Gewicht_Kg__c",
        "X2nd_Phone__c",
        "Field__c",
        "Seats_Per_Plan__c",
    ]


@settings(max_examples=60, deadline=None)
@given(LABELS, st.lists(st.sampled_from(["Seats", "seats__c", "Seats_2__c", "Field__c", "A__c"]), max_size=4))
def test_any_label_gives_a_name_that_salesforce_takes_and_nobody_has(
    labels: list[str], blocked: list[str]
) -> None:
    """Letters, digits, single underscores, a letter first, no more than 40 characters; case does not count."""
    labels = [label.replace("\x00", "").encode("utf-8", "ignore").decode() for label in labels]
    names = _names(labels, blocked)
    assert len(names) == len(labels)
    for name in names:
        assert re.fullmatch(r"[A-Za-z]([A-Za-z0-9]|_(?=[A-Za-z0-9]))*__c", name), name
        assert len(name) <= 40
    taken = [re.sub("__c$", "", name.lower()) for name in names]
    assert len(set(taken)) == len(taken)
    assert not set(taken) & {re.sub("__c$", "", name.lower()) for name in blocked}
    assert _names(labels, blocked) == names
