"""The report of a load: true to warehouse and ledger, free of personal data, readable in a real browser."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from selenium import webdriver
from selenium.webdriver.common.by import By

from loaders import cli
from loaders.errors import ConfigurationError
from loaders.reports.flow import BARS, draw
from loaders.reports.load_report import mask, read_report, render, spot_check_list
from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.ledger import Ledger

NAME, EMAIL = "Zacharias Quellmalz", "zacharias@quellmalz.example"
CONTRACTS = {
    "contacts": Contract(
        mart="contacts",
        object="Contact",
        mode="upsert",
        key="Source_System_ID__c",
        natural_key=None,
        partition_by=None,
        requires=(),
        relation='"marts"."sf_contacts"',
        fields=(
            Field("Source_System_ID__c", "record_key", "Text", length=120),
            Field("LastName", "last_name", "Text", length=80),
            Field("Rating", "rating", "Picklist"),
            Field("OwnerId", "owner_email", "Lookup", references=("users",)),
            Field("Hobby__c", None, "Text", length=20),
        ),
    )
}
AUDIT = f"""
create schema audit;
create schema marts;
create table marts.sf_contacts as
    select 'mautic:contact:1' as record_key, '{NAME}' as last_name, 'Hot' as rating, '{EMAIL}' as owner_email;
create table audit.audit_record_fate as
    select * from (values
        ('mautic', 'contact', 'mautic:contact:1', 'loaded as Contact', 'lifecycle stage Customer is a Contact'),
        ('mautic', 'contact', 'mautic:contact:2', 'rejected: INVALID_EMAIL_ADDRESS', 'lifecycle stage Customer'),
        ('mautic', 'contact', 'mautic:contact:3', 'merged into mautic:contact:1', 'same e-mail address'),
        ('mautic', 'contact', 'mautic:contact:4', 'merged into mautic:contact:2', 'same e-mail address')
    ) as fates (source_system, source_entity, record_key, fate, because);
create table audit.audit_counts as
    select 'contacts' as mart, 'Contact' as sf_object, 2 as rows_in_mart, 1 as rows_accepted, 1 as rows_rejected,
        1 as rows_in_org, 0 as rows_left_over, 0.5 as difference, false as within_tolerance;
create table audit.audit_field_diffs as
    select 'contacts' as mart, 'mautic:contact:1' as record_key, '0035g0000000001AAA' as sf_id, 'LastName' as field,
        '{NAME}' as expected, 'Somebody' as actual, 'different' as finding;
create table audit.audit_rule_uses as
    select 'last_name_default' as rule, 'Contact' as entity, 'LastName' as field, 'A person without last name ...' as what,
        3 as records;
create table audit.audit_cell_reasons as
    select 'contacts' as mart, 'Contact' as sf_object, 'LastName' as field, 'unexplained' as reason, 1 as cells
    union all
    select 'contacts', 'Contact', 'Rating', 'exact', 1;
create table audit.audit_spot_checks as
    select 'contacts' as mart, 'Contact' as sf_object, 'mautic:contact:1' as record_key, '0035g0000000001AAA' as sf_id,
        '{{"id":1,"lastname":"{NAME}","fax":null}}' as source_row,
        '{{"record_key":"mautic:contact:1","last_name":"{NAME}","rating":"Hot","owner_email":"{EMAIL}",'
        || '"custom_fields":"{{\\"Hobby__c\\":\\"Chess\\"}}"}}' as mart_row,
        '{{"Source_System_ID__c":"mautic:contact:1","LastName":"Somebody","Rating":"Hot","Hobby__c":"Chess"}}' as org_row;
"""
RUN = f"""
insert into ledger.runs (run_id, org_id, target, command, state, started_at, ended_at, exit_code)
values ('run-1', '00D1', 'rehearsal', 'load-sf --all', 'done', '2026-01-02 03:04:05', '2026-01-02 03:05:06', 1);
insert into ledger.records (org_id, mart, record_key, sf_id, status, error_code, error_class, error_text)
values
    ('00D1', 'contacts', 'mautic:contact:1', '0035g0000000001AAA', 'accepted', null, null, null),
    ('00D1', 'contacts', 'mautic:contact:2', null, 'refused', 'INVALID_EMAIL_ADDRESS', 'permanent', 'invalid: {EMAIL}'),
    ('00D2', 'contacts', 'mautic:contact:9', null, 'refused', 'DUPLICATE_VALUE', 'permanent', 'another org');
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Path:
    """A data folder with a finished load: one record accepted, one refused, one cell differing."""
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        warehouse.execute(AUDIT)
    with Ledger(tmp_path / "ledger.duckdb", tmp_path / "spill"):
        pass
    with duckdb.connect() as connection:
        connection.execute(f"attach '{tmp_path / 'ledger.duckdb'}' as ledger")
        connection.execute(RUN)
    return tmp_path


def report_of(folder: Path, personal_data: bool = False):
    return read_report(
        folder / "warehouse.duckdb", folder / "ledger.duckdb", "rehearsal", CONTRACTS, personal_data
    )


@pytest.mark.requirement("COM-03", "MAU-22")
def test_the_report_counts_what_warehouse_and_ledger_hold_for_this_org(loaded: Path) -> None:
    report = report_of(loaded, personal_data=True)

    assert report.totals == {"landed": 4, "loaded": 1, "refused": 1, "held_back": 0, "differing_cells": 1}
    assert not report.is_clean
    assert [(row["code"], row["records"], row["samples"]) for row in report.sections["refusals"]] == [
        ("INVALID_EMAIL_ADDRESS", 1, ["mautic:contact:2"])
    ]
    assert report.sections["refusals"][0]["next_step"]
    assert {row["fate"]: row["records"] for row in report.sections["fates"]}["merged into another"] == 2
    assert [(row["reason"], row["cells"]) for row in report.sections["cell_reasons"]] == [
        ("exact", 1),
        ("unexplained", 1),
    ]
    assert report.owners == [{"owner": EMAIL, "records": 1, "marts": 1}]


def test_a_spot_check_shows_source_mart_and_org_side_by_side_customer_fields_included(loaded: Path) -> None:
    (check,) = report_of(loaded, personal_data=True).sections["spot_checks"]

    assert check["source"] == {"id": 1, "lastname": NAME}
    assert [(cell["field"], cell["mart"], cell["org"]) for cell in check["cells"]] == [
        ("Source_System_ID__c", "mautic:contact:1", "mautic:contact:1"),
        ("LastName", NAME, "Somebody"),
        ("Rating", "Hot", "Hot"),
        ("OwnerId", EMAIL, None),
        ("Hobby__c", "Chess", "Chess"),
    ]


@pytest.mark.requirement("MAU-22", "QON-23", "CIO-20")
def test_the_spot_checks_are_a_list_to_compare_and_sign(loaded: Path) -> None:
    lines = spot_check_list(report_of(loaded, personal_data=True)).splitlines()
    assert lines[0] == "mart,record_key,sf_id,field,in_mart,in_org,is_right,remark"
    assert f"contacts,mautic:contact:1,0035g0000000001AAA,LastName,{NAME},Somebody,," in lines


@pytest.mark.requirement("C14")
def test_no_personal_data_unless_asked_for(loaded: Path) -> None:
    hidden = report_of(loaded)
    texts = [render(hidden, "html"), render(hidden, "md"), json.dumps(hidden.as_dict(), default=str)]
    for text in texts:
        for personal in (NAME, EMAIL, "Somebody", "Chess"):
            assert personal not in text
    assert mask(NAME) in texts[0]
    assert "mautic:contact:1" in texts[0]

    shown = render(report_of(loaded, personal_data=True), "html")
    assert NAME in shown
    assert EMAIL in shown


def test_the_page_needs_nothing_from_outside(loaded: Path) -> None:
    page = render(report_of(loaded), "html")
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_what_is_missing_is_said_with_the_next_step(loaded: Path) -> None:
    with pytest.raises(ConfigurationError, match="Nothing was loaded to target sandbox"):
        read_report(loaded / "warehouse.duckdb", loaded / "ledger.duckdb", "sandbox", CONTRACTS)
    with pytest.raises(ConfigurationError, match="load-sf --all"):
        read_report(loaded / "warehouse.duckdb", loaded / "none.duckdb", "rehearsal", CONTRACTS)
    with duckdb.connect(str(loaded / "warehouse.duckdb")) as warehouse:
        warehouse.execute("drop table audit.audit_spot_checks")
    with pytest.raises(ConfigurationError, match="load-sf reconcile"):
        report_of(loaded)


def test_the_command_without_a_load_names_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFM_DATA_DIR", str(tmp_path))
    answer = CliRunner().invoke(cli.load_sf, ["report"])
    assert answer.exit_code == 2
    assert "run `" in answer.stderr


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 10**7)), max_size=9))
def test_bars_and_ribbons_are_as_high_as_their_share(ways: list[tuple[str, str, int]]) -> None:
    ways = list({way[:2]: way for way in ways}.values())
    flow = draw(ways)
    whole = sum(records for _, _, records in ways)
    for bars in (flow.sources, flow.targets):
        assert sum(bar.records for bar in bars) == whole
        assert sum(bar.height for bar in bars) == pytest.approx(BARS if whole else 0, abs=0.5)
        assert all(below.y > above.y + above.height for above, below in itertools.pairwise(bars))
    assert sum(ribbon.records for ribbon in flow.ribbons) == whole


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium without a window; CI demands it."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        if os.environ.get("CI"):
            pytest.fail("CI needs chromium and chromedriver (Debian packages chromium and chromium-driver)")
        pytest.skip("needs the chromium and chromedriver binaries")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield chrome
    chrome.quit()


@pytest.mark.chromium
def test_a_person_can_read_it_in_a_browser_on_a_desk_and_on_a_phone(
    loaded: Path, browser: webdriver.Chrome
) -> None:
    page = loaded / "report.html"
    page.write_text(render(report_of(loaded), "html"), encoding="utf-8")
    browser.set_window_size(1200, 900)
    browser.get(page.as_uri())

    verdict = browser.find_element(By.ID, "verdict")
    assert "Something is open" in verdict.text
    assert len(browser.find_elements(By.CSS_SELECTOR, "#flow svg path")) == 3
    browser.find_element(By.LINK_TEXT, "Spot checks").click()
    details = browser.find_element(By.CSS_SELECTOR, "#spot details")
    cells = details.find_elements(By.TAG_NAME, "td")
    assert not cells[0].is_displayed()
    details.find_element(By.TAG_NAME, "summary").click()
    assert cells[0].is_displayed()
    assert browser.get_log("browser") == []

    # every table says what it is, every data cell has a header, the language is set
    for table in browser.find_elements(By.TAG_NAME, "table"):
        assert table.find_elements(By.TAG_NAME, "caption")
        assert table.find_elements(By.CSS_SELECTOR, "th[scope]")
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"

    browser.set_window_size(500, 900)
    browser.get(page.as_uri())
    inner, outer = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert inner <= outer, "the page itself must not scroll sideways on a phone"
    assert browser.get_screenshot_as_png().startswith(b"\x89PNG")
