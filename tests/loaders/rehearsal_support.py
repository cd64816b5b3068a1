"""Helpers for tests of the rehearsal org: a manifest that declares fields, a client, and Bulk 2.0 in
one call."""

from __future__ import annotations

import csv
import io
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from simple_salesforce import Salesforce  # noqa: TID251  the client that the rehearsal org must please

from loaders.rehearsal.process import RunningOrg

KEY = "Source_System_ID__c"
OBJECTS = ("Account", "Contact", "Lead", "Opportunity", "Campaign", "Task")


def write_manifest(path: Path) -> Path:
    """A dbt manifest whose marts declare the external id and a field of every kind on Account."""
    nodes = {f"model.x.sf_{name.lower()}s": _node(name) for name in OBJECTS}
    extra = {
        "rank": ("Rank__c", "Number", {"precision": 5, "scale": 2}),
        "joined_on": ("Joined_On__c", "Date", {}),
        "seen_at": ("Seen_At__c", "DateTime", {}),
        "is_vip": ("Is_Vip__c", "Checkbox", {}),
        "mail": ("Mail__c", "Email", {}),
        "notes": ("Notes__c", "LongTextArea", {"length": 1000}),
        "tags": ("Tags__c", "MultiselectPicklist", {}),
        "code": ("Code__c", "Text", {"length": 8}),
        "short_code": ("Short_Code__c", "Text", {"length": 20, "external_id": True, "unique": True}),
    }
    for column, (field, kind, more) in extra.items():
        nodes["model.x.sf_accounts"]["columns"][column] = _column(
            column, {"field": field, "type": kind, **more}
        )
    path.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    return path


def _node(name: str) -> dict[str, Any]:
    key = {"field": KEY, "type": "Text", "length": 120, "external_id": True, "unique": True}
    return {
        "resource_type": "model",
        "name": f"sf_{name.lower()}s",
        "schema": "marts",
        "alias": f"sf_{name.lower()}s",
        "original_file_path": "x.sql",
        "config": {"meta": {"salesforce": {"object": name, "mode": "upsert", "key": KEY}}},
        "columns": {"record_key": _column("record_key", key)},
    }


def _column(name: str, meta: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "constraints": [], "config": {"meta": {"salesforce": meta}}}


def connect(org: RunningOrg, version: str = "60.0") -> Salesforce:
    """simple-salesforce over https, trusting the org's own authority and nothing else."""
    session = requests.Session()
    session.verify = str(org.ca_file)
    session.trust_env = False
    return Salesforce(
        instance_url=org.https_url, session_id=org.access_token, session=session, version=version
    )


@dataclass
class Result:
    """A finished ingest job with its three result sets."""

    job: dict[str, Any]
    successful: list[dict[str, str]]
    failed: list[dict[str, str]]
    unprocessed: list[dict[str, str]]

    def errors(self) -> list[str]:
        """Error codes of the failed rows."""
        return sorted(row["sf__Error"].split(":")[0] for row in self.failed)


class Client:
    """Plain requests over http."""

    def __init__(self, org: RunningOrg, version: str = "60.0") -> None:
        self.org = org
        self.base = f"{org.url}/services/data/v{version}"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {org.access_token}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request below the version."""
        return self.http.request(method, f"{self.base}{path}", timeout=60, **options)

    def open_job(
        self, sobject: str, operation: str, key: str | None = None, **settings: Any
    ) -> dict[str, Any]:
        """A new ingest job."""
        body = {"object": sobject, "operation": operation, "lineEnding": "LF", **settings}
        if key:
            body["externalIdFieldName"] = key
        return dict(self.call("POST", "/jobs/ingest", json=body).json())

    def bulk(
        self, sobject: str, operation: str, data: str | bytes, key: str | None = None, **settings: Any
    ) -> Result:
        """A whole job: create, upload, close, wait, read the results."""
        job = self.open_job(sobject, operation, key, **settings)
        content = data.encode() if isinstance(data, str) else data
        self.call(
            "PUT", f"/jobs/ingest/{job['id']}/batches", data=content, headers={"Content-Type": "text/csv"}
        )
        self.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
        return self.finish(job["id"])

    def finish(self, job_id: str, seconds: float = 30) -> Result:
        """Waits for a closed job."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.call("GET", f"/jobs/ingest/{job_id}").json()
            if job["state"] in ("JobComplete", "Failed", "Aborted"):
                sets = [
                    self._set(job_id, name)
                    for name in ("successfulResults", "failedResults", "unprocessedrecords")
                ]
                return Result(job, *sets)
            time.sleep(0.02)
        raise AssertionError(f"job {job_id} did not end: {job}")

    def finish_quietly(self, job_id: str) -> dict[str, Any]:
        """Waits for a closed job with as few calls as possible and leaves its results alone."""
        for pause in (0.5, 1, 2, 4):
            time.sleep(pause)
            job = dict(self.call("GET", f"/jobs/ingest/{job_id}").json())
            if job["state"] in ("JobComplete", "Failed", "Aborted"):
                return job
        raise AssertionError(f"job {job_id} did not end")

    def _set(self, job_id: str, name: str) -> list[dict[str, str]]:
        answer = self.call("GET", f"/jobs/ingest/{job_id}/{name}")
        answer.encoding = "utf-8"
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))

    def query(self, soql: str) -> list[dict[str, Any]]:
        """All records of a query, without attributes."""
        answer = self.call("GET", "/query", params={"q": soql})
        assert answer.status_code == 200, answer.text
        return [{k: v for k, v in record.items() if k != "attributes"} for record in answer.json()["records"]]
