"""What an org tells about itself: versions, resources, objects, describe, limits, record counts."""

from __future__ import annotations

from email.utils import formatdate, parsedate_to_datetime

from loaders.rehearsal.api.call import NEWEST, OLDEST, Answer, Call, route
from loaders.rehearsal.org.describe import describe, summary
from loaders.rehearsal.org.store import table

SEASONS = ("Spring", "Summer", "Winter")
RESOURCES = (
    "tooling",
    "metadata",
    "eclair",
    "folders",
    "prechatForms",
    "contact-tracing",
    "jsonxform",
    "chatter",
    "payments",
    "compactLayouts",
    "knowledgeManagement",
    "sobjects",
    "actions",
    "support",
    "search",
    "composite",
    "parameterizedSearch",
    "theme",
    "nouns",
    "event",
    "recent",
    "connect",
    "licensing",
    "limits",
    "process",
    "async-queries",
    "dedupe",
    "query",
    "jobs",
    "tabs",
    "queryAll",
    "analytics",
    "appMenu",
    "quickActions",
)


def _release(version: int) -> str:
    """The name of a release, such as Summer '24 for 61."""
    season = ("Spring", "Summer", "Winter")[(version - 60) % 3]
    year = 24 + (version - 60) // 3 + (1 if season == "Winter" else 0)
    return f"{season} '{year % 100:02d}"


@route("GET", "/services/data", versioned=False, public=True)
def versions(call: Call) -> Answer:
    """All versions, oldest first."""
    return Answer(
        body=[
            {"label": _release(n), "url": f"/services/data/v{n}.0", "version": f"{n}.0"}
            for n in range(OLDEST, NEWEST + 1)
        ]
    )


@route("GET", "/")
def resources(call: Call) -> Answer:
    """The resources of one version; identity is an absolute address."""
    found = {name: f"{call.root}/{name}" for name in RESOURCES}
    found["identity"] = f"{call.base_url}/id/{call.org.org_id}/{call.user.user_id}"
    return Answer(body=found)


@route("GET", "/sobjects")
def objects(call: Call) -> Answer:
    """All objects, without fields."""
    listed = sorted(call.catalogue.objects.values(), key=lambda info: info.name)
    return Answer(
        body={
            "encoding": "UTF-8",
            "maxBatchSize": 200,
            "sobjects": [summary(info, call.root) for info in listed],
        }
    )


@route("GET", "/sobjects/{object}")
def basic(call: Call) -> Answer:
    """An object without fields, and the records last seen (none here)."""
    return Answer(body={"objectDescribe": summary(call.object(), call.root), "recentItems": []})


@route("GET", "/sobjects/{object}/describe")
def describe_object(call: Call) -> Answer:
    """The whole describe; 304 for a client that has it."""
    changed = call.org.described_at
    headers = {"Last-Modified": formatdate(changed, usegmt=True)}
    since = call.headers.get("if-modified-since")
    if since and _not_after(changed, since):
        return Answer(304, headers=headers)
    return Answer(body=describe(call.object(), call.root), headers=headers)


def _not_after(moment: float, header: str) -> bool:
    try:
        return int(moment) <= parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError):
        return False


@route("GET", "/sobjects/{object}/(?P<span>updated|deleted)")
def replication(call: Call) -> Answer:
    """Ids of the records changed or deleted between `start` and `end`."""
    info, span = call.object(), call.arguments["span"]
    start, end = call.query.get("start", ""), call.query.get("end", "")
    bounds = [start.replace(" ", "+"), end.replace(" ", "+")]
    between = (
        '"SystemModstamp" between make_timestamp(epoch_us(try_cast(? as timestamptz))) '
        "and make_timestamp(epoch_us(try_cast(? as timestamptz)))"
    )
    deleted = "" if span == "deleted" else "not "
    rows = call.org.store.rows(
        f'select "Id", "SystemModstamp" from {table(info.name)} where {deleted}"IsDeleted" and '
        f"{between} order by 1",
        bounds,
    )
    if span == "updated":
        return Answer(body={"ids": [row[0] for row in rows], "latestDateCovered": end})
    records = [{"id": row[0], "deletedDate": f"{row[1]:%Y-%m-%dT%H:%M:%S}.000+0000"} for row in rows]
    return Answer(body={"deletedRecords": records, "earliestDateAvailable": start, "latestDateCovered": end})


@route("GET", "/limits")
def limits(call: Call) -> Answer:
    """Allowances and what is left of them."""
    return Answer(body=call.org.limits.report(call.catalogue))


@route("GET", "/limits/recordCount")
def record_count(call: Call) -> Answer:
    """Number of live records of the objects that have any."""
    wanted = [name.strip() for name in call.query.get("sObjects", "").split(",") if name.strip()]
    infos = [call.catalogue.object(name) for name in wanted if call.catalogue.has(name)]
    infos = infos if wanted else list(call.catalogue.objects.values())
    if not infos:
        return Answer(body={"sObjects": []})
    counts = " union all ".join(
        f"select '{info.name}', count(*) from {table(info.name)} where not \"IsDeleted\"" for info in infos
    )
    found = [{"count": count, "name": name} for name, count in call.org.store.rows(counts) if count]
    return Answer(body={"sObjects": found})


@route("GET", "/recent")
def recent(call: Call) -> Answer:
    """Records last seen: none."""
    return Answer(body=[])
