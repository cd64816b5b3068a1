"""A small project of its own for the tests of schema, preflight and owners, and rehearsal orgs for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.project import field_map_paths, manifest_path
from loaders.rehearsal.process import RunningOrg, start_org
from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.describe import DescribedField, DescribedObject, OrgState
from loaders.salesforce.load import load
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.preflight import Preflight, preflight
from loaders.salesforce.session import Org, Pace
from loaders.salesforce.targets import read_target

FAST = Pace(attempts=3, first_wait=0.01, longest_wait=0.05, timeout=30, first_poll=0.01, longest_poll=0.1)
KEY = {"field": "Source_System_ID__c", "type": "Text", "length": 120, "external_id": True, "unique": True}
MAP_HEADER = "source_entity,source_field,sf_object,sf_field,sf_type,length,precision,scale,label,status,note"
USERS = """username,email,first_name,last_name,is_active
owner@example.com.rehearsal,OWNER@example.com,Olga,Owner,true
gone@example.com.rehearsal,gone@example.com,Gerd,Gone,false
"""


def column(name: str, meta: dict[str, Any] | None = None, *, required: bool = False) -> dict[str, Any]:
    """A column as dbt's manifest has it."""
    constraints = [{"type": "not_null"}] if required else []
    return {
        "name": name,
        "constraints": constraints,
        "config": {"meta": {"salesforce": meta} if meta else {}},
    }


def model(name: str, columns: Sequence[dict[str, Any]], **salesforce: Any) -> dict[str, Any]:
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


@dataclass
class Project:
    """A project folder with its own data; the current directory of the test."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "target" / "manifest.json"

    @property
    def warehouse(self) -> Path:
        return self.path / "data" / "warehouse.duckdb"

    @property
    def field_map_file(self) -> Path:
        return self.path / "seeds" / "maps" / "test_fields.csv"

    def declare(self, models: Sequence[dict[str, Any]]) -> None:
        """Writes the manifest."""
        nodes = {f"model.sf_migration.{each['name']}": each for each in models}
        self.manifest.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")

    def field_map(self, *lines: str) -> None:
        """Writes the map of custom fields."""
        self.field_map_file.write_text("\n".join([MAP_HEADER, *lines]) + "\n", encoding="utf-8")

    def seed(self, name: str, *lines: str) -> Path:
        """Writes seeds/salesforce/<name>.csv."""
        file = self.path / "seeds" / "salesforce" / f"{name}.csv"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def mart(self, name: str, select: str) -> None:
        """Makes marts.<name> from a select."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("create schema if not exists marts")
            connection.execute(f"create or replace table marts.{name} as {select}")

    def load(self) -> Any:
        """Loads all marts into the default target, whatever the gates would say."""
        marts = [*read_contracts(manifest_path(), field_map_paths())]
        return load(marts, pace=FAST, preflight=False)

    def ledger(self, select: str) -> list[tuple[Any, ...]]:
        """Rows of the ledger."""
        with duckdb.connect(str(self.path / "data" / "ledger.duckdb"), read_only=True) as connection:
            return connection.execute(select).fetchall()

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Records of the org, without attributes."""
        found = Org(read_target(), FAST).query(soql)
        return [{key: value for key, value in record.items() if key != "attributes"} for record in found]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project as current directory."""
    (tmp_path / "dbt_project.yml").write_text("name: test\n", encoding="utf-8")
    for folder in ("target", "seeds/maps", "seeds/salesforce", "profiles", "data"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(Path(__file__).parents[2] / "profiles" / "salesforce.yml", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DBT_TARGET_PATH", raising=False)
    return Project(tmp_path)


@pytest.fixture
def start_target(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RunningOrg]]:
    """Starts a rehearsal org as the project's default target; options are those of the rehearsal org."""
    users = project.path / "users.csv"
    users.write_text(USERS, encoding="utf-8")
    with ExitStack() as stack:

        def start(**options: Any) -> RunningOrg:
            org = stack.enter_context(start_org(**{"users": users, **options}))
            monkeypatch.setenv("REHEARSAL_URL", org.url)
            monkeypatch.setenv("REHEARSAL_CA", str(org.ca_file))
            return org

        yield start


# Contracts and describes as plain values, for tests without an org.


def text(name: str, kind: str = "string", **more: Any) -> DescribedField:
    """A described field."""
    return DescribedField(name, kind, **{"length": 80 if kind == "string" else 0, **more})


def account(**more: DescribedField) -> DescribedObject:
    """An Account with a name and the key field."""
    fields = [
        text("Id", "id", nillable=False, createable=False, updateable=False, defaulted=True),
        text("Name", length=255, nillable=False),
        text("Source_System_ID__c", length=120, external_id=True, unique=True, case_sensitive=True),
        *more.values(),
    ]
    return DescribedObject("Account", "Account", fields={one.name.lower(): one for one in fields})


NAME = Field("Name", "account_name", "Text", 255)
KEY_FIELD = Field("Source_System_ID__c", "record_key", "Text", 120, external_id=True, unique=True)


def accounts(*fields: Field, **more: Any) -> Contract:
    """A contract for Account."""
    given = {
        "mode": "upsert",
        "key": "Source_System_ID__c",
        "natural_key": None,
        "partition_by": None,
        "requires": (),
    }
    return Contract(
        mart="accounts",
        object="Account",
        relation='"marts"."sf_accounts"',
        fields=(KEY_FIELD, NAME, *fields),
        **{**given, **more},
    )


def state(described: DescribedObject, **more: Any) -> OrgState:
    return OrgState(objects={described.name.lower(): described}, **more)


def run(
    contracts: Mapping[str, Contract], org: OrgState, marts: Mapping[str, str], **options: Any
) -> tuple[Preflight, list[tuple[Any, ...]]]:
    """A preflight over marts that are given as selects, and the rows that it noted."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse; create schema warehouse.marts")
        for name, select in marts.items():
            connection.execute(f"create table warehouse.marts.sf_{name} as {select}")
        result = preflight(contracts, org, connection, **options)
        noted = connection.execute(
            "select mart, record_key, code, field from preflight_rows order by all"
        ).fetchall()
    return result, noted
