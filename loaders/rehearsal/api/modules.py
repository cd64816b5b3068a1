"""Imports every API module, which registers its routes. A new API module is one line here."""

from loaders.rehearsal.api import (
    bulk_ingest,
    bulk_query,
    bulk_v1,
    collections,
    composite,
    discovery,
    files,
    layouts,
    login,
    metadata,
    page,
    query,
    records,
    rehearsal,
    soap,
    tooling,
)

__all__ = [
    "bulk_ingest",
    "bulk_query",
    "bulk_v1",
    "collections",
    "composite",
    "discovery",
    "files",
    "layouts",
    "login",
    "metadata",
    "page",
    "query",
    "records",
    "rehearsal",
    "soap",
    "tooling",
]
