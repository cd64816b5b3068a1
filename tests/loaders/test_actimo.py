"""Actimo's deliveries: what people export arrives whole, typed and checked, or the place that stops it is named."""

from __future__ import annotations

import json
import zipfile
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from actimo_support import deliver, manifest, notes, read, refused, staged, workbook

from loaders import pipeline, project
from loaders.errors import ConfigurationError, RefusedError

PEOPLE = "contact_id;first_name;email;created_at\n50001;Åse;aase@nord.example;01-03-2023 08:00\n50002;Bo;;01-07-2023 08:00\n"
ENROLLED = "academy_id,contact_id,status\n71,50001,Completed\n71,59999,Completed\n"


def land(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, pipeline.LandedTable]:
    """refresh-raw over a drop folder; the landed tables by name."""
    monkeypatch.setenv("SOURCES__ACTIMO__DROP_FOLDER", str(folder))
    return {table.table: table for table in pipeline.refresh(["actimo"])}


def warehouse(query: str) -> list[tuple[object, ...]]:
    """What the warehouse holds."""
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as session:
        return session.execute(query).fetchall()


@pytest.mark.requirement("ACT-14")
@pytest.mark.requirement("SRC-12")
def test_a_delivery_lands_typed_with_every_row_traceable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = land(deliver(tmp_path / "nord", {"contacts.csv": PEOPLE}), monkeypatch)
    assert landed["contacts"].rows_landed == 2
    assert warehouse(
        "select workspace, source_file, source_row, contact_id, email, created_at from raw_actimo.contacts order by 3"
    ) == [
        ("nord", "contacts.csv", 2, "50001", "aase@nord.example", datetime(2023, 3, 1, 7)),
        ("nord", "contacts.csv", 3, "50002", None, datetime(2023, 7, 1, 6)),
    ]


def test_tables_that_were_not_delivered_are_there_empty_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = land(deliver(tmp_path / "nord", {"contacts.csv": PEOPLE}), monkeypatch)
    assert landed["survey_responses"].rows_landed == 0
    types = dict(
        warehouse(
            "select column_name, data_type from duckdb_columns()"
            " where schema_name = 'raw_actimo' and table_name = 'academy_enrollments'"
        )
    )
    assert (types["start_date"], types["due_date"], types["score"]) == ("TIMESTAMP", "DATE", "DOUBLE")
    assert any(
        "nord: the delivery has no groups, group_members" in note for note in landed["deliveries"].notes
    )


def test_landing_twice_gives_the_same_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = deliver(tmp_path / "nord", {"contacts.csv": PEOPLE, "academy_enrollments.csv": ENROLLED})
    queries = [
        f"from raw_actimo.{table} order by all" for table in ("contacts", "academy_enrollments", "orphans")
    ]
    found = []
    for _ in range(2):
        land(folder, monkeypatch)
        found.append([[row[:6] for row in warehouse(query)] for query in queries])
    assert found[0] == found[1]
    assert not list((project.data_dir() / "actimo").glob("stage*"))


@pytest.mark.requirement("ACT-16")
def test_two_workspaces_with_the_same_ids_do_not_meet(tmp_path: Path) -> None:
    folder = deliver(
        tmp_path,
        {
            "Nord/contacts.csv": "contact_id,first_name\n1,Åse\n",
            "Syd øst/contacts.csv": "contact_id,first_name\n1,Bo\n2,Ib\n",
            "Syd øst/academy_enrollments.csv": "academy_id,contact_id\n7,2\n",
            "Nord/academy_enrollments.csv": "academy_id,contact_id\n7,2\n",
        },
    )
    stage = staged(folder)
    people = stage.session.execute(
        "select workspace, contact_id, first_name from t_contacts order by all"
    ).fetchall()
    orphans = stage.session.execute(
        "select workspace, missing_id from orphans where column_name = 'contact_id'"
    ).fetchall()
    stage.close()
    assert people == [("nord", "1", "Åse"), ("syd_oest", "1", "Bo"), ("syd_oest", "2", "Ib")]
    assert orphans == [("nord", "2")]  # contact 2 of the other workspace is somebody else


@pytest.mark.requirement("ACT-16")
def test_workspaces_that_would_share_a_key_are_refused(tmp_path: Path) -> None:
    deliver(tmp_path, {"Nord/contacts.csv": PEOPLE, "nord !/contacts.csv": PEOPLE})
    with pytest.raises(ConfigurationError, match="would have the key 'nord'"):
        staged(tmp_path)


@pytest.mark.requirement("ACT-16")
def test_a_zip_file_is_a_delivery_like_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "Nord.zip", "w") as archive:
        archive.writestr("export/contacts.csv", PEOPLE)
    assert read(tmp_path, "select workspace, count(*) from t_contacts group by 1") == [("nord", 2)]
    assert "unpacks to more than 10 bytes" in refused(tmp_path, max_unpacked_bytes=10)


@pytest.mark.requirement("ACT-14")
@pytest.mark.requirement("SRC-12")
@pytest.mark.parametrize(
    "headers", ["Kontakt-ID;Fornavn;E-mail;Oprettet", " CONTACT ID;First  Name;EMAIL;created"]
)
def test_renamed_headers_are_known_by_the_alias_seed(tmp_path: Path, headers: str) -> None:
    deliver(tmp_path, {"contacts.csv": PEOPLE.replace("contact_id;first_name;email;created_at", headers)})
    assert read(tmp_path, "select contact_id, first_name, email is null from t_contacts order by 1") == [
        ("50001", "Åse", False),
        ("50002", "Bo", True),
    ]


@pytest.mark.requirement("ACT-14")
def test_a_new_column_lands_and_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "contact_id;Yndlingsfarve;Workspace\n1;grøn;x\n"
    landed = land(deliver(tmp_path / "nord", {"contacts.csv": text}), monkeypatch)
    assert "new column 'Yndlingsfarve', landed as text" in " ".join(landed["contacts"].notes)
    found = warehouse("select workspace, yndlingsfarve, workspace_2 from raw_actimo.contacts")
    assert found == [("nord", "grøn", "x")]


@pytest.mark.requirement("ACT-14")
def test_a_missing_key_column_and_a_doubled_one_are_named(tmp_path: Path) -> None:
    deliver(
        tmp_path,
        {"contacts.csv": "first_name;email\nÅse;a@nord.example\n", "groups.csv": "group_id,Group ID\n1,2\n"},
    )
    text = refused(tmp_path, workspace="nord")
    assert "nord/contacts.csv: the needed column contact_id is missing" in text
    assert "nord/groups.csv: two headers mean the column group_id: 'group_id' and 'Group ID'" in text
    assert "Åse" not in text  # a first line of data is no header, and nobody's name belongs in a message


def test_optional_columns_may_be_missing(tmp_path: Path) -> None:
    deliver(tmp_path, {"contacts.csv": "contact_id\n7\n"})
    assert read(tmp_path, "select contact_id, employee_status, created_at from t_contacts") == [
        ("7", None, None)
    ]


@pytest.mark.requirement("ACT-14")
def test_a_file_that_nobody_knows_is_kept_and_reported(tmp_path: Path) -> None:
    deliver(tmp_path, {"contacts.csv": PEOPLE, "wishes.csv": "what;why\ncoffee;\n"})
    assert read(tmp_path, "select source_file, data from t_other_rows") == [
        ("wishes.csv", '{"what":"coffee","why":null}')
    ]
    assert any("wishes.csv: no table is known for this file" in note for note in notes(tmp_path))


@pytest.mark.requirement("ACT-14")
def test_an_unknown_entity_in_the_manifest_and_a_folder_without_tables_stop(tmp_path: Path) -> None:
    deliver(tmp_path / "a", {"contacts.csv": PEOPLE})
    manifest(tmp_path / "a", entries={"contacts.csv": {"entity": "persons"}})
    with pytest.raises(ConfigurationError, match=r"contacts\.csv holds 'persons', which is no table"):
        staged(tmp_path / "a")
    deliver(tmp_path / "b", {"wishes.csv": "a,b\n1,2\n"})
    with pytest.raises(ConfigurationError, match="named like one of Actimo's tables"):
        staged(tmp_path / "b")
    with pytest.raises(ConfigurationError, match="rehearse seed --source actimo"):
        staged(tmp_path / "nowhere")


@pytest.mark.requirement("ACT-18")
def test_a_broken_promise_of_the_manifest_stops_and_names_the_file(tmp_path: Path) -> None:
    deliver(tmp_path, {"contacts.csv": PEOPLE, "groups.csv": "group_id,name\n1,Alle\n"})
    manifest(tmp_path, entries={"contacts.csv": {"rows": 3}, "groups.csv": {"sha256": "00"}})
    text = refused(tmp_path)
    assert "nord/contacts.csv: the manifest promises 3 rows, the file has 2" in text
    assert "nord/groups.csv: the file is not the one of the manifest: its SHA-256 differs" in text
    (tmp_path / "groups.csv").unlink()
    assert "nord: groups.csv is in the manifest and not in the delivery" in refused(tmp_path)


@pytest.mark.requirement("ACT-18")
def test_fewer_rows_than_actimo_counts_fail_the_landing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path, {"contacts.csv": PEOPLE})
    manifest(tmp_path, actimo_counts={"contacts": 2})
    assert land(tmp_path, monkeypatch)["contacts"].rows_in_source == 2
    manifest(tmp_path, actimo_counts={"contacts": 3})
    with pytest.raises(RefusedError, match=r"contacts: 2 of 3 rows arrived"):
        land(tmp_path, monkeypatch)


@pytest.mark.requirement("ACT-18")
def test_an_enrolment_of_somebody_who_is_not_exported_is_an_orphan(tmp_path: Path) -> None:
    deliver(
        tmp_path,
        {"contacts.csv": PEOPLE, "academy_enrollments.csv": ENROLLED, "academies.csv": "academy_id\n71\n"},
    )
    stage = staged(tmp_path, workspace="nord")
    assert stage.session.execute("from orphans").fetchall() == [
        ("nord", "academy_enrollments", "contact_id", "contacts", "59999", "academy_enrollments.csv", 3)
    ]
    assert stage.session.execute("select count(*) from t_academy_enrollments").fetchone() == (2,)
    stage.close()
    text = "academy_enrollments.contact_id: orphan: no such record in contacts (1; nord/59999)"
    assert text in notes(tmp_path, workspace="nord")


@pytest.mark.requirement("ACT-18")
@pytest.mark.requirement("ACT-09")
def test_a_manager_is_known_by_unique_id_or_contact_id(tmp_path: Path) -> None:
    text = "contact_id,unique_id,manager_unique_id\n1,0012,\n2,e-1,0012\n3,,1\n4,,E-1\n5,,E-9999\n"
    deliver(tmp_path, {"contacts.csv": text})
    assert read(tmp_path, "select missing_id from orphans") == [("E-9999",)]


@pytest.mark.requirement("ACT-18")
def test_references_without_their_table_are_reported_as_unchecked(tmp_path: Path) -> None:
    deliver(tmp_path, {"academy_enrollments.csv": ENROLLED})
    found = notes(tmp_path, workspace="nord")
    assert (
        "academy_enrollments.contact_id: not checked: no contacts in the delivery of nord (None; None)"
        in found
    )


@pytest.mark.requirement("ACT-18")
def test_moments_that_cannot_be_are_noted(tmp_path: Path) -> None:
    text = (
        "academy_id;contact_id;start_date;completion_date\n1;1;02-01-2025;01-01-2025\n1;2;01-02-2026 10:00;\n"
    )
    deliver(tmp_path, {"academy_enrollments.csv": text})
    manifest(tmp_path, exported_at="2026-01-01T00:00:00")
    found = notes(tmp_path)
    assert (
        "academy_enrollments.completion_date: earlier than start_date (1; academy_enrollments.csv/2)" in found
    )
    assert "academy_enrollments.start_date: later than the export (1; academy_enrollments.csv/3)" in found
    delivered = read(tmp_path, "select first_moment, last_moment, row_count from delivered_files")
    assert delivered == [(datetime(2024, 12, 31, 23), datetime(2026, 2, 1, 9), 2)]


def test_repeated_keys_land_and_are_noted(tmp_path: Path) -> None:
    line = "1,2,opened\n"
    deliver(tmp_path, {"message_recipients.csv": "message_id,contact_id,name\n" + line + line})
    found = notes(tmp_path, workspace="nord")
    assert (
        "message_recipients.: repeats the key message_id + contact_id + email + mobile_phone (1; nord/1)"
        in found
    )
    assert read(tmp_path, "select count(*) from t_message_recipients") == [(2,)]


def test_the_report_of_one_message_gets_the_message_from_its_name(tmp_path: Path) -> None:
    text = "\ufeffName;Notification;Opened on;Traffic sources;Email\r\nÅse Ø;Push;03-02-2025 09:01;Push;a@nord.example\r\n"
    deliver(tmp_path, {"message_1700017_report (1).csv": text})
    found = read(tmp_path, "select message_id, contact_id, name, email, opened_on from t_message_recipients")
    assert found == [("1700017", None, "Åse Ø", "a@nord.example", datetime(2025, 2, 3, 8, 1))]


def test_json_lists_lines_and_envelopes_are_read(tmp_path: Path) -> None:
    listed = '[{"thread_id": "a", "employee_contact_id": 7, "entries": [{"entry_id": 1}], "scheduled_date": "2025-02-12"}]'
    deliver(tmp_path / "nord", {
        "feedback.json": listed,
        "contacts.json": '{"status": true, "data": [{"id": 7, "first_name": "Åse", "opt_out": 0, "email": null}]}',
        "automations.json": '{"automation_id": "x", "trigger": {"type": "t"}}\n{"automation_id": "y", "active": true}\n',
        "groups.json": "\ufeff[]",
    })  # fmt: skip
    stage = staged(tmp_path)
    one = stage.session.execute(
        "select thread_id, employee_contact_id, entries, scheduled_date from t_feedback"
    ).fetchall()
    assert one == [("a", "7", '[{"entry_id":1}]', date(2025, 2, 12))]
    people = stage.session.execute("select contact_id, first_name, opt_out, email from t_contacts").fetchall()
    assert people == [("7", "Åse", False, None)]
    flows = stage.session.execute(
        "select automation_id, trigger, active from t_automations order by 1"
    ).fetchall()
    assert flows == [("x", '{"type":"t"}', None), ("y", None, True)]
    stage.close()


@pytest.mark.requirement("SRC-12")
def test_json_that_is_none_names_the_place_and_no_value(tmp_path: Path) -> None:
    deliver(
        tmp_path, {"feedback.json": '[{"thread_id": "secret"}, {"thread_id": oops}]', "groups.json": "[1]"}
    )
    text = refused(tmp_path, workspace="nord")
    assert "nord/feedback.json: it is no JSON: at byte" in text
    assert "nord/groups.json: element 1 is no object" in text
    assert "secret" not in text


@pytest.mark.requirement("SRC-12")
def test_a_workbook_as_people_save_it_is_read(tmp_path: Path) -> None:
    rows = [
        ["Eksport"], [], ["Academy ID", "Contact ID", "Start Date", "Progress percent", "Score", "Attempts"],
        [71, "050001", datetime(2025, 2, 3, 9, 30), 0.5, "95 %", 2],
        [71, 50002, 45414.395833333, 66.7, None, 1],
        [None, None, None],
        ["Total", None, None, None, None, 3],
    ]  # fmt: skip
    path = workbook(tmp_path / "academy_enrollments.xlsx", rows, {"D4": "0%"})
    found = read(
        tmp_path,
        "select source_row, academy_id, contact_id, start_date, progress_percent, score, attempts"
        " from t_academy_enrollments order by 1",
    )
    assert found == [
        (4, "71", "050001", datetime(2025, 2, 3, 8, 30), 50.0, 95.0, 2),
        (5, "71", "50002", datetime(2024, 5, 2, 7, 30), 66.7, None, 1),
    ]
    manifest(tmp_path, entries={path.name: {"decimal": ",", "rows": 2}})
    assert read(tmp_path, "select progress_percent from t_academy_enrollments order by source_row") == [
        (50.0,),
        (66.7,),
    ]


@pytest.mark.requirement("SRC-12")
def test_a_workbook_that_cannot_be_read_stops_with_its_place(tmp_path: Path) -> None:
    rows = [["contact_id", "created_at"], ["1", "2025-01-01"], ["2", "some day"], ["3", "#N/A"]]
    path = workbook(tmp_path / "contacts.xlsx", rows)
    text = refused(tmp_path, workspace="nord")
    assert "nord/contacts.xlsx: row 4, column 2 (created_at): the cell holds an error of Excel" in text
    workbook(path, rows[:3])
    assert "nord/contacts.xlsx: row 3, column 'created_at': no date and time" in refused(
        tmp_path, workspace="nord"
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "nord/contacts.xlsx: the workbook is damaged at its beginning" in refused(
        tmp_path, workspace="nord"
    )
    path.write_bytes(b"\xd0\xcf\x11\xe0 old")
    assert "an old .xls workbook or has a password" in refused(tmp_path, workspace="nord")
    workbook(path, rows[:2])
    assert "unpacks to more than 100 bytes" in refused(tmp_path, workspace="nord", max_unpacked_bytes=100)


@pytest.mark.requirement("SRC-12")
def test_damage_within_a_sheet_names_the_row_before_it(tmp_path: Path) -> None:
    path = workbook(tmp_path / "contacts.xlsx", [["contact_id"], *[[str(n)] for n in range(1, 4000)]])
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"][:-4000]
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    text = refused(tmp_path, workspace="nord")
    assert "nord/contacts.xlsx: the workbook is damaged after row 39" in text


@pytest.mark.requirement("SRC-12")
def test_a_value_that_cannot_be_read_stops_its_file_with_row_and_column(tmp_path: Path) -> None:
    text = "Kontakt-ID;Oprettet;opt_out\n1;01-02-2025;ja\n2;31-02-2025;ja\n3;02/13/2025;maybe\n"
    deliver(tmp_path, {"contacts.csv": text, "groups.csv": "group_id,member_count\n1,2.5\n"})
    found = refused(tmp_path, workspace="nord")
    assert "nord/contacts.csv: row 3, column 'Oprettet': no date and time that can be read" in found
    assert "nord/contacts.csv: row 4, column 'Oprettet': no date and time" in found
    assert "nord/contacts.csv: row 4, column 'opt_out': no yes or no" in found
    assert "nord/groups.csv: row 2, column 'member_count': no whole number" in found
    assert "maybe" not in found


@pytest.mark.requirement("SRC-12")
def test_ragged_rows_and_open_quotes_stop_with_their_place(tmp_path: Path) -> None:
    deliver(tmp_path, {
        "contacts.csv": 'contact_id;first_name;email\n1;"a;b\nc";x\n2;Bo\n3;Ib;x;y\n',
        "groups.csv": 'group_id,name\n1,"open\n',
    })  # fmt: skip
    found = refused(tmp_path, workspace="nord")
    assert "nord/contacts.csv: row 3, column 3 (email): the row ends before this column" in found
    assert "nord/contacts.csv: row 4, column 4: the row has more cells than the header" in found
    assert "nord/groups.csv: row 2, column 2 (name): a quote is opened and not closed" in found


@pytest.mark.requirement("SRC-12")
def test_a_refused_delivery_leaves_the_last_landing_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver(tmp_path / "nord", {"contacts.csv": PEOPLE})
    land(folder, monkeypatch)
    deliver(folder, {"contacts.csv": PEOPLE + "50003;Ib\n"})
    with pytest.raises(RefusedError, match="row 4, column 3"):
        land(folder, monkeypatch)
    assert warehouse("select count(*) from raw_actimo.contacts") == [(2,)]
    assert not list((project.data_dir() / "actimo").glob("stage*"))


def test_the_stage_of_a_killed_landing_is_removed_by_the_next(tmp_path: Path) -> None:
    left = project.data_dir() / "actimo" / "stage-999999999-x"
    left.mkdir(parents=True)
    staged(deliver(tmp_path, {"contacts.csv": PEOPLE})).close()
    assert not left.exists()


@pytest.mark.requirement("ACT-12")
@pytest.mark.requirement("ACT-15")
def test_files_and_images_are_collected_with_their_owner(tmp_path: Path) -> None:
    image = "data:image/png;base64,aGVq"
    body = f"<p>hej</p><img src='https://x.example/pic.png'><IMG alt=1 src=\"{image}\"><img src=''>"
    body += "<img src='data:;base64,?'>"
    listed = (
        "file_id,parent_type,parent_id,file_name,relative_path,source_url,mime_type,sha256\n"
        "f1,message,7,pic.png,files/pic.png,https://x.example/pic.png,image/png,\n"
        "f2,academy,1,Bøger å.txt,files/Bøger å.txt,,text/plain,00\n"
        "f3,survey,1,gone.pdf,files/gone.pdf,,application/pdf,\n"
        "f4,academy,1,intro.mp4,,https://player.example/1,video/mp4,\n"
        "f5,message,7,passwd,../../../../etc/passwd,,text/plain,\n"
    )
    deliver(tmp_path, {
        "messages.json": f'[{{"message_id": 7, "body_html": {json.dumps(body)}}}]',
        "files.csv": listed, "files/pic.png": b"picture", "files/Bøger a\u030a.txt": b"bog",
    })  # fmt: skip
    found = read(
        tmp_path,
        "select file_id, origin, parent_type, parent_id, position, status, size_bytes, mime_type, local_path = sha256"
        " from file_contents order by origin, file_id nulls last, position",
        workspace="nord",
    )
    assert found == [
        ("f1", "file", "message", "7", None, "landed", 7, "image/png", True),
        ("f2", "file", "academy", "1", None, "differs", 3, "text/plain", True),
        ("f3", "file", "survey", "1", None, "missing", None, "application/pdf", None),
        ("f4", "file", "academy", "1", None, "link", None, "video/mp4", None),
        ("f5", "file", "message", "7", None, "missing", None, "text/plain", None),
        ("f1", "inline", "message", "7", 1, "landed", 7, "image/png", True),
        (None, "inline", "message", "7", 2, "landed", 3, "image/png", True),
        (None, "inline", "message", "7", 3, "failed", None, "text/plain", None),
    ]
    kept = {path.read_bytes() for path in (project.data_dir() / "files").iterdir() if path.is_file()}
    assert kept == {b"picture", b"bog", b"hej"}
    assert "files.: file: missing (2; nord/f3, nord/f5)" in notes(tmp_path, workspace="nord")
    assert ("refused",) in read(
        tmp_path, "select status from file_contents", workspace="nord", max_file_bytes=2
    )


@pytest.mark.requirement("ACT-17")
def test_the_manifest_s_time_zone_and_the_settings_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path, {"contacts.csv": PEOPLE})
    manifest(tmp_path, timezone="Europe/Atlantis")
    with pytest.raises(ConfigurationError, match="no time zone 'Europe/Atlantis'"):
        staged(tmp_path)
    for name, value, text in (
        ("MODE", "ftp", "mode is 'ftp'"), ("TIMEZONE", "Nowhere", "no time zone"),
        ("MAX_FILE_BYTES", "much", "whole number"),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setenv(f"SOURCES__ACTIMO__{name}", value)
            with pytest.raises(ConfigurationError, match=text):
                land(tmp_path, patch)
