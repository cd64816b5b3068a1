"""Everything in the synthetic Mautic beside people, companies and their fields: segments, campaigns, e-mails,
assets, forms, custom objects. The rows are made in DuckDB by the statements in sql/, from the contacts alone,
so that millions of them take seconds; the files of the assets are made here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from loaders.rehearsal.twin.mautic_rows import MauticRows

Row = dict[str, Any]

TAGS = 45  # below the number from which tags no longer fit a multi-select field (Z01)
SENDS = 6  # chances of an e-mail per person with an address; half of them are taken
LOST_ASSET = 7  # in the table, not on the disk
FORM_RESULTS = "form_results_"
_CONTACTS = pa.schema(
    [("id", pa.int64()), ("identified", pa.bool_()), ("email", pa.string()), ("added", pa.timestamp("us"))]
)


class Activity:
    """The tables of one twin. `watch` sees the contacts on their way to the database, then `make` fills them."""

    def __init__(self, rows: MauticRows, tags: int = TAGS) -> None:
        self.engine = duckdb.connect()
        self.engine.execute("set preserve_insertion_order = true")
        for name, value in (("seed", rows.seed), ("tags", tags), ("sends", SENDS)):
            self.engine.execute(f"set variable {name} = {int(value)}")
        self.engine.execute(f"set variable companies = {rows.companies_count}")
        self.engine.execute(
            "create table contacts (id bigint, identified boolean, email varchar, added timestamp)"
        )

    def watch(self, leads: Iterable[Row], batch: int = 2_000) -> Iterator[Row]:
        """The contacts unchanged; what the other tables need of them is kept."""
        kept: list[tuple[int, bool, str | None, datetime]] = []
        for lead in leads:
            kept.append((lead["id"], bool(lead["firstname"]), lead["email"], lead["date_added"]))
            if len(kept) == batch:
                self._keep(kept)
                kept.clear()
            yield lead
        self._keep(kept)

    def make(self, files: Path | None) -> None:
        """Fills the tables, and writes the assets' files into a folder if there is one."""
        for path in sorted((Path(__file__).parent / "sql").glob("*.sql")):
            self.engine.execute(path.read_text(encoding="utf-8"))
        for number, title, path, extension in self.engine.execute(
            "select id, title, path, extension from assets where path is not null order by id"
        ).fetchall():
            content = asset_bytes(title, f".{extension}")
            self.engine.execute("update assets set size = ? where id = ?", [len(content), number])
            if files and number != LOST_ASSET:
                files.mkdir(parents=True, exist_ok=True)
                (files / path).write_bytes(content)

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table in the order of its first columns; none for a table that stays empty."""
        known = self.engine.execute(
            "select 1 from duckdb_columns() where table_name = ? and schema_name = 'main'", [table]
        ).fetchone()
        if not known:
            return
        result = self.engine.cursor().execute(f'select * from "{table}" order by 1, 2')
        names = [column[0] for column in result.description or ()]
        while part := result.fetchmany(5_000):
            yield from (dict(zip(names, row, strict=True)) for row in part)

    def form_results(self) -> dict[str, list[str]]:
        """The per-form result tables and their columns."""
        found = self.engine.execute(
            "select table_name, list(column_name order by column_index) from duckdb_columns()"
            f" where starts_with(table_name, '{FORM_RESULTS}') group by 1 order by 1"
        ).fetchall()
        return {str(name): list(columns) for name, columns in found}

    def _keep(self, contacts: list[tuple[int, bool, str | None, datetime]]) -> None:
        if contacts:
            columns = [
                pa.array(list(part), field.type)
                for part, field in zip(zip(*contacts, strict=True), _CONTACTS, strict=True)
            ]
            batch = pa.Table.from_arrays(columns, schema=_CONTACTS)
            self.engine.register("batch", batch)
            self.engine.execute("insert into contacts select * from batch")
            self.engine.unregister("batch")


def asset_bytes(title: str, extension: str) -> bytes:
    """The content of an asset: a small valid file of its kind; the same title, the same bytes."""
    makers = {".pdf": _pdf, ".png": _png, ".csv": _csv}
    return makers[extension](title) if extension in makers else b""


def _pdf(title: str) -> bytes:
    text = title.encode("ascii", "replace").decode()
    stream = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    document, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(document))
        document += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(document)}\n%%EOF\n"
    return f"{document}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode("ascii")


def _png(title: str) -> bytes:
    """16 x 16 pixels of one colour, which follows from the title."""
    colour = zlib.crc32(title.encode()).to_bytes(4, "big")[:3]
    pixels = b"".join(b"\0" + colour * 16 for _ in range(16))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(pixels)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def _csv(title: str) -> bytes:
    return f"title,office\r\n{title},info@example.com\r\n".encode()
