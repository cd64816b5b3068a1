"""Salesforce: the load, and the org read back as one more raw source.

    SF_TARGET=sandbox refresh-raw --source salesforce

lands, for the org of the target (the default one of profiles/salesforce.yml without SF_TARGET):

    records          every record that a mart could have written, users included; fields as JSON text
    ledger_records   what the ledger knows of each row for that org, held-back rows included
    ledger_runs      the runs against that org

All three are replaced as a whole: the question is what the org holds now. `load-sf reconcile` does this and
then runs the audit models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlt.sources import DltSource


def source() -> DltSource:
    """The dlt source. Imported late: the load does not need dlt, which takes a second to import."""
    from loaders.salesforce.readback import salesforce

    return salesforce()


__all__ = ["source"]
