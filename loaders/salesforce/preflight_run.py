"""One preflight against a target: log in, read the org, attach the marts, check.

The I/O around preflight.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from loaders.project import field_map_paths, ledger_path, project_dir, value_map_paths, warehouse_path
from loaders.salesforce.describe import read_org
from loaders.salesforce.export import literal
from loaders.salesforce.field_map import read_map_lines
from loaders.salesforce.findings import ordered
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.manifest import object_marts, project_contracts
from loaders.salesforce.preflight import ROWS, Preflight, preflight
from loaders.salesforce.preflight_columns import strange_object_findings
from loaders.salesforce.schema import check_findings, read_request
from loaders.salesforce.session import Org
from loaders.salesforce.targets import read_target


def run_preflight(
    target: str | None,
    *,
    rows_file: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Preflight:
    """The preflight of all marts of this project for a target; `rows_file` gets every row that breaks a rule.

    Raises ConfigurationError for a missing warehouse or target, RemoteError when the org cannot be read.
    """
    contracts = project_contracts()
    lines = read_map_lines(field_map_paths(), value_map_paths())
    session = Org(read_target(target), report=report)
    identity = session.identity()
    report(f"Preflight for {identity.line()}.")
    org = read_org(session, contracts, identity.org_id)
    request = read_request(contracts, project_dir())
    with Ledger(ledger_path()) as ledger, ledger.warehouse(warehouse_path()):
        result = preflight(
            contracts,
            org,
            ledger.con,
            map_lines=lines,
            structure=check_findings(request, org),
            ledger="ledger",
        )
        strange = [
            finding
            for mart in object_marts()
            for finding in strange_object_findings(
                mart, [one.object for one in contracts.values() if one.name == mart.name], ledger.con
            )
        ]
        result = replace(result, findings=tuple(ordered([*result.findings, *strange])))
        if rows_file:
            rows_file.parent.mkdir(parents=True, exist_ok=True)
            ledger.con.execute(
                f"copy (select * from {ROWS} order by all) to {literal(str(rows_file))} (format csv, header)"
            )
    return result
