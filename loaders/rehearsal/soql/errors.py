"""The one error of this package, and Salesforce's way of pointing at the place in a query."""

from __future__ import annotations

_CONTEXT = 60
_REFERENCE = "Please reference your WSDL or the describe call for the appropriate names."


class SoqlError(Exception):
    """A query that Salesforce would refuse: `code` is its error code, `message` the API's text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def pointing(code: str, soql: str, at: int, text: str) -> SoqlError:
    """A SoqlError that shows the line of the query, a caret, row and column (both from 1), and the text."""
    at = max(0, min(at, len(soql)))
    row = soql.count("\n", 0, at) + 1
    start = soql.rfind("\n", 0, at) + 1
    end = soql.find("\n", at)
    line = soql[start : len(soql) if end < 0 else end]
    column = at - start
    first = max(0, column - _CONTEXT)
    shown = line[first : column + _CONTEXT]
    caret = " " * (column - first) + "^"
    return SoqlError(code, f"\n{shown}\n{caret}\nERROR at Row:{row}:Column:{column + 1}\n{text}")


def no_such_column(soql: str, at: int, name: str, entity: str) -> SoqlError:
    """INVALID_FIELD for a name that the entity has no field for."""
    return pointing(
        "INVALID_FIELD",
        soql,
        at,
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure "
        f"to append the '__c' after the custom field name. {_REFERENCE}",
    )


def no_such_relationship(soql: str, at: int, name: str, place: str, code: str = "INVALID_FIELD") -> SoqlError:
    """The error for an unknown relationship; `place` is 'field path' or 'FROM part of query call'."""
    return pointing(
        code,
        soql,
        at,
        f"Didn't understand relationship '{name}' in {place}. If you are attempting to use a custom "
        f"relationship, be sure to append the '__r' after the custom relationship name. {_REFERENCE}",
    )


def no_such_object(soql: str, at: int, name: str) -> SoqlError:
    """INVALID_TYPE for an object the org does not have."""
    return pointing(
        "INVALID_TYPE",
        soql,
        at,
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to "
        f"append the '__c' after the entity name. {_REFERENCE}",
    )


def wrong_literal(soql: str, at: int, name: str, kind: str, quoted: bool) -> SoqlError:
    """INVALID_FIELD for a literal of the wrong type; `quoted` says whether the right one has quotes."""
    rule = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    return pointing(
        "INVALID_FIELD",
        soql,
        at,
        f"value of filter criterion for field '{name}' must be of type {kind} and {rule}",
    )


def malformed(soql: str, at: int, text: str) -> SoqlError:
    """MALFORMED_QUERY with the place."""
    return pointing("MALFORMED_QUERY", soql, at, text)
