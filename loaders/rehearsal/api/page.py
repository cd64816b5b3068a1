"""A plain page at `/` for people: what the org holds, its last jobs, its limits, the faults that are set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.org.store import table

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{border:1px solid "
    "#888;padding:.2rem .6rem;text-align:left}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}"
)
JOBS = 20


@route("GET", "/", versioned=False, public=True)
def page(call: Call) -> Answer:
    """The page."""
    org, catalogue = call.org, call.catalogue
    counts = " union all ".join(
        f'select \'{info.name}\', count(*) filter (not "IsDeleted"), count(*) filter ("IsDeleted") '
        f"from {table(info.name)}"
        for info in catalogue.objects.values()
    )
    objects = sorted(row for row in org.store.rows(counts) if row[1] or row[2])
    jobs = sorted(
        (*org.jobs.all("ingest"), *org.jobs.all("query")), key=lambda job: job.created, reverse=True
    )[:JOBS]
    job_rows = [
        (job.id, job.operation, job.object, job.state, job.processed, job.failed, job.error or "")
        for job in jobs
    ]
    limits = [
        (name, value["Max"], value["Remaining"]) for name, value in org.limits.report(catalogue).items()
    ]
    faults = [(rule.text, rule.hits) for rule in org.faults.rules]
    body = (
        f"<h1>Rehearsal org</h1><p>{escape(org.org_id)}. A stand-in for Salesforce; it listens on "
        f"this machine only.</p>"
        + _table("Records", ("Object", "Records", "In the recycle bin"), objects)
        + _table(
            "Last jobs", ("Job", "Operation", "Object", "State", "Processed", "Failed", "Error"), job_rows
        )
        + _table("Limits", ("Limit", "Maximum", "Remaining"), limits)
        + _table("Faults", ("Fault", "Times it struck"), faults)
    )
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rehearsal org</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>"
    )
    return Answer(text=text, content_type="text/html; charset=utf-8")


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td class="n">{cell}</td>' if isinstance(cell, int) else f"<td>{escape(str(cell))}</td>"
            for cell in row
        )
        + "</tr>"
        for row in rows
    )
    if not lines:
        return f"<h2>{title}</h2><p>None.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
