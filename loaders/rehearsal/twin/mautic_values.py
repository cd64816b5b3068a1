"""Single values of the synthetic Mautic: custom fields, street lines, primary flags."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from loaders.rehearsal.twin import mautic_people as people
from loaders.rehearsal.twin.vocabulary import CustomField

NOW = datetime(2026, 6, 30, 12)  # the twin's present, so that a seed means the same data for ever

NO_PRIMARY = 0.04  # of contacts with a company: none is marked primary
TWO_PRIMARIES = 0.12  # of contacts with several companies
# Of the addresses: cut as RudderStack's destination does, 63 characters, one lost, the rest in address2
# (RUD-31).
CUT_ADDRESS = 0.02


def primaries(random: Random, companies: int) -> list[int | None]:
    """is_primary per company: mostly the first one, sometimes none, sometimes two; null counts as no."""
    none, two = random.random() < NO_PRIMARY, random.random() < TWO_PRIMARIES
    if none:
        return [random.choice((0, None)) for _ in range(companies)]
    return [
        1 if position == 0 or (two and position == 1) else random.choice((0, None))
        for position in range(companies)
    ]


def address(random: Random) -> dict[str, Any]:
    """Street lines; some with a line break inside, some cut in two with a character lost."""
    street = f"{random.choice(people.STREETS)} {random.randrange(1, 300)}"
    chance = random.random()
    if chance < CUT_ADDRESS:
        whole = (
            f"{street}, Building {random.randrange(9)}, care of the Synthetic Twin, third floor on the left"
        )
        return {"address1": whole[:63], "address2": whole[64:]}
    if chance < 0.06:
        return {"address1": f"{street}\r\nBack yard", "address2": random.choice((None, "2nd floor\nleft"))}
    return {"address1": street if chance < 0.75 else None, "address2": None}


def value(field: CustomField, random: Random) -> Any:
    """A value of the field's type, as Mautic stores it."""
    values = [stored for stored, _ in field.options]
    if field.type == "select":
        return random.choice(values)
    if field.type == "multiselect":
        return "|".join(random.sample(values, random.randrange(1, len(values) + 1)))
    if field.type == "boolean":
        return random.randrange(2)
    if field.type == "number":
        return (
            float(random.randrange(1000))
            if not field.scale
            else random.choice((0.0, 1234.5, 99.99, 0.1 + 0.7, 250000.0))
        )
    if field.type == "date":
        return date(1950, 1, 1) + timedelta(days=random.randrange(20000))
    if field.type == "datetime":
        return NOW - timedelta(seconds=random.randrange(3 * 365 * 86400))
    if field.type == "time":
        return time(random.randrange(24), random.choice((0, 15, 30, 45)))
    return _TEXTS[field.type](random)


_TEXTS: dict[str, Any] = {
    "text": lambda random: random.choice((f"T-{random.randrange(10**6):06}", *people.COLOURS)),
    "url": lambda random: f"https://www.example.org/p/{random.randrange(10**6)}?a=1&b=2",
    "tel": lambda random: people.phone(random, "United Kingdom"),
    "email": lambda random: f"Synthetic.{random.randrange(10**6)}@Example.ORG",
    "textarea": lambda random: random.choice(
        ("Called twice.\r\nNo answer.", 'Said "later", maybe; 50% sure', "مرحبا 👋", "a,b\tc")
    ),
    "html": lambda random: random.choice(
        ("<p>Likes <b>maps</b> &amp; cats</p>", "<ul><li>one</li></ul>", "plain")
    ),
}
