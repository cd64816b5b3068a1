"""Files go up once, whole, and with their links; what is on disk and what is in the org are the same bytes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
import requests
from load_fixtures import FAST, KEY, Bench
from test_load_sf import Wire, _dropped, _status

from loaders.errors import RefusedError
from loaders.salesforce import files
from loaders.salesforce.files import Multipart
from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.session import BLOCK, Org
from loaders.salesforce.targets import read_target

UPLOAD = "POST .*/sobjects/ContentVersion"
FIELDS = ("Id", "Title", "PathOnClient", "ContentSize", "Checksum", "ContentDocumentId")


@pytest.fixture(autouse=True)
def no_circle(modes: Bench) -> None:
    """Accounts of these tests need no contacts."""
    modes.workspace.sql("update marts.sf_accounts set main_contact_key = null")


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def _stored(modes: Bench) -> dict[str, dict[str, Any]]:
    return modes.records("ContentVersion", *FIELDS)


def _on_disk(modes: Bench) -> list[Path]:
    folder = modes.workspace.path / "data" / "files"
    return sorted((file for file in folder.glob("*/*")), key=lambda file: file.stat().st_size)


@pytest.mark.requirement("COM-07")
def test_files_arrive_byte_for_byte_and_links_follow(modes: Bench, wire: Wire) -> None:
    result = modes.load("accounts", "campaigns", "files", "file_links")
    assert result.exit_code == 0, result.lines()
    stored, on_disk = _stored(modes), _on_disk(modes)
    for number, file in enumerate(on_disk, start=1):
        content = file.read_bytes()
        one = stored[str(number)]
        assert one["Checksum"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
        assert (one["ContentSize"], one["PathOnClient"]) == (len(content), f"bericht {number}.txt")
        assert one["Title"] == f'Datei "{number}" ü'
        org = Org(read_target(), FAST)
        assert org.request("GET", f"sobjects/ContentVersion/{one['Id']}/VersionData").content == content
    links = Org(read_target(), FAST).query(
        "SELECT LinkedEntity.Type, ShareType FROM ContentDocumentLink WHERE ContentDocumentId = "
        f"'{stored['1']['ContentDocumentId']}'"
    )
    assert ("Account", "I") in {(link["LinkedEntity"]["Type"], link["ShareType"]) for link in links}
    sent = wire.count(UPLOAD)
    again = modes.load("files", "file_links")
    assert ({mart.sent for mart in again.marts}, wire.count(UPLOAD)) == ({0}, sent)


@pytest.mark.requirement("C2")
def test_uploads_that_a_crash_kept_out_of_the_ledger_are_found_by_key_and_not_repeated(
    modes: Bench, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "_collected", crash)
        with pytest.raises(KeyboardInterrupt):
            modes.load("files")
    assert wire.count(UPLOAD) == 3
    again = modes.load("accounts", "campaigns", "files", "file_links")
    mart = next(mart for mart in again.marts if mart.mart == "files")
    assert (again.exit_code, again.resumed_jobs, mart.same, mart.sent, wire.count(UPLOAD)) == (0, 1, 3, 0, 3)
    assert len(_stored(modes)) == 3, "and the links found the documents"
    undone = rollback(Scope(marts=("files",)), pace=FAST)
    assert (undone.marts[0].deleted, len(_stored(modes))) == (3, 0), "what a killed run uploaded is ours"


@pytest.mark.parametrize(
    "before, after", [(None, _dropped), (_dropped, None), (_status(503), None)], ids=["answer", "call", "503"]
)
def test_an_upload_without_an_answer_is_asked_for_before_it_is_repeated(
    modes: Bench, wire: Wire, before: Any, after: Any
) -> None:
    wire.when(UPLOAD, 2, before, after)
    result = modes.load("files")
    assert (result.exit_code, result.marts[0].accepted) == (0, 3), result.lines()
    soql = f"SELECT Id FROM ContentVersion WHERE {KEY['field']} LIKE '{modes.source}:%'"
    assert len([*Org(read_target(), FAST).query(soql)]) == 3


def test_files_that_an_earlier_ledger_knew_are_found_by_key(modes: Bench, wire: Wire) -> None:
    modes.load("files")
    modes.workspace.ledger.unlink()
    again = modes.load("accounts", "campaigns", "files", "file_links")
    mart = next(mart for mart in again.marts if mart.mart == "files")
    assert (again.exit_code, mart.adopted, mart.sent, wire.count(UPLOAD)) == (0, 3, 0, 3)


@pytest.mark.requirement("C2")
def test_links_whose_job_the_org_forgot_are_asked_for_by_their_documents(modes: Bench, wire: Wire) -> None:
    modes.load("accounts", "campaigns", "files")
    gone = [{"errorCode": "NOT_FOUND", "message": "gone"}]
    wire.when(
        r"GET .*/jobs/ingest/[^/]+$", 1, None, lambda _: _status(404, gone)(requests.Request().prepare())
    )
    mart = modes.load("file_links").marts[0]
    assert (mart.accepted, mart.refused) == (2, 0), mart.problems
    linked = Org(read_target(), FAST).query(
        "SELECT Id FROM ContentDocumentLink WHERE ShareType = 'I' AND ContentDocumentId = "
        f"'{_stored(modes)['1']['ContentDocumentId']}' AND LinkedEntityId = '{_account(modes)}'"
    )
    assert len([*linked]) == 1


def _account(modes: Bench) -> str:
    return str(modes.records("Account", "Id")["1"]["Id"])


def test_a_file_that_is_not_what_was_landed_is_named_and_the_others_go_up(modes: Bench) -> None:
    changed, gone, _ = _on_disk(modes)
    changed.write_bytes(b"something else")
    gone.unlink()
    modes.load("files", dry_run=True, preflight=True)
    assert "(FILE_MISSING)" in "\n".join(modes.lines), "predicted"
    result = modes.load("files")
    assert (result.exit_code, result.marts[0].accepted, result.marts[0].refused) == (1, 1, 2)
    assert {problem.reason for problem in result.marts[0].problems} == {"FILE_CHANGED", "FILE_MISSING"}
    assert set(_stored(modes)) == {"3"}
    assert modes.load("files").marts[0].owed == 2, "not tried again until something changes"


def test_a_path_out_of_the_folder_is_no_file_of_ours(modes: Bench) -> None:
    outside = modes.workspace.path / "data" / "secret.txt"
    outside.write_bytes(b"x")
    modes.workspace.sql(
        "update marts.sf_files set local_path = '../secret.txt', size_bytes = 1, "
        f"sha256 = '{hashlib.sha256(b'x').hexdigest()}' where record_key = '{modes.key('file', 1)}'"
    )
    result = modes.load("files")
    assert [problem.reason for problem in result.marts[0].problems] == ["FILE_MISSING"]
    assert set(_stored(modes)) == {"2", "3"}


def test_bytes_that_arrived_differently_are_taken_out_again_and_sent_once_more(
    modes: Bench, wire: Wire
) -> None:
    def garbled(answer: requests.Response) -> requests.Response:
        edited = requests.Response()
        edited.status_code, edited.url = answer.status_code, answer.url
        first = answer.json()["records"][0]["Checksum"]
        edited.raw = io.BytesIO(answer.content.replace(first.encode(), b"0" * 32))
        return edited

    wire.when("GET .*/query.*Checksum", 1, None, garbled)
    result = modes.load("files")
    assert (result.exit_code, result.marts[0].accepted) == (0, 3), result.lines()
    assert wire.count(UPLOAD) == 4 and wire.count("DELETE .*/ContentDocument/") == 1
    assert len(_stored(modes)) == 3


def test_a_full_file_storage_stops_the_load_with_the_first_file(
    modes: Bench, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILES_A_PART", 1)
    body = [{"errorCode": "STORAGE_LIMIT_EXCEEDED", "message": "storage limit exceeded"}]
    wire.when(UPLOAD, 99, _status(400, body), None)
    with pytest.raises(RefusedError, match=modes.key("file", 1)):
        modes.load("files")
    assert wire.count(UPLOAD) == 1


@pytest.mark.requirement("SFG-03")
def test_the_forecast_counts_the_bytes_of_new_files(modes: Bench) -> None:
    modes.workspace.sql("update marts.sf_files set size_bytes = 900000000000")
    modes.load("files", dry_run=True, preflight=True)
    told = "\n".join(modes.lines)
    assert "FILE_STORAGE The load needs about 2,574,921 MB of file storage" in told
    assert "(FILE_TOO_LARGE)" in told


@pytest.mark.requirement("C6")
def test_rollback_takes_files_and_links_out_of_the_org(modes: Bench) -> None:
    run = modes.load("accounts", "campaigns", "files", "file_links").run_id
    undone = rollback(Scope(run), pace=FAST)
    assert undone.exit_code == 0, undone.lines()
    assert _stored(modes) == {}


def test_a_body_is_read_in_blocks_has_its_length_and_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "big"
    with file.open("wb") as stream:
        stream.truncate(5 * BLOCK + 17)
    body = Multipart({"Title": "t"}, file, 'a"b\r\nc')
    pieces = iter(lambda: body.read(BLOCK), b"")
    sizes = [len(piece) for piece in pieces]
    assert sum(sizes) == len(body) and max(sizes) == BLOCK
    body.seek(0)
    whole = b"".join(body)
    assert len(whole) == len(body) and b'filename="a_b  c"' in whole
    assert whole.endswith(f"\r\n--{files.BOUNDARY}--\r\n".encode())
