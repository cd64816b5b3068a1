"""A copy of the dbt project that a test may change, and a tiny hand-written Mautic to build it from."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

PROJECT = Path(__file__).resolve().parents[2]
PARTS = ("dbt_project.yml", "profiles/profiles.yml", "models", "seeds", "macros", "tests/dbt")
Rows = Mapping[str, Sequence[Mapping[str, Any]]]

# Types of the customer's columns that the tests fill; all others that the field map names are text and empty.
CUSTOM_TYPES = {
    "leads": {
        "product_interests": "varchar",
        "is_partner": "bigint",
        "yearly_budget": "double",
        "birthday": "date",
        "sales_notes": "varchar",
    },
    "companies": {"customer_number": "varchar", "contract_renewal": "date"},
}

LONG_NAME = "N" * 300

RAW: Rows = {
    "stages": [
        {"id": number, "name": name}
        for number, name in enumerate(
            ("Subscriber", "MQL", "sales qualified lead", "Customer", "Evangelist"), 1
        )
    ],
    "users": [
        {
            "id": 1,
            "email": "Anna@Corp.example",
            "first_name": "Anna",
            "last_name": "A",
            "is_published": 1,
            "role_id": 1,
        },
        {
            "id": 2,
            "email": "bob@corp.example",
            "first_name": "Bob",
            "last_name": "B",
            "is_published": 0,
            "role_id": 1,
        },
    ],
    "roles": [{"id": 1, "name": "Sales"}],
    "companies": [
        {
            "id": 1,
            "owner_id": 1,
            "companyname": "Acme &amp; Sons",
            "companywebsite": "https://www.acme.example",
            "companyindustry": "Oil & Gas",
            "companynumber_of_employees": 12.0,
            "companyannual_revenue": 1000.0,
            "customer_number": "C-1",
            "contract_renewal": "2027-05-01",
            "date_added": "2020-01-01 10:00:00",
        },
        {
            "id": 2,
            "companyname": "Acme Inc",
            "companywebsite": "ACME.example/en",
            "companyphone": "+1 555 0100",
        },
        {"id": 3, "companyemail": "info@nameless.example"},
        {"id": 4, "companyname": "Corner Shop", "companyemail": "corner.shop@gmail.com"},
        {"id": 5, "companyname": "Tea House", "companyemail": "tea.house@gmail.com"},
    ],
    "companies_leads": [
        {"company_id": 1, "lead_id": 1, "is_primary": 1},
        {"company_id": 3, "lead_id": 5, "is_primary": 0},
        {"company_id": 2, "lead_id": 7, "is_primary": None},
    ],
    "leads": [
        {
            "id": 1,
            "stage_id": 4,
            "owner_id": 2,
            "title": "Miss",
            "firstname": "Mia",
            "lastname": "O&#39;Hara",
            "email": "Mia@Client.example",
            "points": 42,
            "date_identified": "2023-01-01",
            "last_active": "2024-02-01",
            "date_added": "2022-03-04 05:06:07",
            "country": "Turkey",
            "product_interests": "crm|analytics",
            "is_partner": 1,
            "yearly_budget": 10.5,
            "birthday": "1980-02-29",
            "sales_notes": "one\r\ntwo",
        },
        {
            "id": 2,
            "stage_id": 4,
            "lastname": "Alone",
            "email": "alone@client.example",
            "date_identified": "2023-01-01",
        },
        {"id": 3, "stage_id": 1, "lastname": "Sub", "date_identified": "2023-01-01"},
        {"id": 4, "city": "Berlin"},
        {
            "id": 5,
            "email": " mia@client.example",
            "mobile": "0171 555 0101",
            "date_identified": "2023-01-01",
            "last_active": "2023-02-01",
            "facebook": "mia.ohara",
            "yearly_budget": 99.0,
        },
        {"id": 6, "stage_id": 2, "lastname": LONG_NAME, "date_identified": "2023-01-01"},
        {
            "id": 7,
            "stage_id": 5,
            "lastname": "Fan",
            "email": "fan@client.example",
            "date_identified": "2023-01-01",
        },
        {"id": 8, "stage_id": 3, "lastname": "Typo", "email": "no address", "date_identified": "2023-01-01"},
        {"id": 9, "firstname": "Nobody", "date_identified": "2023-01-01"},
    ],
    "lead_fields": [
        {"id": number, "object": thing, "alias": alias, "label": alias, "type": "text", "is_published": 1}
        for number, (thing, alias) in enumerate(
            [("lead", "product_interests"), ("lead", "email"), ("company", "customer_number")], 1
        )
    ],
}


@dataclass(frozen=True)
class ModelProject:
    """A dbt project with a warehouse of its own."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "data" / "warehouse.duckdb"

    @property
    def manifest(self) -> Path:
        """dbt's manifest of the last run."""
        return self.folder / "target" / "manifest.json"

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs dbt and gives back exit code and output."""
        environment = {
            **os.environ,
            "SFM_DATA_DIR": str(self.folder / "data"),
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
        }
        return subprocess.run(
            [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def replace(self, path: str, old: str, new: str) -> None:
        """Changes one place of a file of the copy."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the warehouse."""
        with duckdb.connect(str(self.warehouse), read_only=True) as con:
            return con.execute(sql).fetchall()

    def execute(self, *statements: str) -> None:
        """Statements on the warehouse."""
        with duckdb.connect(str(self.warehouse)) as con:
            for statement in statements:
                con.execute(statement)

    def copy(self, folder: Path) -> ModelProject:
        """Another project with the same files and the same data."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("logs"))
        return ModelProject(folder)


def new_project(folder: Path, raw: Rows = RAW) -> ModelProject:
    """The project's dbt files in `folder`, with `raw` landed."""
    for part in PARTS:
        source, target = PROJECT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    shutil.copy(PROJECT / "profiles/profiles.yml", folder / "profiles.yml")
    (folder / "data").mkdir()
    project = ModelProject(folder)
    write_raw(project.warehouse, raw)
    return project


def mapped_columns(table: str) -> dict[str, str]:
    """Columns of a raw table that the field map confirms."""
    entity = {"leads": "contact", "companies": "company"}.get(table)
    with (PROJECT / "seeds/maps/mautic_fields.csv").open(encoding="utf-8", newline="") as file:
        return {
            line["source_field"]: "varchar"
            for line in csv.DictReader(file)
            if line["source_entity"] == entity and line["status"] == "confirmed"
        }


def write_raw(warehouse: Path, raw: Rows) -> None:
    """Writes raw_mautic as the loader would: all declared columns, and those of the customer."""
    sources = yaml.safe_load(
        (PROJECT / "models/staging/mautic/_mautic__sources.yml").read_text(encoding="utf-8")
    )
    with duckdb.connect(str(warehouse)) as con:
        con.execute("create schema if not exists raw_mautic")
        for table in sources["sources"][0]["tables"]:
            name = table["name"]
            columns = {column["name"]: column["data_type"] for column in table["columns"]}
            columns = {**mapped_columns(name), **CUSTOM_TYPES.get(name, {}), **columns}
            listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            con.execute(f"create table raw_mautic.{name} ({listed})")
            for row in raw.get(name, ()):
                names = ", ".join(f'"{column}"' for column in row)
                con.execute(
                    f"insert into raw_mautic.{name} ({names}) values ({', '.join('?' * len(row))})",
                    list(row.values()),
                )


def land_org(project: ModelProject, contracts: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Writes raw_salesforce as if every row had been loaded, in Salesforce's spelling; payloads by key."""
    payloads: dict[str, dict[str, str]] = {}
    ids: dict[str, str] = {}
    rows: list[tuple[str, str, str | None, str]] = []
    with duckdb.connect(str(project.warehouse)) as con:
        con.execute("set TimeZone = 'UTC'")
        for number, (email,) in enumerate(con.execute("select user_email from marts.sf_users").fetchall()):
            ids[email] = f"005{number:015d}"
            rows.append(("User", ids[email], None, json.dumps({"Email": email.title()})))
        for mart in ("accounts", "contacts", "leads"):
            result = con.execute(f"select * from marts.sf_{mart} order by record_key")
            names = [item[0] for item in result.description]
            for record in (dict(zip(names, values, strict=True)) for values in result.fetchall()):
                key = record["record_key"]
                ids[key] = f"{mart[:3]}{len(ids):015d}"
                payloads[key] = _payload(contracts[mart], record, ids)
                rows.append((contracts[mart].object, ids[key], key, json.dumps(payloads[key])))
                con.execute(
                    "insert into raw_salesforce.ledger_records (org_id, mart, record_key, sf_id, status)"
                    " values ('org', ?, ?, ?, 'accepted')",
                    [mart, key, ids[key]],
                )
        con.executemany(
            "insert into raw_salesforce.records (object, sf_id, record_key, is_deleted, payload)"
            " values (?, ?, ?, false, ?)",
            rows,
        )
    return payloads


def _payload(contract: Any, record: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, str]:
    """One record as the org gives it back: other spellings of the same values."""
    custom = json.loads(record["custom_fields"] or "{}")
    payload: dict[str, str] = {}
    for field in contract.fields:
        value = custom.get(field.name) if field.column is None else record[field.column]
        if value is None:
            if field.type == "Checkbox":
                payload[field.name] = "false"
        elif field.type == "Lookup":
            payload[field.name] = ids[value]
        elif field.type == "DateTime":
            payload[field.name] = str(value).replace(" ", "T").removesuffix(".000Z") + ".000+0000"
        elif field.type in ("Number", "Currency"):
            payload[field.name] = f"{float(value):.2f}"
        else:
            payload[field.name] = str(value).replace("\n", "\r\n")
    return payload
