"""The synthetic twin: the same from the same seed, shaped like a real instance, with no real person in it."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
import sqlalchemy as sa

from loaders import project
from loaders.errors import ConfigurationError, RemoteError
from loaders.rehearsal.twin import mautic_people as people
from loaders.rehearsal.twin import mautic_rows as shares
from loaders.rehearsal.twin import mautic_values as values
from loaders.rehearsal.twin.mautic import SEED, seed, write_mautic
from loaders.rehearsal.twin.mautic_rows import MauticRows
from loaders.rehearsal.twin.vocabulary import COUNTRIES, CUSTOM_FIELDS, INDUSTRIES, STAGES, TITLES

CONTACTS = 6000
# Salesforce's standard lengths of Contact, Lead and Account fields.
LENGTHS = {
    "firstname": 40, "lastname": 80, "email": 80, "phone": 40, "mobile": 40, "city": 40, "state": 80,
    "zipcode": 20,
    "country": 80, "position": 128, "company": 255, "website": 255, "companyname": 255, "companyphone": 40,
    "companycity": 40, "companywebsite": 255, "companyemail": 80, "companyindustry": 40,
}  # fmt: skip


@pytest.fixture(scope="module")
def twin() -> MauticRows:
    return MauticRows(CONTACTS, seed=1)


@pytest.fixture(scope="module")
def leads(twin: MauticRows) -> list[dict[str, Any]]:
    return list(twin.leads())


@pytest.fixture(scope="module")
def companies(twin: MauticRows) -> list[dict[str, Any]]:
    return list(twin.companies())


@pytest.fixture(scope="module")
def identified(leads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [lead for lead in leads if lead["firstname"]]


def content(path: Path) -> list[str]:
    """The whole database as SQL text."""
    with sqlite3.connect(path) as session:
        return list(session.iterdump())


@pytest.mark.requirement("C14")
def test_the_same_seed_is_the_same_data_whatever_the_batch(tmp_path: Path) -> None:
    for name, batch, start in (("a", 7, 5), ("b", 1000, 5), ("c", 1000, 6)):
        write_mautic(f"sqlite:///{tmp_path / name}", 150, start, batch=batch)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(tmp_path / "a") != content(tmp_path / "c")


@pytest.mark.requirement("C14")
def test_a_person_does_not_depend_on_how_many_there_are() -> None:
    small, large = MauticRows(200, 1), MauticRows(200, 1)
    assert list(small.leads())[41] == large._lead_row(42)


@pytest.mark.requirement("C14")
def test_shares_are_within_five_percent_or_chance(
    leads: list[dict[str, Any]],
    identified: list[dict[str, Any]],
    companies: list[dict[str, Any]],
    twin: MauticRows,
) -> None:
    members = Counter(row["lead_id"] for row in twin.memberships())
    primaries = Counter(row["lead_id"] for row in twin.memberships() if row["is_primary"])
    with_company = len(members)
    several = sum(count > 1 for count in members.values())
    free = sum(str(lead["email"]).lower().endswith(people.FREE_MAIL) for lead in identified)
    stages = Counter(lead["stage_id"] for lead in identified)
    expected = {
        "anonymous": (len(leads) - len(identified), shares.ANONYMOUS * len(leads)),
        "no e-mail": (sum(not lead["email"] for lead in identified), shares.NO_EMAIL * len(identified)),
        "free mail": (free, shares.FREE_MAIL * len(identified)),
        "no last name": (
            sum(not lead["lastname"] for lead in identified),
            shares.NO_LAST_NAME * len(identified),
        ),
        "without company": (len(identified) - with_company, shares.NO_COMPANY * len(identified)),
        "several companies": (several, shares.SEVERAL_COMPANIES * with_company),
        "no primary": (with_company - len(primaries), values.NO_PRIMARY * with_company),
        "two primaries": (sum(count > 1 for count in primaries.values()), values.TWO_PRIMARIES * several),
        **{f"stage {number}": (stages[number], share * len(identified)) for number, _, _, share in STAGES},
    }
    for name, (found, wanted) in expected.items():
        assert abs(found - wanted) <= max(0.05 * wanted, 3.5 * wanted**0.5), name
    assert sum(not company["companywebsite"] for company in companies) > 0


@pytest.mark.requirement("C14")
def test_the_dirt_of_real_systems_is_in(
    leads: list[dict[str, Any]], identified: list[dict[str, Any]], companies: list[dict[str, Any]]
) -> None:
    emails = [lead["email"] for lead in identified if lead["email"]]
    assert len({email.lower() for email in emails}) < len(set(emails))  # duplicates that differ in case only
    assert any("+newsletter@" in email for email in emails)
    text = "\n".join(str(value) for lead in leads for value in lead.values())
    for dirt in ("&#39;", "&amp;", "🌟", "בן-שחר", "الحداد", '"Bob"', "\r\n", "  Spaced  "):
        assert dirt in text, dirt
    cut = [lead for lead in identified if len(lead["address1"] or "") == 63]
    assert cut and all(lead["address2"] for lead in cut)
    assert any(re.fullmatch(r"\d{10}", lead["phone"] or "") for lead in identified)
    assert any(lead["date_identified"] is None for lead in identified)
    sites = [str(company["companywebsite"]).lower() for company in companies if company["companywebsite"]]
    bare = Counter(re.sub(r"^(https?://)?(www\.)?|[/?].*$", "", site) for site in sites)
    assert bare.most_common(1)[0][1] > 1 and any(site.startswith("www.") for site in sites)
    assert any(
        company["companyemail"] and company["companyemail"].endswith(people.FREE_MAIL)
        for company in companies
    )


def test_every_value_comes_from_the_documented_vocabulary(
    identified: list[dict[str, Any]], companies: list[dict[str, Any]]
) -> None:
    countries = {country for country, _, _ in COUNTRIES}
    assert {lead["country"] for lead in identified} == countries
    assert {company["companyindustry"] for company in companies} == {None, *INDUSTRIES}
    assert {lead["title"] for lead in identified} == {None, *TITLES}
    assert {lead["stage_id"] for lead in identified} == {None, *(stage[0] for stage in STAGES)}
    for field in CUSTOM_FIELDS:
        if field.type in ("select", "multiselect") and field.object == "lead":
            found = {part for lead in identified for part in (lead[field.alias] or "").split("|")} - {""}
            assert found == {value for value, _ in field.options}


@pytest.mark.requirement("C14")
def test_no_address_and_no_number_can_belong_to_anybody(
    leads: list[dict[str, Any]], companies: list[dict[str, Any]], twin: MauticRows
) -> None:
    for row in [*leads, *companies, *twin.user_list]:
        for column, value in row.items():
            for local, domain in re.findall(r"([^\s@]+)@([\w.-]+)", str(value)):
                reserved = re.fullmatch(r"(.*\.)?(example(\.(com|net|org))?|test)", domain.lower())
                assert reserved or local.lower().startswith("synthetic.twin."), (column, value)
            for host in re.findall(r"https?://([\w.-]+)", str(value).lower()):
                real = host == "www.linkedin.com" and "synthetic-twin" in str(value)
                assert real or re.fullmatch(r"(.*\.)?example(\.(com|net|org))?", host), (column, value)
            if column in ("phone", "mobile", "companyphone", "assistant_phone") and value:
                digits = re.sub(r"\D", "", value)
                assert re.search(r"20255501|23125|99998|79460|1632960|1?9900|255?50|8?465004", digits), value


def test_numbers_in_international_form_are_possible_numbers(leads: list[dict[str, Any]]) -> None:
    international = [lead["phone"] for lead in leads if str(lead["phone"]).startswith("+")]
    assert international
    for number in international:
        assert phonenumbers.is_possible_number(phonenumbers.parse(number, None)), number


def test_nothing_exceeds_what_salesforce_takes_unless_asked_for(
    leads: list[dict[str, Any]], companies: list[dict[str, Any]]
) -> None:
    def refused(rows: list[dict[str, Any]]) -> int:
        long = sum(len(row.get(column) or "") > size for row in rows for column, size in LENGTHS.items())
        invalid = sum(
            not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", row["email"]) for row in rows if row.get("email")
        )
        return long + invalid

    assert refused([*leads, *companies]) == 0
    spoiled = MauticRows(CONTACTS, 1, refused=True)
    assert refused([*spoiled.leads(), *spoiled.companies()]) > 0


def test_org_users_match_the_owners_by_email_in_another_case() -> None:
    result = seed(20)
    with result.users_file.open(encoding="utf-8", newline="") as file:
        users = list(csv.DictReader(file))
    owners = MauticRows(1, SEED).user_list
    assert {user["email"].lower() for user in users} == {owner["email"] for owner in owners}
    assert {user["email"] for user in users} != {owner["email"] for owner in owners}
    assert {user["is_active"] for user in users} == {"true"}
    assert result.counts["leads"] == 20
    assert Path(result.url.removeprefix("sqlite:///")) == project.twin_dir() / "mautic.sqlite"


def test_a_second_twin_replaces_the_first(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'twin.sqlite'}"
    write_mautic(url, 50)
    assert write_mautic(url, 20)["leads"] == 20
    engine = sa.create_engine(url)
    with engine.connect() as session:
        assert session.exec_driver_sql("select count(*) from leads").scalar() == 20
    engine.dispose()


def test_a_database_that_is_no_twin_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as session:
        session.execute("create table leads (id integer)")
    with pytest.raises(ConfigurationError, match="no synthetic twin"):
        write_mautic(f"sqlite:///{path}", 10)


def test_wrong_sizes_and_urls_are_explained() -> None:
    with pytest.raises(ConfigurationError, match="A twin of 0 contacts"):
        write_mautic("sqlite:///x.sqlite", 0)
    with pytest.raises(
        RemoteError, match=r"Writing the twin to mysql\+pymysql://me:\*\*\*@127\.0\.0\.1:1/db failed"
    ) as caught:
        write_mautic("mysql+pymysql://me:geheim@127.0.0.1:1/db", 10)
    assert "geheim" not in str(caught.value)
