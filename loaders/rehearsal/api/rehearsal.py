"""What only a rehearsal org has: its whole content as text, its health, and levers for tests. All below
`/rehearsal`."""

from __future__ import annotations

from loaders.errors import ConfigurationError
from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.org.dump import dump
from loaders.rehearsal.org.failures import bad_request


@route("GET", "/rehearsal/health", versioned=False, public=True)
def health(call: Call) -> Answer:
    """Says that the org answers."""
    return Answer(body={"org_id": call.org.org_id, "status": "ok"})


@route("GET", "/rehearsal/dump", versioned=False, public=True)
def dump_text(call: Call) -> Answer:
    """All records, sorted and without what differs from run to run, to compare two states byte by byte."""
    with call.org.store.reader() as cursor:
        text = dump(cursor, call.catalogue)
    return Answer(text=text, content_type="text/plain; charset=utf-8")


@route("POST", "/rehearsal/expire-sessions", versioned=False, public=True)
def expire(call: Call) -> Answer:
    """Ends all sessions, as an administrator or a time-out would."""
    call.org.logout()
    return Answer(body={"expired": True})


@route("PUT GET", "/rehearsal/edits", versioned=False, public=True)
def edits(call: Call) -> Answer:
    """Sets (PUT, a JSON list) or shows the script of edits that people make while a load runs."""
    if call.method == "PUT":
        specs = call.json()
        if not isinstance(specs, list):
            raise bad_request("JSON_PARSER_ERROR", "The script is a list of edits")
        try:
            call.org.edits.replace(specs)
        except ConfigurationError as problem:
            raise bad_request("INVALID_INPUT", problem.message) from None
    return Answer(
        body=[
            {"edit": dict(one.spec), "done": one.done, "changed": one.changed, "refused": one.refused}
            for one in call.org.edits.edits
        ]
    )


@route("PUT GET", "/rehearsal/faults", versioned=False, public=True)
def faults(call: Call) -> Answer:
    """Sets (PUT, a JSON list) or shows the script of faults."""
    if call.method == "PUT":
        specs = call.json()
        if not isinstance(specs, list):
            raise bad_request("JSON_PARSER_ERROR", "The script is a list of rules")
        try:
            call.org.faults.replace(specs)
        except ConfigurationError as problem:
            raise bad_request("INVALID_INPUT", problem.message) from None
    return Answer(
        body=[
            {"rule": dict(rule.spec), "calls": rule.calls, "hits": rule.hits}
            for rule in call.org.faults.rules
        ]
    )
