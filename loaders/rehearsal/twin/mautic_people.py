"""Names, addresses and numbers for the synthetic Mautic. Nobody in here exists.

Domains are reserved for examples (RFC 2606: example.com and kin, *.example). Free-mail addresses need a
real free-mail domain, or no rule about free mail could be rehearsed; their local part says
`synthetic.twin.` and a number. Telephone numbers come from the ranges that regulators keep for fiction:
555-01xx (US, Canada), Ofcom's 020 7946 0xxx and 01632 960xxx, ACMA's 5550 xxxx, Bundesnetzagentur's (0)30
23125 xxx and (0)89 99998 xxx, ARCEP's 01 99 00 xx xx, PTS's 08-465 004 xx.
"""

from __future__ import annotations

import unicodedata
from random import Random

FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "hotmail.com", "gmx.de", "web.de", "icloud.com")

FIRST_NAMES = (
    "Ada",
    "Aylin",
    "Björn",
    "Carla",
    "Chidi",
    "Dana",
    "Elif",
    "Émile",
    "Farid",
    "Greta",
    "Hana",
    "Ian",
    "Ingrid",
    "Jorge",
    "Katarzyna",
    "Lars",
    "Lena",
    "Mateo",
    "Mei",
    "Nadia",
    "Noah",
    "Olga",
    "Paolo",
    "Priya",
    "Quentin",
    "Ravi",
    "Sara",
    "Søren",
    "Tariq",
    "Ute",
    "Vera",
    "Wei",
    "Ximena",
    "Yusuf",
    "Zoë",
    "דנה",
    "ليلى",
    "さくら",
)
LAST_NAMES = (
    "Abendroth",
    "Baumgart",
    "Castellanos",
    "Dähnhardt",
    "Eriksdotter",
    "Fitzwater",
    "Gruber",
    "Halloran",
    "Iwasaki",
    "Jaszczak",
    "Køhler",
    "Lindqvist",
    "Marchetti",
    "Nakagawa",
    "Oyelaran",
    "Petrosyan",
    "Quirke",
    "Rasmussen",
    "Şahin",
    "Thorvaldsen",
    "Umarov",
    "Vandermeer",
    "Whitlock",
    "Xanthos",
    "Yamashiro",
    "Zielinska",
    "de la Peña",
    "van der Berg",
    "בן-שחר",
    "الحداد",
)
# What old releases and careless imports leave behind in a name.
ODD_NAMES = (
    "O&#39;Riordan",
    'Robert "Bob" Quill',
    "D'Angelo",
    "  Spaced  ",
    "Müller &amp; Kim",
    "Star 🌟 Light",
    "VAN DYK",
)
POSITIONS = (
    "CEO",
    "Head of Marketing",
    "Sales Manager",
    "Einkäufer",
    "Developer, Backend",
    'VP "Growth"',
    "Office Manager",
    "CTO",
    "Werkstudent/in",
    "Responsable d’achats",
)
STREETS = (
    "Example Street",
    "Musterstraße",
    "Rue de l'Exemple",
    "Sample Avenue",
    "Örnek Caddesi",
    "Via dell'Esempio",
)
COMPANY_WORDS = (
    "Aurora",
    "Birch",
    "Cobalt",
    "Delta",
    "Ember",
    "Falcon",
    "Granite",
    "Harbour",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Lumen",
    "Meridian",
    "Nimbus",
    "Onyx",
    "Pioneer",
    "Quartz",
    "Ridge",
    "Summit",
    "Tundra",
    "Umbra",
    "Vertex",
    "Willow",
    "Zephyr",
)
COMPANY_KINDS = (
    "Tools",
    "Labs",
    "Logistics",
    "Foods",
    "Textiles",
    "Energy",
    "Media",
    "Consulting",
    "Health",
    "Systems",
)
COMPANY_FORMS = ("GmbH", "Ltd", "Inc.", "S.A.", "AB", "B.V.", "& Sons", "AG")
COLOURS = ("red", "Green", "BLUE", "türkis", "", "light grey", "“violet”")


def ascii_word(text: str) -> str:
    """Lower-case ASCII letters of a name, for an address or a domain; `person` when none is left."""
    # decomposed, an accented letter is its base letter and a mark, and the mark is dropped below
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss").replace("ø", "o"))
    return "".join(letter for letter in plain if "a" <= letter <= "z") or "person"


def phone(random: Random, country: str) -> str:
    """A telephone number from a range reserved for fiction, in one of the ways in which people type one."""
    number = random.randrange(100)
    wide = random.randrange(1000)
    formats = {
        "Germany": (
            f"+49 30 23125 {wide:03}",
            f"030/23125{wide:03}",
            f"0049 30 23125-{wide:03}",
            f"(089) 99998-{wide:03}",
        ),
        "United Kingdom": (
            f"+44 20 7946 0{wide:03}",
            f"020 7946 0{wide:03}",
            f"01632 960{wide:03}",
            f"+441632960{wide:03}",
        ),
        "France": (f"+33 1 99 00 {number:02} {wide % 100:02}", f"01.99.00.{number:02}.{wide % 100:02}"),
        "Australia": (f"+61 2 5550 {wide:04}", f"(02) 5550 {wide:04}"),
        "Sweden": (f"+46 8 465 004 {number:02}", f"08-465 004 {number:02}"),
    }
    american = (
        f"+1 202-555-01{number:02}",
        f"(202) 555-01{number:02}",
        f"20255501{number:02}",
        f"202.555.01{number:02}",
        f"1-202-555-01{number:02}",
        f"202-555-01{number:02} ext. {1 + wide % 9}",
    )
    return random.choice(formats.get(country, american))


def website(random: Random, domain: str) -> str:
    """A company's website as someone typed it: with or without scheme, www. and path, in any case."""
    return random.choice(
        (
            f"https://{domain}",
            f"http://www.{domain}",
            f"www.{domain}",
            domain,
            f"https://www.{domain}/",
            f"HTTPS://WWW.{domain.upper()}",
            f"https://{domain}/about?ref=mautic",
            domain.title(),
        )
    )
