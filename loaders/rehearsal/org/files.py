"""What storing a file means for records: its document, its versions' numbers, the link to a record,
size and type."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.failures import bad_request
from loaders.rehearsal.org.ids import long_id
from loaders.rehearsal.org.seeding import insert_facts
from loaders.rehearsal.org.state import Org, Session

FILE_TYPES = {
    "pdf": "PDF",
    "txt": "TEXT",
    "csv": "CSV",
    "png": "PNG",
    "jpg": "JPG",
    "jpeg": "JPG",
    "gif": "GIF",
    "html": "HTML",
    "xml": "XML",
    "docx": "WORD_X",
    "xlsx": "EXCEL_X",
    "pptx": "POWER_POINT_X",
    "zip": "ZIP",
    "mp4": "MP4",
    "snote": "SNOTE",
    "json": "JSON",
}


def add_document(org: Org, session: Session, fields: Mapping[str, Any]) -> str:
    """The ContentDocument of a new version: the one that the request names, or a new one with its link.
    Returns its id.

    Call inside `store.write()`. Raises OrgError for a document that does not exist.
    """
    with org.store.write() as connection:
        named = fields.get("ContentDocumentId")
        if named:
            identifier = long_id(str(named)) or ""
            found = connection.execute(
                'select 1 from org."ContentDocument" where "Id" = ? and not "IsDeleted"', [identifier]
            ).fetchone()
            if found is None:
                raise bad_request("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
            connection.execute(
                'update org."ContentVersion" set "IsLatest" = false where "ContentDocumentId" = ?',
                [identifier],
            )
            return identifier
        extension = Path(str(fields.get("PathOnClient") or "")).suffix.lstrip(".").lower()
        document = insert_facts(
            org.store,
            connection,
            org.catalogue.object("ContentDocument"),
            [
                {
                    "Title": fields.get("Title"),
                    "OwnerId": fields.get("OwnerId") or session.user_id,
                    "PublishStatus": "P",
                    "FileType": FILE_TYPES.get(extension, "UNKNOWN"),
                    "FileExtension": extension or None,
                    "CreatedById": session.user_id,
                    "LastModifiedById": session.user_id,
                    "SharingOption": "A",
                    "SharingPrivacy": "N",
                    "Description": fields.get("Description"),
                }
            ],
        )[0]
        links = [session.user_id]
        place = long_id(str(fields.get("FirstPublishLocationId") or ""))
        if place:
            links.append(place)
        insert_facts(
            org.store,
            connection,
            org.catalogue.object("ContentDocumentLink"),
            [
                {
                    "ContentDocumentId": document,
                    "LinkedEntityId": entity,
                    "ShareType": "I",
                    "Visibility": "AllUsers",
                }
                for entity in dict.fromkeys(links)
            ],
        )
        return document


def mark_content(
    connection: duckdb.DuckDBPyConnection,
    info: ObjectInfo,
    record_id: str,
    document: str | None,
    content: bytes,
    fields: Mapping[str, Any],
) -> None:
    """Writes what the content says into the new record, and into its document."""
    if document is None:
        connection.execute(
            'update org."Attachment" set "BodyLength" = ? where "Id" = ?', [len(content), record_id]
        )
        return
    extension = Path(str(fields.get("PathOnClient") or "")).suffix.lstrip(".").lower()
    number = connection.execute(
        'select count(*) + 1 from org."ContentVersion" where "ContentDocumentId" = ?', [document]
    ).fetchone()
    connection.execute(
        'update org."ContentVersion" set "ContentDocumentId" = ?, "ContentSize" = ?, "Checksum" = ?, '
        '"FileExtension" = ?, "FileType" = ?, "IsLatest" = true, "VersionNumber" = ?, '
        '"PublishStatus" = \'P\' where "Id" = ?',
        [
            document,
            len(content),
            hashlib.md5(content, usedforsecurity=False).hexdigest(),
            extension or None,
            FILE_TYPES.get(extension, "UNKNOWN"),
            str(number[0] if number else 1),
            record_id,
        ],
    )
    connection.execute(
        'update org."ContentDocument" set "LatestPublishedVersionId" = ?, "ContentSize" = ? where "Id" = ?',
        [record_id, len(content), document],
    )
