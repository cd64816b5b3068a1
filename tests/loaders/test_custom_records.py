"""One mart, many objects of the customer's own: schema, load, circles, delta, rollback and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from load_fixtures import FAST, KEY, column, model
from schema_fixtures import Project

from loaders.errors import ConfigurationError, RefusedError
from loaders.project import custom_objects_path, field_map_paths
from loaders.rehearsal.process import RunningOrg
from loaders.salesforce.contract import load_order
from loaders.salesforce.load import load
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.metadata import wanted
from loaders.salesforce.preflight_run import run_preflight
from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.schema_run import deploy_target, project_request

OBJECTS = (
    "source_object,sf_object,label,plural_label,name_field,status,note",
    "course,Course__c,Course,Courses,Course Title,confirmed,",
    "seat,Seat__c,Seat,Seats,,confirmed,",
)
FIELDS = (
    "course,level,Course__c,Level__c,Picklist,255,,,Level,confirmed,",
    "course,hours,Course__c,Hours__c,Number,,5,1,Hours,confirmed,",
    "course,syllabus,Course__c,Syllabus__c,Html,32768,,,Syllabus,confirmed,",
    "course,online,Course__c,Online__c,Checkbox,,,,Online,confirmed,",
    "course,before,Course__c,Before__c,Lookup(Course__c),,,,Before,confirmed,the course to take before",
    "course,best,Course__c,Best_Seat__c,Lookup(Seat__c),,,,Best Seat,confirmed,",
    "seat,course,Seat__c,Course__c,Lookup(Course__c),,,,Course,confirmed,",
    "seat,contact,Seat__c,Contact__c,Lookup(Contact),,,,Contact,confirmed,",
)
ROWS = """
select * from (values
    ('x:course:1', 'Course__c', 'Algebra',
        '{"Level__c": "basic", "Hours__c": "2.5", "Syllabus__c": "<b>x</b>", "Online__c": "true"}',
        '{"Before__c": "x:course:2", "Best_Seat__c": "x:seat:1"}'),
    ('x:course:2', 'Course__c', 'Geometry', '{}', '{"Before__c": "x:course:1"}'),
    ('x:seat:1', 'Seat__c', 'A1', null, '{"Course__c": "x:course:2", "Contact__c": "x:contact:1"}')
) as rows_of(record_key, sf_object, record_name, fields, lookups)
"""


def _models() -> list[dict[str, Any]]:
    upsert = {"mode": "upsert", "key": "Source_System_ID__c"}
    last_name = column("last_name", {"field": "LastName", "type": "Text", "length": 80})
    name = column("record_name", {"field": "Name", "type": "Text", "length": 80})
    records = [column("record_key", KEY), column("sf_object"), name, column("fields"), column("lookups")]
    columns = {"object_column": "sf_object", "fields_column": "fields", "lookups_column": "lookups"}
    return [
        model("sf_custom_records", records, **columns, **upsert),
        model("sf_contacts", [column("record_key", KEY), last_name], object="Contact", **upsert),
    ]


@pytest.fixture
def courses(project: Project, start_target: Callable[..., RunningOrg]) -> Project:
    """A project with two custom objects in a circle, and an org that knows nothing of them."""
    project.declare(_models())
    project.seed("custom_objects", *OBJECTS)
    project.field_map(*FIELDS)
    project.mart("sf_custom_records", ROWS)
    project.mart("sf_contacts", "select 'x:contact:1' as record_key, 'Ada' as last_name")
    start_target()
    return project


def _by_mart(result: Any) -> dict[str, Any]:
    return {mart.mart: mart for mart in result.marts}


def test_one_contract_an_object_and_only_circles_wait_for_a_second_pass(project: Project) -> None:
    project.declare(_models())
    project.seed("custom_objects", *OBJECTS)
    project.field_map(*FIELDS)
    contracts = project_contracts()
    order = load_order(contracts)
    assert order.index("contacts") < order.index("custom_records.Seat__c")
    course, seat = contracts["custom_records.Course__c"], contracts["custom_records.Seat__c"]
    assert (course.object, course.label, course.plural_label, course.name_label) == (
        "Course__c", "Course", "Courses", "Course Title",
    )  # fmt: skip
    assert {field.name for field in course.later_fields} == {"Before__c", "Best_Seat__c"}
    assert {field.name for field in seat.later_fields} == {"Course__c"}
    assert seat.field("Contact__c").references == ("contacts",)


@pytest.mark.requirement("MAU-01")
def test_the_package_has_the_objects_with_their_fields_and_lookups(project: Project) -> None:
    project.declare(_models())
    project.seed("custom_objects", *OBJECTS)
    project.field_map(*FIELDS)
    components = {(one.type, one.name): dict(one.tree) for one in wanted(project_request())}
    course = components["CustomObject", "Course__c"]
    assert (course["label"], course["pluralLabel"], dict(course["nameField"])["label"]) == (
        "Course", "Courses", "Course Title",
    )  # fmt: skip
    lookup = components["CustomField", "Seat__c.Contact__c"]
    assert (lookup["referenceTo"], lookup["relationshipLabel"], lookup["relationshipName"]) == (
        "Contact", "Seats", "Seat_Contact",
    )  # fmt: skip
    assert components["CustomField", "Course__c.Best_Seat__c"]["referenceTo"] == "Seat__c"
    html = components["CustomField", "Course__c.Syllabus__c"]
    assert (html["type"], html["length"], html["visibleLines"]) == ("Html", "32768", "25")
    assert "required" not in html
    assert components["CustomField", "Course__c.Source_System_ID__c"]["externalId"] == "true"


@pytest.mark.requirement("COM-05")
def test_records_of_all_objects_arrive_with_circles_and_only_changes_go_out_again(courses: Project) -> None:
    deploy_target(None, check_only=False, confirmed=True)
    assert [one for one in run_preflight(None).findings if one.severity == "blocker"] == []
    result = load(None, pace=FAST)
    assert result.exit_code == 0, result.lines()
    found = courses.query(
        "SELECT Name, Hours__c, Online__c, Before__r.Name, Best_Seat__r.Name FROM Course__c ORDER BY Name"
    )
    assert [(one["Hours__c"], one["Online__c"], one["Before__r"]["Name"]) for one in found] == [
        (2.5, True, "Geometry"), (None, False, "Algebra"),
    ]  # fmt: skip
    assert found[0]["Best_Seat__r"]["Name"] == "A1"
    seat = courses.query("SELECT Course__r.Name, Contact__r.LastName FROM Seat__c")[0]
    assert (seat["Course__r"]["Name"], seat["Contact__r"]["LastName"]) == ("Geometry", "Ada")
    assert {mart.sent for mart in load(None, pace=FAST).marts} == {0}
    courses.mart(
        "sf_custom_records", ROWS.replace('"Hours__c": "2.5", ', "").replace('x:course:2"}', 'x:course:1"}')
    )
    changed = _by_mart(load(["custom_records"], pace=FAST))
    assert {name: mart.sent for name, mart in changed.items() if mart.sent} == {
        "custom_records.Course__c": 1,
    }  # fmt: skip
    assert courses.query("SELECT Hours__c FROM Course__c WHERE Name = 'Algebra'")[0]["Hours__c"] is None


@pytest.mark.requirement("C6")
def test_rollback_of_the_mart_takes_the_records_of_all_objects_back(courses: Project) -> None:
    deploy_target(None, check_only=False, confirmed=True)
    load(None, pace=FAST)
    undone = rollback(Scope(marts=("custom_records",)), pace=FAST)
    assert undone.exit_code == 0, undone.lines()
    assert (courses.query("SELECT Id FROM Course__c"), courses.query("SELECT Id FROM Seat__c")) == ([], [])
    assert len(courses.query("SELECT Id FROM Contact WHERE LastName = 'Ada'")) == 1


def test_rows_of_an_object_that_nobody_confirmed_stop_the_load_and_are_named(courses: Project) -> None:
    courses.seed("custom_objects", *OBJECTS[:2], OBJECTS[2].replace("confirmed", "ignored"))
    courses.field_map(*(line for line in FIELDS if "Seat__c" not in line))
    blockers = {(one.code, one.count) for one in run_preflight(None).findings if one.severity == "blocker"}
    assert ("OBJECT_NOT_CONFIRMED", 1) in blockers
    with pytest.raises(RefusedError, match=r"Seat__c in 1 row\(s\), e\.g\. x:seat:1"):
        load(None, pace=FAST, preflight=False)
    courses.seed("custom_objects", OBJECTS[0])
    courses.field_map()
    with pytest.raises(RefusedError, match=r"Course__c in 2 row\(s\)"):
        load(None, pace=FAST, preflight=False)
    assert load(["contacts"], pace=FAST, dry_run=True, preflight=False).marts[0].new == 1


def test_a_proposed_object_closes_the_gate(courses: Project) -> None:
    courses.seed("custom_objects", *OBJECTS, "room,Room__c,Room,Rooms,,proposed,")
    with pytest.raises(RefusedError, match=r"custom_objects\.csv line 4 \(room\) -> Room__c"):
        load(None, pace=FAST, preflight=False)


def test_a_lookup_that_no_line_declares_is_not_lost(courses: Project) -> None:
    courses.field_map(*(line for line in FIELDS if "Best_Seat__c" not in line))
    deploy_target(None, check_only=False, confirmed=True)
    findings = {(one.code, one.field) for one in run_preflight(None).findings if one.severity == "blocker"}
    assert findings == {("UNDECLARED_CUSTOM_FIELD", "Best_Seat__c")}
    with pytest.raises(RefusedError, match="Best_Seat__c in 1 row"):
        load(None, pace=FAST, preflight=False)


def test_a_lookup_to_an_object_without_a_mart_is_refused(project: Project) -> None:
    project.declare(_models())
    project.seed("custom_objects", *OBJECTS)
    project.field_map("seat,case,Seat__c,Case__c,Lookup(Case),,,,Case,confirmed,")
    with pytest.raises(
        ConfigurationError, match=r"line 2 \(seat\.case\) refers to Case, which no mart fills"
    ):
        project_contracts()
    assert field_map_paths() and custom_objects_path().is_file()
