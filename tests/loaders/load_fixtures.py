"""A small project of its own for the load engine's tests: manifest, warehouse and target, without dbt."""

from __future__ import annotations

import itertools
import json
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.rehearsal.process import RunningOrg, start_org
from loaders.salesforce.decide import blocked_text_sql, decide_sql
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.load import load
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.outcome import LoadResult
from loaders.salesforce.session import Org, Pace
from loaders.salesforce.targets import read_target

FAST = Pace(
    attempts=4, first_wait=0.01, longest_wait=0.05, timeout=30, first_poll=0.01, longest_poll=0.1, rounds=4
)
KEY = {"field": "Source_System_ID__c", "type": "Text", "length": 120, "external_id": True, "unique": True}


def column(name: str, meta: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A column as dbt's manifest has it."""
    return {"name": name, "config": {"meta": {"salesforce": meta} if meta else {}}, **more}


def model(name: str, columns: list[dict[str, Any]], **salesforce: Any) -> dict[str, Any]:
    """A mart as dbt's manifest has it; `salesforce` is its meta."""
    return {
        "resource_type": "model",
        "name": name,
        "alias": name,
        "schema": "marts",
        "patch_path": f"sf_migration://models/marts/{name}.yml",
        "constraints": [],
        "columns": {each["name"]: each for each in columns},
        "config": {"meta": {"salesforce": salesforce}},
    }


def standard_models() -> list[dict[str, Any]]:
    """Users, accounts and contacts, the smallest set with every kind of lookup."""
    users = model(
        "sf_users",
        [column("record_key"), column("user_email", {"field": "Email", "type": "Email", "length": 80})],
        object="User",
        mode="match",
        natural_key="Email",
    )
    accounts = model(
        "sf_accounts",
        [
            column("record_key", KEY, constraints=[{"type": "not_null"}]),
            column("account_name", {"field": "Name", "type": "Text", "length": 255}),
            column("website", {"field": "Website", "type": "Url", "length": 255}),
            column("employees", {"field": "NumberOfEmployees", "type": "Number", "precision": 8, "scale": 0}),
            column("owner_email", {"field": "OwnerId", "type": "Lookup", "references": "sf_users"}),
            column("custom_fields"),
        ],
        object="Account",
        mode="upsert",
        key="Source_System_ID__c",
    )
    contacts = model(
        "sf_contacts",
        [
            column("record_key", KEY, constraints=[{"type": "not_null"}]),
            column("last_name", {"field": "LastName", "type": "Text", "length": 80}),
            column("email", {"field": "Email", "type": "Email", "length": 80}),
            column("birthdate", {"field": "Birthdate", "type": "Date"}),
            column("description", {"field": "Description", "type": "LongTextArea", "length": 32000}),
            column("opted_out", {"field": "Opted_Out__c", "type": "Checkbox"}),
            column("account_key", {"field": "AccountId", "type": "Lookup", "references": ["sf_accounts"]}),
        ],
        object="Contact",
        mode="upsert",
        key="Source_System_ID__c",
        partition_by="account_key",
    )
    return [contacts, accounts, users]


@dataclass
class Workspace:
    """A project folder with its own data; the current directory of the test."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "target" / "manifest.json"

    @property
    def warehouse(self) -> Path:
        return self.path / "data" / "warehouse.duckdb"

    @property
    def ledger(self) -> Path:
        return self.path / "data" / "ledger.duckdb"

    def declare(self, models: list[dict[str, Any]], manifest: Path | None = None) -> None:
        """Writes the manifest."""
        nodes = {f"model.sf_migration.{each['name']}": each for each in models}
        (manifest or self.manifest).write_text(json.dumps({"nodes": nodes}), encoding="utf-8")

    def field_map(self, *lines: str) -> None:
        """Writes seeds/maps/test_fields.csv."""
        header = (
            "source_entity,source_field,sf_object,sf_field,sf_type,length,precision,scale,label,status,note"
        )
        file = self.path / "seeds" / "maps" / "test_fields.csv"
        file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")

    def mart(self, name: str, select: str) -> None:
        """Makes marts.<name> from a select."""
        with duckdb.connect(str(self.warehouse)) as con:
            con.execute("create schema if not exists marts")
            con.execute(f"create or replace table marts.{name} as {select}")

    def sql(self, statement: str) -> None:
        """Runs a statement on the warehouse."""
        with duckdb.connect(str(self.warehouse)) as con:
            con.execute(statement)

    def ask(self, select: str) -> list[tuple[Any, ...]]:
        """Rows of the ledger."""
        with duckdb.connect(str(self.ledger), read_only=True) as con:
            return con.execute(select).fetchall()

    def standard(self, accounts: int = 6, contacts: int = 12, source: str = "mautic") -> None:
        """The standard models with some rows, dirty ones among them; keys begin with `source`."""
        self.declare(standard_models())
        self.mart(
            "sf_users",
            f"select '{source}:user:1' as record_key, 'Owner@Example.com' as user_email",
        )
        self.mart(
            "sf_accounts",
            f"select '{source}:company:' || i as record_key, 'Company ' || i || case when i = 2 then "
            "', \"Süß\" & Co' else '' end as account_name, "
            "case when i % 2 = 0 then 'https://c' || i || '.example' end as website, "
            "(i * 10)::integer as employees, "
            "case when i % 3 = 0 then 'owner@example.com' end as owner_email, "
            "null::varchar as custom_fields "
            f"from range(1, {accounts} + 1) as numbers(i)",
        )
        self.mart(
            "sf_contacts",
            f"select '{source}:contact:' || i as record_key, 'Name ' || i as last_name, "
            f"'p' || i || '@{source}.example' as email, date '1980-01-01' + i::integer as birthdate, "
            "case when i % 4 = 0 then 'line one' || chr(13) || chr(10) || 'line \"two\", 😀' end "
            "as description, "
            "i % 2 = 0 as opted_out, "
            f"case when i % 5 > 0 then '{source}:company:' || (1 + i % {accounts}) end as account_key "
            f"from range(1, {contacts} + 1) as numbers(i)",
        )


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty project as current directory."""
    (tmp_path / "dbt_project.yml").write_text("name: test\n", encoding="utf-8")
    for folder in ("target", "seeds/maps", "profiles", "data"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(Path(__file__).parents[2] / "profiles" / "salesforce.yml", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DBT_TARGET_PATH", raising=False)
    return Workspace(tmp_path)


ORG = "00D000000000001AAA"


def decide(workspace: Workspace, mart: str, **options: Any) -> list[dict[str, Any]]:
    """The decisions about a mart as dicts in key order; `given` and `users` go into the ledger before."""
    given, users = options.pop("given", ()), options.pop("users", ())
    contracts = read_contracts(workspace.manifest, sorted(workspace.path.glob("seeds/maps/*_fields.csv")))
    with Ledger(workspace.ledger) as ledger, ledger.warehouse(workspace.warehouse):
        for row in given:
            columns = {"org_id": ORG, "status": "accepted", **row}
            marks = ", ".join("?" for _ in columns)
            ledger.con.execute(
                f"insert into ledger.records ({', '.join(columns)}) values ({marks})", [*columns.values()]
            )
        for email, sf_id, copies in users:
            ledger.con.execute("insert into resolved values ('users', ?, ?, ?)", [email, sf_id, copies])
        ledger.con.execute(decide_sql(contracts[mart], contracts, ORG, **options))
        table = ledger.con.execute(
            f"select *, {blocked_text_sql(contracts[mart])} as detail from decided order by record_key"
        )
        names = [each[0] for each in table.description]
        rows = [dict(zip(names, row, strict=True)) for row in table.fetchall()]
        ledger.con.execute("delete from ledger.records")
        return rows


USERS = """username,email,first_name,last_name,is_active
owner@example.com.rehearsal,OWNER@example.com,Olga,Owner,true
gone@example.com.rehearsal,gone@example.com,Gerd,Gone,false
"""
KEY_FIELD = "Source_System_ID__c"


@dataclass
class Bench:
    """A workspace and an org to load into; `source` begins all its keys, so that an org can be shared."""

    workspace: Workspace
    org: RunningOrg
    source: str
    lines: list[str]

    def load(self, *marts: str, **options: Any) -> LoadResult:
        """Loads marts (all if none is named) and keeps the progress lines; without preflight unless asked."""
        return load(marts or None, pace=FAST, report=self.lines.append, **{"preflight": False, **options})

    def key(self, entity: str, number: int) -> str:
        """A record_key of this bench."""
        return f"{self.source}:{entity}:{number}"

    def dump(self) -> list[str]:
        """This bench's records in the org, as sorted lines of text without ids and times."""
        with urllib.request.urlopen(f"{self.org.url}/rehearsal/dump", timeout=30) as answer:
            lines = answer.read().decode("utf-8").splitlines()
        mine = [line for line in lines if f'{KEY_FIELD}: "{self.source}:' in line]
        return sorted(line.replace(self.source, "source") for line in mine)

    def records(self, sobject: str, *fields: str) -> dict[str, dict[str, Any]]:
        """This bench's records of one object by the number in their key."""
        columns = ", ".join([KEY_FIELD, *fields])
        soql = f"SELECT {columns} FROM {sobject} WHERE {KEY_FIELD} LIKE '{self.source}:%'"
        found = Org(read_target(), FAST).query(soql)
        return {record[KEY_FIELD].rpartition(":")[2]: record for record in found}

    def ledger(self) -> list[tuple[Any, ...]]:
        """What the ledger knows of every row, without ids and times."""
        rows = self.workspace.ask(
            "select mart, record_key, sf_id is not null, payload_hash, status, error_code, refused_hash "
            "from ledger.records order by all"
        )
        return [(row[0], row[1].replace(self.source, "source"), *row[2:3], *row[4:6]) for row in rows]


@pytest.fixture(scope="session")
def shared_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningOrg, Path]]:
    """One org for many tests, and the manifest that it reads its custom fields from."""
    folder = tmp_path_factory.mktemp("org")
    users, manifest = folder / "users.csv", folder / "manifest.json"
    users.write_text(USERS, encoding="utf-8")
    Workspace(folder).declare(standard_models(), manifest)
    with start_org(declare=manifest, users=users) as org:
        yield org, manifest


@pytest.fixture
def bench(
    workspace: Workspace, shared_org: tuple[RunningOrg, Path], monkeypatch: pytest.MonkeyPatch
) -> Bench:
    """The standard marts, keyed for this test alone, and the shared org."""
    org, _ = shared_org
    monkeypatch.setenv("REHEARSAL_URL", org.url)
    monkeypatch.setenv("REHEARSAL_CA", str(org.ca_file))
    source = f"s{next(_NUMBERS)}"
    workspace.standard(source=source)
    return Bench(workspace, org, source, [])


_NUMBERS = itertools.count(1)
