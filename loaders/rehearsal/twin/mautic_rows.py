"""The rows of the synthetic Mautic. Each record depends on the seed and its own id only, never on batches
or order.

The shares below are what the distribution tests hold the twin to. Real instances are mostly anonymous
visitors; the twin has a fifth of them, so that a demo stays readable.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from random import Random
from typing import Any

import phpserialize

from loaders.rehearsal.twin import mautic_people as people
from loaders.rehearsal.twin.mautic_values import NOW, address, primaries, value
from loaders.rehearsal.twin.vocabulary import (
    COMPANY,
    CONTACT,
    COUNTRIES,
    CUSTOM_FIELDS,
    INDUSTRIES,
    STAGES,
    TITLES,
    CustomField,
)

Row = dict[str, Any]

ANONYMOUS = 0.20  # of all contacts: visitors without any identity
OLD_IMPORT = 0.01  # of all contacts: a name and an e-mail, yet no date_identified
DUPLICATE = 0.03  # of the others: a second record of an earlier person, its e-mail in another case
PLUS_DUPLICATE = 0.01  # of the others: the same with a plus-address
NO_EMAIL = 0.04
FREE_MAIL = 0.15
NO_LAST_NAME = 0.03
ODD_NAME = 0.02
NO_COMPANY = 0.25  # of the identified; a quarter of these name a company as free text
SEVERAL_COMPANIES = 0.25  # of those with a company
REFUSED = 0.02  # of contacts and companies, on request: values that Salesforce does not take

COMPANY_TWIN = 0.06  # of companies: a second record of an earlier one, its website in another spelling
COMPANY_FREE_MAIL = 0.05  # of companies: free-mail address and no website
COMPANY_NO_WEBSITE = 0.10

USERS = 12
DISABLED_USER = 7
_STAGE_IDS = [stage[0] for stage in STAGES] + [None]
_STAGE_SHARES = [stage[3] for stage in STAGES] + [1 - sum(stage[3] for stage in STAGES)]


class MauticRows:
    """All rows of one twin. `refused` mixes in values that Salesforce rejects, to rehearse that."""

    def __init__(self, contacts: int, seed: int, refused: bool = False) -> None:
        self.contacts = contacts
        self.companies_count = max(12, contacts // 8)
        self.seed = seed
        self.refused = refused
        self.company = lru_cache(maxsize=20_000)(self._company)

    def random(self, kind: str, number: int) -> Random:
        """The random numbers of one record."""
        return Random(f"{self.seed}/{kind}/{number}")

    def roles(self) -> Iterator[Row]:
        """An administrator's role and a sales role with readable permissions."""
        permissions = {"lead:leads": ["viewown", "viewother", "editown"], "asset:assets": ["full"]}
        for number, (name, admin, allowed) in enumerate(
            (("Administrator", 1, {}), ("Sales", 0, permissions)), start=1
        ):
            yield self._entity(number) | {
                "name": name,
                "description": None,
                "is_admin": admin,
                "readable_permissions": phpserialize.dumps(allowed).decode(),
                "uuid": f"00000000-0000-4000-8000-{number:012}",
            }

    @cached_property
    def user_list(self) -> list[Row]:
        """The users; e-mails are unique, one user is disabled."""
        return [self._user(number) for number in range(1, USERS + 1)]

    def stages(self) -> Iterator[Row]:
        """The stages of the vocabulary; the twelfth repeats a name and is unpublished."""
        for number, name, weight, _ in STAGES:
            yield self._entity(number) | {
                "is_published": int(number != 12),
                "category_id": 12 if number <= 3 else None,
                "name": name,
                "description": None,
                "weight": weight,
                "publish_up": None,
                "publish_down": None,
                "uuid": f"00000000-0000-4000-9000-{number:012}",
            }

    def companies(self) -> Iterator[Row]:
        """All companies by id."""
        return (self._company_row(number) for number in range(1, self.companies_count + 1))

    def leads(self) -> Iterator[Row]:
        """All contacts and visitors by id."""
        return (self._lead_row(number) for number in range(1, self.contacts + 1))

    def memberships(self) -> Iterator[Row]:
        """companies_leads, by contact."""
        for number in range(1, self.contacts + 1):
            person = self.person(number)
            for position, company in enumerate(person["companies"]):
                yield {
                    "company_id": company,
                    "lead_id": number,
                    "date_added": self._since(number),
                    "is_primary": person["primaries"][position],
                }

    def person(self, number: int) -> Row:
        """Who a contact is: name, e-mail, companies. Anonymous visitors have none of it."""
        random = self.random("person", number)
        if random.random() < ANONYMOUS:
            return {
                "anonymous": True,
                "first": None,
                "last": None,
                "email": None,
                "companies": [],
                "primaries": [],
            }
        first, last = random.choice(people.FIRST_NAMES), random.choice(people.LAST_NAMES)
        companies = self._companies_of(random)
        domain = (
            self.company(companies[0])["domain"]
            if companies
            else random.choice(("example.com", "example.net"))
        )
        local = f"{people.ascii_word(first)}.{people.ascii_word(last)}.{number}"
        email: str | None = f"{local}@{domain or 'example.org'}"
        chance = random.random()
        if chance < FREE_MAIL:
            email = f"synthetic.twin.{number}@{random.choice(people.FREE_MAIL)}"
        elif chance < FREE_MAIL + NO_EMAIL:
            email = None
        if random.random() < NO_LAST_NAME:
            surname = random.choice((None, ""))
        else:
            surname = random.choice(people.ODD_NAMES) if random.random() < ODD_NAME else last
        person = {"anonymous": False, "first": first, "last": surname, "email": email, "companies": companies}
        person["number"] = number
        return person | {"primaries": primaries(random, len(companies))} | self._repeated(random, number)

    def _repeated(self, random: Random, number: int) -> Row:
        """Name and e-mail of an earlier person for the contacts that are duplicates; else nothing."""
        chance = random.random()
        if number < 10 or chance >= DUPLICATE + PLUS_DUPLICATE:
            return {}
        earlier = self.person(random.randrange(1, number))
        if not earlier["email"]:
            return {}
        local, _, domain = earlier["email"].partition("@")
        email = f"{local}+newsletter@{domain}" if chance >= DUPLICATE else f"{local.upper()}@{domain.title()}"
        return {"first": earlier["first"], "last": earlier["last"], "email": email}

    def _companies_of(self, random: Random) -> list[int]:
        if random.random() < NO_COMPANY:
            return []
        wanted = 1 if random.random() >= SEVERAL_COMPANIES else random.choice((2, 2, 3))
        return random.sample(range(1, self.companies_count + 1), wanted)

    def _company(self, number: int) -> Row:
        """What contacts need to know of a company: its name and e-mail domain."""
        random = self.random("company", number)
        if number > 12 and random.random() < COMPANY_TWIN:
            original = self.company(random.randrange(1, number))
            name = random.choice(
                (original["name"], original["name"].upper(), original["name"].rsplit(" ", 1)[0])
            )
            return original | {"name": name}
        word, kind = random.choice(people.COMPANY_WORDS), random.choice(people.COMPANY_KINDS)
        name = f"{word} {kind} {number} {random.choice(people.COMPANY_FORMS)}"
        chance = random.random()
        if chance < COMPANY_FREE_MAIL:
            return {"name": name, "domain": None, "free": True, "site": False}
        domain = f"{word}-{kind}-{number}.example".lower()
        return {
            "name": name,
            "domain": domain,
            "free": False,
            "site": chance >= COMPANY_FREE_MAIL + COMPANY_NO_WEBSITE,
        }

    def _company_row(self, number: int) -> Row:
        company, random = self.company(number), self.random("company row", number)
        country, regions, cities = random.choice(COUNTRIES)
        domain = company["domain"]
        email = (
            f"info@{domain}"
            if domain
            else f"synthetic.twin.company{number}@{random.choice(people.FREE_MAIL)}"
        )
        name = company["name"].replace("&", "&amp;") if random.random() < 0.5 else company["name"]
        row = (
            self._entity(number, random)
            | {
                "owner_id": self._owner(random),
                "social_cache": None,
                "score": random.choice((None, 0, 10, 55)),
                "companyname": name,
                "companyemail": email if random.random() < 0.7 or company["free"] else None,
                "companywebsite": people.website(random, domain)
                if company["site"]
                else random.choice((None, "")),
                "companyaddress1": f"{random.choice(people.STREETS)} {random.randrange(1, 200)}",
                "companyaddress2": None,
                "companycity": random.choice(cities),
                "companystate": random.choice(regions),
                "companyzipcode": f"{random.randrange(10000, 99999)}",
                "companycountry": country,
                "companyphone": people.phone(random, country) if random.random() < 0.7 else None,
                "companyfax": None,
                "companyindustry": random.choice(INDUSTRIES) if random.random() < 0.85 else None,
                "companydescription": random.choice(
                    (None, 'Makes "things",\r\nsells them; café & bar', "", "📦 logistics")
                ),
                "companynumber_of_employees": random.choice((None, 1.0, 12.0, 250.0, 4800.0)),
                "companyannual_revenue": random.choice((None, 125000.0, 0.1 + 0.2, 98765432.1, 1500000.55)),
            }
            | self._custom(COMPANY, random)
        )
        if self.refused and random.random() < REFUSED:
            row |= random.choice(
                ({"companyname": None}, {"companycity": "Long Town " * 10}, {"companyphone": "5" * 60})
            )
        return row

    def _lead_row(self, number: int) -> Row:
        person, random = self.person(number), self.random("lead", number)
        entity = self._entity(number, random)
        country, regions, cities = random.choice(COUNTRIES)
        row = (
            entity
            | dict.fromkeys(_LEAD_COLUMNS)
            | {
                "owner_id": None,
                "points": random.choice((0, 0, 1, 5, 10, random.randrange(500))),
                "last_active": self._since(number, random),
                "country": country if random.random() < 0.6 else None,
                "internal": random.choice((None, "a:0:{}", "N;")),
            }
            | dict.fromkeys(_CUSTOM_ALIASES[CONTACT])
        )
        if person["anonymous"]:
            return row
        row |= self._identified(person, entity["date_added"], random, (country, regions, cities))
        if self.refused and random.random() < REFUSED:
            row |= random.choice(
                ({"lastname": "Long " * 20}, {"email": "not-an-address"}, {"city": "Long Town " * 10})
            )
        return row

    def _identified(
        self,
        person: Row,
        added: datetime,
        random: Random,
        place: tuple[str, tuple[str, ...], tuple[str, ...]],
    ) -> Row:
        """What Mautic knows of somebody who is more than a visitor."""
        number, (country, regions, cities) = person["number"], place
        first_company = self.company(person["companies"][0])["name"] if person["companies"] else None
        return (
            {
                "owner_id": self._owner(random),
                "stage_id": random.choices(_STAGE_IDS, _STAGE_SHARES)[0],
                "date_identified": None if random.random() < OLD_IMPORT / (1 - ANONYMOUS) else added,
                "title": random.choice((None, None, *TITLES)),
                "firstname": person["first"],
                "lastname": person["last"],
                "email": person["email"],
                "position": random.choice((None, *people.POSITIONS)),
                "company": first_company
                or (f"Freetext {people.COMPANY_WORDS[number % 24]}" if random.random() < 0.25 else None),
                "phone": people.phone(random, country) if random.random() < 0.6 else None,
                "mobile": people.phone(random, country) if random.random() < 0.3 else None,
                "country": country,
                "state": random.choice((None, *regions)),
                "city": random.choice((None, *cities)),
                "zipcode": f"{random.randrange(10000, 99999)}" if random.random() < 0.7 else None,
                "timezone": random.choice((None, "UTC", "Europe/Berlin")),
                "preferred_locale": random.choice((None, "de_DE", "en_US")),
                "website": random.choice((None, None, f"https://www.example.com/~{number}")),
                "attribution": random.choice((None, None, 19.99, 1199.8999999999999)),
                "attribution_date": random.choice((None, self._since(number, random))),
                "linkedin": random.choice(
                    (None, None, f"https://www.linkedin.com/in/synthetic-twin-{number}")
                ),
            }
            | address(random)
            | self._custom(CONTACT, random)
        )

    def _custom(self, kind: str, random: Random) -> Row:
        """A value for each custom field of leads or companies, about half of them empty."""
        return {
            field.alias: value(field, random) if random.random() < 0.55 else None for field in _CUSTOM[kind]
        }

    def _entity(self, number: int, random: Random | None = None) -> Row:
        """id and audit columns; date_modified is empty until the first edit, as before Mautic 6."""
        added = self._since(number)
        edited = random is not None and random.random() < 0.6
        return dict.fromkeys(("checked_out", "checked_out_by", "checked_out_by_user")) | {
            "id": number,
            "is_published": 1,
            "date_added": added,
            "created_by": 1,
            "created_by_user": "Ada Abendroth",
            "date_modified": added + timedelta(days=3, seconds=number % 86400) if edited else None,
            "modified_by": 1 if edited else None,
            "modified_by_user": "Ada Abendroth" if edited else None,
        }

    def _user(self, number: int) -> Row:
        random = self.random("user", number)
        first, last = people.FIRST_NAMES[number - 1], people.LAST_NAMES[number - 1]
        name = f"{people.ascii_word(first)}.{people.ascii_word(last)}"
        return self._entity(number) | {
            "is_published": int(number != DISABLED_USER),
            "role_id": 1 if number == 1 else 2,
            "username": name,
            "password": "$2y$13$synthetic.twin.has.no.password",
            "first_name": first,
            "last_name": last,
            "email": f"{name}@twin.example",
            "position": random.choice(people.POSITIONS),
            "timezone": "Europe/Berlin",
            "locale": "en_US",
            "last_login": NOW - timedelta(days=number),
            "last_active": NOW - timedelta(days=number),
            "preferences": "a:0:{}",
            "signature": None,
        }

    def _owner(self, random: Random) -> int | None:
        return random.randrange(1, USERS + 1) if random.random() < 0.85 else None

    def _since(self, number: int, random: Random | None = None) -> datetime:
        """A moment in the seven years before NOW; the same for a number unless `random` picks another."""
        span = 7 * 365 * 86400
        # a multiplicative hash, as a generator of its own per moment would be most of the work
        seconds = random.randrange(span) if random else (number * 2654435761 + self.seed) % span
        return NOW - timedelta(seconds=seconds)


_CUSTOM: dict[str, list[CustomField]] = {
    kind: [field for field in CUSTOM_FIELDS if field.object == kind and field.column_exists]
    for kind in (CONTACT, COMPANY)
}
_CUSTOM_ALIASES = {kind: [field.alias for field in fields] for kind, fields in _CUSTOM.items()}
_LEAD_COLUMNS = tuple(
    """owner_id stage_id points last_active internal social_cache date_identified preferred_profile_image
    title firstname lastname company position email phone mobile address1 address2 city state zipcode
    timezone country fax preferred_locale attribution_date attribution website facebook foursquare instagram
    linkedin skype twitter""".split()  # noqa: SIM905
)
