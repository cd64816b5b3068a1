"""Texts of exports: whatever the encoding, delimiter, date or number format, the same values arrive."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from actimo_support import deliver, manifest, notes, read, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.actimo import stage as stages
from loaders.actimo.delivery import meant_table
from loaders.actimo.reading import UnreadableError
from loaders.actimo.settings import aliases, file_names, fold, slug, tables
from loaders.actimo.text_files import as_utf8

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
local_times = st.datetimes(datetime(1990, 1, 1), datetime(2049, 12, 31)).map(
    lambda t: t.replace(microsecond=0)
)
# what a cell can hold: anything printable that Windows-1252 has, and line breaks
LETTERS = "".join(
    bytes([n]).decode("cp1252") for n in range(32, 256) if n not in (127, 129, 141, 143, 144, 157, 160)
)
cells = st.text(st.sampled_from(LETTERS + "\n"), max_size=12).filter(lambda text: text.strip() == text)


@pytest.fixture(scope="module")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(stages._MACROS.read_text(encoding="utf-8"))
        yield connection


def value_of(session: duckdb.DuckDBPyConnection, expression: str, text: str) -> Any:
    """A macro's value for one text, `?` in the expression."""
    found = session.execute(
        f"select {expression.replace('?', 't')} from (select ?::varchar as t)", [text]
    ).fetchone()
    return found[0] if found else None


def moment(session: duckdb.DuckDBPyConnection, text: str, stated: str | None = None) -> Any:
    """A text as UTC, read in Copenhagen."""
    local = ", ".join(one.format(t="t") for one in stages.moment_order(stated))
    return value_of(
        session, f"coalesce(iso_zoned(?), local_to_utc(coalesce({local}), 'Europe/Copenhagen'))", text
    )


@pytest.mark.requirement("SRC-12")
@given(time=local_times)
@quick
def test_a_local_time_is_the_same_in_every_format(session: duckdb.DuckDBPyConnection, time: datetime) -> None:
    wanted = time.replace(tzinfo=COPENHAGEN, fold=0).astimezone(UTC).replace(tzinfo=None)
    serial = (time - datetime(1899, 12, 30)).total_seconds() / 86400
    texts = [
        f"{time:%Y-%m-%d %H:%M:%S}", f"{time:%Y-%m-%dT%H:%M:%S}", f"{time:%d-%m-%Y %H:%M:%S}",
        f"{time:%d/%m/%Y %H:%M:%S}", f"{time:%d.%m.%Y %H:%M:%S}", f"{time.day}-{time.month}-{time:%Y %H:%M:%S}",
        f"{serial:.9f}", f"{serial:.9f}".replace(".", ","),
    ]  # fmt: skip
    assert {text: moment(session, text) for text in texts} == dict.fromkeys(texts, wanted)


@pytest.mark.requirement("SRC-12")
@given(time=st.datetimes(datetime(1990, 1, 1), datetime(2049, 1, 1)), minutes=st.integers(-12 * 60, 14 * 60))
@quick
def test_a_time_with_an_offset_is_not_local(
    session: duckdb.DuckDBPyConnection, time: datetime, minutes: int
) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    for offset in (f"{sign}{hours:02}:{rest:02}", f"{sign}{hours:02}{rest:02}"):
        text = f"{time:%Y-%m-%dT%H:%M:%S.%f}{offset}"
        assert moment(session, text) == time - timedelta(minutes=minutes), text


@pytest.mark.requirement("SRC-12")
def test_times_at_the_change_of_clocks_are_the_first_and_are_noted(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert moment(session, "26-10-2025 02:30") == datetime(2025, 10, 26, 0, 30)
    assert moment(session, "30-03-2025 02:30") == datetime(2025, 3, 30, 1, 30)
    deliver(tmp_path, {"contacts.csv": "contact_id,created_at\n1,26-10-2025 02:30\n2,26-10-2025 03:30\n"})
    text = "local time that the change of clocks skips or repeats (1; None)"
    assert f"contacts.created_at: nord/contacts.csv: {text}" in notes(tmp_path, workspace="nord")


@pytest.mark.requirement("SRC-12")
@pytest.mark.parametrize(
    "text",
    [
        "13-13-2025",
        "31-02-2025",
        "02/30/2025",
        "3-2-25",
        "45.000",
        "199999",
        "2025-02",
        "kl. 9",
        "19999",
        "2025-1-1",
    ],
)
def test_what_is_no_moment_is_not_guessed(session: duckdb.DuckDBPyConnection, text: str) -> None:
    assert moment(session, text) is None


@pytest.mark.requirement("SRC-12")
def test_the_manifest_s_date_format_wins(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert moment(session, "03-02-2025") == datetime(2025, 2, 2, 23)  # day first without a word
    assert moment(session, "02/03/2025 14:05", "MM/DD/YYYY HH:mm") == datetime(2025, 2, 3, 13, 5)
    assert moment(session, "02/03/2025", "MM/DD/YYYY HH:mm") == datetime(2025, 2, 2, 23)
    assert moment(session, "13/02/2025", "MM/DD/YYYY HH:mm") is None  # and not the thirteenth after all
    assert moment(session, "2025-02-03 14:05", "MM/DD/YYYY HH:mm") == datetime(2025, 2, 3, 13, 5)
    with pytest.raises(UnreadableError, match="date_format 'soon' is none"):
        stages.moment_order("soon")
    deliver(tmp_path, {"contacts.csv": "contact_id,created_at\n1,02/03/2025\n"})
    manifest(tmp_path, entries={"contacts.csv": {"date_format": "MM/DD/YYYY"}})
    assert read(tmp_path, "select created_at from t_contacts") == [(datetime(2025, 2, 2, 23),)]


@pytest.mark.requirement("SRC-12")
def test_zero_dates_are_unknown_and_noted(tmp_path: Path) -> None:
    deliver(tmp_path, {"contacts.csv": "contact_id,created_at\n1,0000-00-00 00:00:00\n"})
    assert read(tmp_path, "select created_at from t_contacts") == [(None,)]
    assert "contacts.created_at: nord/contacts.csv: zero date read as null (1; None)" in notes(
        tmp_path, workspace="nord"
    )


def test_a_day_is_the_day_on_the_workspace_s_calendar(tmp_path: Path) -> None:
    lines = ["01-06-2025", "45809", "2025-06-01", "2025-05-31T23:30:00Z", "2025-06-01T00:30:00+02:00"]
    text = "academy_id,contact_id,due_date\n" + "".join(f"1,{n},{line}\n" for n, line in enumerate(lines))
    deliver(tmp_path, {"academy_enrollments.csv": text})
    assert read(tmp_path, "select distinct due_date from t_academy_enrollments") == [(date(2025, 6, 1),)]


@pytest.mark.requirement("SRC-12")
@given(number=st.decimals(-10_000_000, 10_000_000, places=2), percent=st.sampled_from(["", "%", " %"]))
@quick
def test_a_number_is_the_same_in_every_format(
    session: duckdb.DuckDBPyConnection, number: Any, percent: str
) -> None:
    grouped = f"{number:,.2f}"
    danish = grouped.translate(str.maketrans(",.", ".,"))
    texts = {
        (f"{number:.2f}", "."), (f"{number:.2f}".replace(".", ","), ","), (grouped, "."), (danish, ","),
        (f"{number:.2f}", ""), (f"{number:.2f}".replace(".", ","), ""), (grouped, ""), (danish, ""),
        (danish.replace(".", "\u00a0"), ","), (f"{number:.2f}", ","),
    }  # fmt: skip
    for text, sign in texts:
        assert value_of(session, f"number_of(?, '{sign}')", text + percent) == pytest.approx(float(number)), (
            text,
            sign,
        )


@pytest.mark.requirement("SRC-12")
def test_the_decimal_sign_of_the_manifest_decides_what_is_doubtful(
    session: duckdb.DuckDBPyConnection,
) -> None:
    found = [value_of(session, f"number_of(?, '{sign}')", text) for text, sign in
             (("1.250", ","), ("1.250", "."), ("1.250", ""), ("1,250", "."), ("1.250,5", ""), ("62,5 %", ","))]  # fmt: skip
    assert found == [1250.0, 1.25, 1.25, 1250.0, 1250.5, 62.5]
    assert [
        value_of(session, "number_of(?, ',')", text) for text in ("1.25.0", "a", "1,2,3", "--1", "1e5")
    ] == [None] * 5
    assert [value_of(session, "whole_of(?, '')", text) for text in ("12", "12,0", "12,5")] == [12, 12, None]


@pytest.mark.requirement("SRC-12")
@pytest.mark.parametrize(
    "text, wanted", [("Ja", True), ("NEJ", False), ("1", True), ("false", False), ("perhaps", None)]
)
def test_yes_and_no(session: duckdb.DuckDBPyConnection, text: str, wanted: bool | None) -> None:
    assert value_of(session, "flag_of(?)", text) is wanted


@pytest.mark.requirement("ACT-14")
@pytest.mark.requirement("SRC-12")
@given(
    table=st.lists(st.tuples(cells, cells), min_size=1, max_size=8),
    delimiter=st.sampled_from([";", ",", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "windows-1252", "utf-16", "utf-16-le", "utf-16-be"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    hint=st.booleans(),
)
@settings(quick, max_examples=15)
def test_csv_of_every_kind_gives_the_same_cells(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, str]],
    delimiter: str,
    encoding: str,
    newline: str,
    hint: bool,
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerow(["Kontakt-ID", "Fornavn", "Efternavn"])
    writer.writerows([str(number), *cells] for number, cells in enumerate(table))
    text = (f"sep={delimiter}{newline}" if hint else "") + buffer.getvalue() + newline
    folder = deliver(tmp_path_factory.mktemp("drop"), {"contacts.csv": text.encode(encoding)})
    found = read(folder, "select contact_id, first_name, last_name from t_contacts order by source_row")
    assert found == [(str(n), first or None, last or None) for n, (first, last) in enumerate(table)]


@pytest.mark.requirement("SRC-12")
def test_blank_rows_and_empty_last_columns_are_no_data(tmp_path: Path) -> None:
    deliver(
        tmp_path, {"contacts.csv": "\ufeffcontact_id;first_name;\r\n1;Åse;\r\n;;\r\n\r\n 2 ; Bo ;\r\n;;\r\n"}
    )
    assert read(tmp_path, "select contact_id, first_name from t_contacts") == [("1", "Åse"), ("2", " Bo ")]


@pytest.mark.requirement("SRC-12")
def test_line_ends_of_several_kinds_in_one_file_are_read_and_noted(tmp_path: Path) -> None:
    deliver(tmp_path, {"contacts.csv": '\ufeffcontact_id;first_name\r\n1;Åse\n2;"Bo\nIb"\r\n3;x\n'})
    found = read(tmp_path, "select source_row, contact_id, first_name from t_contacts")
    assert found == [(2, "1", "Åse"), (3, "2", "Bo\nIb"), (4, "3", "x")]
    assert any("line ends of several kinds" in note for note in notes(tmp_path, workspace="nord"))
    deliver(tmp_path, {"contacts.csv": "contact_id;first_name\r1;Åse\r2;Bo\r"})
    assert read(tmp_path, "select contact_id from t_contacts") == [("1",), ("2",)]
    deliver(tmp_path, {"contacts.csv": "contact_id;first_name\n1;Å\0se\n"})
    assert read(tmp_path, "select contact_id from t_contacts") == [("1",)]


@pytest.mark.requirement("SRC-12")
def test_ids_and_phones_stay_text_with_their_zeros(tmp_path: Path) -> None:
    text = "contact_id,unique_id,phone_number,addr_zip\n007,0012,004520000008,0999\n"
    deliver(tmp_path, {"contacts.csv": text})
    found = read(tmp_path, "select contact_id, unique_id, phone_number, addr_zip from t_contacts")
    assert found == [("007", "0012", "004520000008", "0999")]


@pytest.mark.requirement("SRC-12")
def test_windows_1252_is_read_and_noted_and_foreign_bytes_stop(tmp_path: Path) -> None:
    deliver(tmp_path, {"contacts.csv": "contact_id;first_name\n1;Søren €\n".encode("cp1252")})
    assert read(tmp_path, "select first_name from t_contacts") == [("Søren €",)]
    assert any("read as windows-1252" in note for note in notes(tmp_path, workspace="nord"))
    manifest(tmp_path, entries={"contacts.csv": {"encoding": "utf-8"}})
    assert "nord/contacts.csv: line 2: byte 0xf8 is none of utf-8" in refused(tmp_path)
    manifest(tmp_path, entries={"contacts.csv": {"encoding": "klingon"}})
    assert "encoding 'klingon' is none that is known" in refused(tmp_path)


def test_a_manifest_that_is_wrong_about_the_delimiter_is_noted(tmp_path: Path) -> None:
    deliver(tmp_path, {"contacts.csv": "contact_id;first_name\n1;a,b\n"})
    manifest(tmp_path, entries={"contacts.csv": {"delimiter": ","}})
    assert any("the delimiter is not the one in the manifest" in note for note in notes(tmp_path))
    assert read(tmp_path, "select first_name from t_contacts") == [("a,b",)]


def test_a_long_line_with_an_image_in_it_is_read(tmp_path: Path) -> None:
    body = "<p>" + "å" * 3_000_000 + "</p>"
    deliver(tmp_path, {"messages.csv": f'message_id,body_html\n1,"{body}"\n2,x\n'})
    assert read(tmp_path, "select message_id, length(body_html) from t_messages") == [
        ("1", len(body)),
        ("2", 1),
    ]


@given(text=st.text(st.characters(blacklist_categories=["Cs"]), max_size=40))
@quick
def test_utf_8_is_never_taken_for_something_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(("id\n" + text.replace("\0", "")).encode())
    assert as_utf8(path, tmp_path)[1] == "utf-8"


@pytest.mark.requirement("ACT-14")
@pytest.mark.parametrize(
    "stem, table",
    [
        ("contacts_windows1252", "contacts"), ("Contacts (2)", "contacts"), ("contactsheet", None), ("api_contacts", None),
        ("CONTACT RELATIONSHIPS", "contact_relationships"),
        ("group_members-2025", "group_members"), ("message_17_report_ui_columns", "message_recipients"),
        ("message_recipients", "message_recipients"), ("messages", "messages"), ("Kontakter 2025", "contacts"),
        ("Undersøgelser", "surveys"), ("survey_responses", "survey_responses"),
    ],
)  # fmt: skip
def test_file_names_mean_tables(stem: str, table: str | None) -> None:
    assert meant_table(stem, file_names())[0] == table


@pytest.mark.requirement("ACT-14")
def test_the_seeds_name_columns_that_exist_and_no_wording_twice() -> None:
    known = aliases()
    assert known.column(tables()["contacts"], "e-MAIL ") == "email"
    assert known.column(tables()["message_recipients"], "Åbnet") == "opened_on"
    assert known.column(tables()["contacts"], "Shoe size") is None
    with (Path("seeds") / "maps" / "actimo_columns.csv").open(encoding="utf-8", newline="") as file:
        lines = [(line["source_table"], fold(line["alias"])) for line in csv.DictReader(file)]
    assert sorted(lines) == sorted(set(lines))


def test_names_are_made_of_their_words() -> None:
    assert [slug(text) for text in ("Yndlings farve!", "Å Ø æ", "  ", "2. Række")] == [
        "yndlings_farve",
        "aa_oe_ae",
        "",
        "2_raekke",
    ]
