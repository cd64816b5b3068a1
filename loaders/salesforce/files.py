"""Uploads files as ContentVersions: streamed, a few at once, each at most once.

A part is a CSV of a hundred files with what their records hold; it is journalled before its first upload. What is
on disk is checked against the mart (size, SHA-256) before, what the org holds against what was sent (MD5) after. A
run that was killed between an upload and the ledger is resumed by asking the org for the keys of its open part: what is
there was uploaded, the rest is decided afresh. The bodies pass through in blocks; a part's hundred lines are all that
is held.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loaders.errors import RefusedError, RemoteError
from loaders.salesforce.contract import NUMBER_TYPES, Contract
from loaders.salesforce.export import (
    FILE_HASH,
    FILE_PATH,
    FILE_SIZE,
    PART_TARGET,
    Cut,
    copy_sql,
    export_sql,
    filled_sql,
    headers,
    literal,
    quoted,
    read_sql,
)
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.results import ANSWERS, TOLD, Outcome, header_of
from loaders.salesforce.session import BLOCK, RETRIED_STATUS, Org, RequestFailedError
from loaders.salesforce.soql import id_lists

FILES_A_PART = 100
LARGEST = 2_000_000_000  # bytes of a multipart upload (docs: "Insert or Update Blob Data")
BOUNDARY = "sf-migration-7f1c9d2e4b"
OPERATION = "file"
STOPS = "STORAGE_LIMIT_EXCEEDED"  # every further file would be refused for it


@dataclass(frozen=True)
class Uploaded:
    """What became of one file. `code` is None for one that the org took."""

    record_key: str
    sf_id: str | None = None
    md5: str = ""
    code: str | None = None
    text: str = ""
    document: str = ""


class Multipart:
    """The body of an upload: the record as JSON, then the file, read in blocks and, if need be, again."""

    content_type = f'multipart/form-data; boundary="{BOUNDARY}"'

    def __init__(self, record: Mapping[str, Any], file: Path, name: str) -> None:
        plain = name.replace("\\", "_").replace('"', "_").replace("\r", " ").replace("\n", " ")
        self._head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="entity_content"\r\n'
            f"Content-Type: application/json\r\n\r\n{json.dumps(record)}\r\n"
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="VersionData"; filename="{plain}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        self._file = file
        self._length = len(self._head) + file.stat().st_size + len(self._tail)
        self._blocks = self._read_blocks()
        self._rest = b""

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def seek(self, _: int) -> None:
        """Begins anew; the session does so after it logged in again."""
        self._blocks, self._rest = self._read_blocks(), b""

    def read(self, size: int = BLOCK) -> bytes:
        """At most `size` bytes, none at the end."""
        if not self._rest:
            self._rest = next(self._blocks, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def _read_blocks(self) -> Iterator[bytes]:
        yield self._head
        with self._file.open("rb") as stream:
            while block := stream.read(BLOCK):
                yield block
        yield self._tail


def write_file_parts(ledger: Ledger, contract: Contract, org_id: str, run_id: str, folder: Path) -> list[Job]:
    """The journalled parts of the new files of `decided`. Needs the attached warehouse."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger.con.execute(
        "update decided set part = placed.part from (\n"
        f"    select record_key, cast((row_number() over (order by record_key) - 1) // {FILES_A_PART} as integer) as part\n"
        "    from decided where decision = 'new'\n) as placed where decided.record_key = placed.record_key"
    )
    jobs = []
    for (part,) in ledger.rows("select distinct part from decided where decision = 'new' order by 1"):
        file = folder / f"files_{part:05d}.csv"
        extra = [f"formatted.{name} as {name}" for name in (FILE_PATH, FILE_HASH, FILE_SIZE)]
        select = export_sql(contract, "insert", ("new",), part, extra=extra)
        ledger.con.execute(copy_sql(select, str(file), Cut(PART_TARGET, exact=True)))
        job = Job(
            job_key=f"{run_id}/{contract.mart}/{folder.name}/{file.stem}",
            run_id=run_id,
            mart=contract.mart,
            object=contract.object,
            operation=OPERATION,
            result_columns=(str(contract.key),),
            part_file=file,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            bytes=file.stat().st_size,
        )
        key = f"part.{quoted(str(contract.key))}"
        names = headers(contract, "insert")
        jobs.append(
            ledger.prepare_job(
                org_id,
                job,
                f"select {key} as record_key, {key} as result_key, decided.payload_hash, true as is_new,\n"
                f"    {filled_sql(names)} as filled\n"
                f"from {read_sql([str(file)], [*names, FILE_PATH, FILE_HASH, FILE_SIZE])} as part\n"
                f"inner join decided on {key} = decided.record_key",
            )
        )
    return jobs


def send_files(
    org: Org, ledger: Ledger, contract: Contract, org_id: str, jobs: Sequence[Job], root: Path
) -> list[Outcome]:
    """The outcomes of parts of files; `root` is the folder that their paths are relative to.

    Raises RefusedError when the org's file storage is full, RemoteError when the org does not answer.
    """
    outcomes = []
    names = headers(contract, "insert")
    columns = [*names, FILE_PATH, FILE_HASH, FILE_SIZE]
    for number, job in enumerate(jobs, start=1):
        lines = [
            dict(zip(columns, row, strict=True))
            for row in ledger.rows(f"select * from {read_sql([str(job.part_file)], columns)}")
        ]
        with ThreadPoolExecutor(max_workers=org.pace.jobs_in_flight) as pool:
            done = list(pool.map(lambda line: _upload(org, contract, line, root), lines))
        done = _checked(org, contract, done)
        outcomes.append(_collected(ledger, org_id, job, done, "complete"))
        org.report(
            f"{job.mart}: part {number} of {len(jobs)}: {outcomes[-1].accepted:,} of {len(lines):,} files uploaded"
        )
        full = next((one for one in done if one.code == STOPS), None)
        if full:
            raise RefusedError(
                f"{contract.mart}: the org took no more files, {full.record_key} first: {full.text}",
                "free or buy file storage, then run this command again with --retry-failed",
            )
    return outcomes


def settle_files(org: Org, ledger: Ledger, org_id: str, job: Job) -> Outcome:
    """The outcome of a part whose run was killed: files that the org has by now were uploaded by it, and none before."""
    rows = ledger.rows("select record_key from ledger.sent where job_no = ? order by 1", [job.job_no])
    key = job.result_columns[0]
    done = [
        Uploaded(str(row[key]), str(row["Id"]), document=str(row["ContentDocumentId"]))
        for condition in id_lists(key, [value for (value,) in rows])
        for row in org.query(f"SELECT Id, {key}, ContentDocumentId FROM {job.object} WHERE {condition}")
    ]
    return _collected(ledger, org_id, job, done, "aborted")


def _upload(org: Org, contract: Contract, line: Mapping[str, str | None], root: Path) -> Uploaded:
    """One file: checked on disk, sent, and asked for by key where the answer was lost."""
    key = str(line[str(contract.key)])
    file = root / str(line[FILE_PATH] or "")
    md5, problem = _on_disk(file, root, line)
    if problem:
        return Uploaded(key, md5=md5, code=problem[0], text=problem[1])
    record = _record(contract, line)
    name = str(record.get("PathOnClient") or file.name)
    for attempt in range(1, org.pace.attempts + 1):
        try:
            body = Multipart(record, file, name)
            answer = org.request(
                "POST",
                f"sobjects/{contract.object}",
                once=True,
                data=body,
                headers={"Content-Type": body.content_type},
            )
            return Uploaded(key, str(answer.json()["id"]), md5)
        except RemoteError as error:
            refused = isinstance(error, RequestFailedError) and error.status not in RETRIED_STATUS
            code = error.code if isinstance(error, RequestFailedError) else ""
            if refused and code not in ("DUPLICATE_VALUE", "REQUEST_LIMIT_EXCEEDED"):
                return Uploaded(key, md5=md5, code=code or "UNKNOWN_EXCEPTION", text=error.message)
            # the org may have it: only then is it not sent again
            found = _by_key(org, contract, key)
            if found:
                return Uploaded(key, found, md5)
            if refused or attempt == org.pace.attempts:
                raise
            time.sleep(min(org.pace.first_wait * 2**attempt, org.pace.longest_wait))
    raise AssertionError("unreachable")


def _on_disk(file: Path, root: Path, line: Mapping[str, str | None]) -> tuple[str, tuple[str, str] | None]:
    """The MD5 of a file, and what is wrong with it: code and text."""
    if not file.resolve().is_relative_to(root.resolve()) or not file.is_file():
        return "", ("FILE_MISSING", f"{line[FILE_PATH]} is not in {root}")
    size = file.stat().st_size
    if size > LARGEST:
        return "", ("FILE_TOO_LARGE", f"{line[FILE_PATH]} has {size:,} bytes; an upload takes {LARGEST:,}")
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            sha256.update(block)
            md5.update(block)
    if str(size) != line[FILE_SIZE] or sha256.hexdigest() != line[FILE_HASH]:
        return "", (
            "FILE_CHANGED",
            f"{line[FILE_PATH]} has {size} bytes and SHA-256 {sha256.hexdigest()}, "
            f"the mart says {line[FILE_SIZE]} and {line[FILE_HASH]}",
        )
    return md5.hexdigest(), None


def _record(contract: Contract, line: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields of a record as JSON wants them; those without a value are left out."""
    found: dict[str, Any] = {}
    for field in contract.fields:
        value = line[field.name]
        if value is None:
            continue
        found[field.name] = value
        if field.type == "Checkbox":
            found[field.name] = value == "true"
        elif field.type in NUMBER_TYPES:
            found[field.name] = float(value)
    return found


def _by_key(org: Org, contract: Contract, key: str) -> str | None:
    """The Id of the record with this external id, if the org has one."""
    condition = next(id_lists(str(contract.key), [key]))
    rows = org.query(f"SELECT Id FROM {contract.object} WHERE {condition}")
    return next((str(row["Id"]) for row in rows), None)


def _checked(org: Org, contract: Contract, done: Sequence[Uploaded]) -> list[Uploaded]:
    """The uploads with the document that the org made of each, compared by checksum.

    A file that arrived with other bytes is taken out of the org again, so that it can be sent once more.
    """
    ids = [one.sf_id for one in done if one.sf_id]
    stored: dict[str, Mapping[str, Any]] = {}
    for condition in id_lists("Id", ids):
        soql = f"SELECT Id, ContentDocumentId, Checksum FROM {contract.object} WHERE {condition}"
        stored |= {row["Id"]: row for row in org.query(soql)}
    checked = []
    for one in done:
        row = stored.get(one.sf_id or "")
        if row is None:
            checked.append(one)
        elif (row.get("Checksum") or one.md5) != one.md5:
            org.request("DELETE", f"sobjects/ContentDocument/{row['ContentDocumentId']}")
            text = f"the org holds MD5 {row['Checksum']}, sent was {one.md5}; it was deleted there again"
            checked.append(replace(one, sf_id=None, code="CHECKSUM_DIFFERS", text=text))
        else:
            checked.append(replace(one, document=str(row["ContentDocumentId"])))
    return checked


def _collected(ledger: Ledger, org_id: str, job: Job, done: Sequence[Uploaded], state: str) -> Outcome:
    """Brings a part's uploads into the ledger; `written` also keeps the document, which links refer to."""
    columns = header_of(job.part_file)
    names = [name for name in columns if name not in (FILE_PATH, FILE_HASH, FILE_SIZE)]
    ledger.con.execute(ANSWERS)
    ledger.con.execute("create or replace temp table documents (result_key varchar, document varchar)")
    for one in done:
        outcome = "refused" if one.code else "accepted"
        ledger.con.execute(
            f"{TOLD} values (?, ?, ?, ?, ?)",
            [one.record_key, one.sf_id, outcome, one.code, one.text or None],
        )
        ledger.con.execute("insert into documents values (?, ?)", [one.record_key, one.document or None])
    cells = ", ".join(f"{literal(name)}, part.{quoted(name)}" for name in names)
    key = quoted(job.result_columns[0])
    ledger.con.execute(
        f"insert into wrote (result_key, written) select part.{key}, cast(json_merge_patch(json_object({cells}),\n"
        "    json_object('ContentDocumentId', documents.document)) as varchar)\n"
        f"from {read_sql([str(job.part_file)], columns)} as part\n"
        f"inner join documents on part.{key} = documents.result_key"
    )
    counts = ledger.collect(org_id, job, state, None)
    refused = sum(rows for (outcome, _), rows in counts.items() if outcome == "refused")
    return Outcome(job, counts.get(("accepted", None), 0), refused, 0, 0, processed=len(done))
