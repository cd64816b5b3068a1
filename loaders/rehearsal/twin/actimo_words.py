"""Words of the synthetic Actimo; every letter is in Windows-1252, so that any encoding can spell them."""

from __future__ import annotations

import base64

FIRST_NAMES = (
    "Søren", "Åse", "Jürgen", "Mia", "Emil", "Freja", "Noah", "Karen", "Bjørn", "Ænna", "Lærke", "Émile", "Zoë", "Ülkü",
    "Ida", "Oskar", "Thilde", "Göran", "Märta", "Ásta",
)  # fmt: skip
LAST_NAMES = (
    "Ærøprøve", "Testgaard; Skov", "Müller", "Dalprøve", "Kroghtest", "Bækprøve", "Østertest", "O'Prøve",
    'Bo "Bob" Test', "Åkesson",
    "Eksempel", "Prøvesen", "Mönster", "Sample", "von Beispiel",
)  # fmt: skip
TITLES = ("Butikschef", "Salgsassistent", "Verkäufer", "Lageransat", "Elev", "HR-chef", None)
SHOPS = ("Filial Ålborg", "Filial Vejle", "Filial Husum", "Lager Køge", "Kontor Ærø")
COMPANIES = ("Fjeldbo Handel A/S", "Fjeldbo GmbH", "Fjeldbo  handel a/s", "Eksempel & Søn")
SUBJECTS = ("Månedens nyheder", "Julefrokost", "Brand og førstehjælp", "Sig din mening", "Ugens tilbud")
THEMES = ("Overskud", "Arbejdsmiljø", "Åbningstider", "Gæster")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
DATA_URI = "data:image/png;base64," + base64.b64encode(PNG).decode()

DANISH = {  # headers as a Danish admin would see them
    "contact_id": "Kontakt-ID", "unique_id": "Unikt ID", "first_name": "Fornavn", "last_name": "Efternavn",
    "email": "E-mail", "country_code": "Landekode", "phone_number": "Mobilnummer", "mobile_phone": "Mobilnummer",
    "title": "Titel", "department": "Afdeling", "company": "Virksomhed", "manager_unique_id": "Leder",
    "employee_status": "Status", "created_at": "Oprettet", "opened_on": "Åbnet", "notification": "Notifikation",
    "traffic_source": "Trafikkilder", "published_at": "Udgivet", "completion_date": "Gennemført",
}  # fmt: skip
STATUS_WORDS = {"active": "Aktiv", "inactive": "Inaktiv", "invited": "Inviteret", "pending": "Afventer"}


def ascii_of(name: str) -> str:
    """A name as the local part of an address has it."""
    plain = name.lower()
    for letter, spelt in (("ø", "oe"), ("å", "aa"), ("æ", "ae"), ("ü", "ue"), ("ö", "oe"), ("ä", "ae")):
        plain = plain.replace(letter, spelt)
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha())
