"""The vocabulary of the synthetic Mautic: every value that a mapping has to decide about.

A mapping seed that covers these constants covers the twin of any size. Spelling variants are deliberate:
real instances have them, because stage names are free text and countries were renamed between releases.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTACT, COMPANY = "lead", "company"  # how Mautic's field registry calls the two objects


@dataclass(frozen=True)
class CustomField:
    """A field that the imaginary customer added to Mautic; `alias` is its column on leads or companies."""

    object: str
    alias: str
    label: str
    type: str
    options: tuple[tuple[str, str], ...] = ()  # (stored value, label) of select, multiselect and boolean
    scale: int | None = None  # decimals of a number field
    published: bool = True
    column_exists: bool = True  # false: Mautic has not created the column yet (column_is_not_created = 1)
    registered: bool = True  # false: the column is there, the row in lead_fields is gone


CUSTOM_FIELDS: tuple[CustomField, ...] = (
    CustomField(CONTACT, "favourite_colour", "Favourite colour", "text"),
    CustomField(
        CONTACT,
        "newsletter_frequency",
        "Newsletter frequency",
        "select",
        (("daily", "Every day"), ("weekly", "Once a week"), ("monthly", "Once a month"), ("never", "Never")),
    ),
    CustomField(
        CONTACT,
        "product_interests",
        "Product interests",
        "multiselect",
        (
            ("analytics", "Analytics"),
            ("automation", "Marketing automation"),
            ("crm", "CRM"),
            ("data_quality", "Data quality"),
            ("e_commerce", "E-commerce"),
        ),
    ),
    CustomField(CONTACT, "is_partner", "Partner", "boolean", (("0", "No"), ("1", "Yes"))),
    CustomField(CONTACT, "yearly_budget", "Yearly budget", "number", scale=2),
    CustomField(CONTACT, "seats", "Seats", "number", scale=0),
    CustomField(CONTACT, "birthday", "Birthday", "date"),
    CustomField(CONTACT, "demo_requested_at", "Demo requested at", "datetime"),
    CustomField(CONTACT, "best_time_to_call", "Best time to call", "time"),
    CustomField(CONTACT, "profile_page", "Profile page", "url"),
    CustomField(CONTACT, "assistant_phone", "Assistant's phone", "tel"),
    CustomField(CONTACT, "private_email", "Private e-mail", "email"),
    CustomField(CONTACT, "sales_notes", "Sales notes", "textarea"),
    CustomField(CONTACT, "biography", "Biography", "html"),
    CustomField(CONTACT, "legacy_crm_id", "Legacy CRM id", "text", published=False),
    CustomField(CONTACT, "loyalty_level", "Loyalty level", "text", column_exists=False),
    CustomField(CONTACT, "import_reference", "Import reference", "text", registered=False),
    # the next five are what RudderStack's connector writes, values spelled as it spells them
    CustomField(
        CONTACT,
        "role",
        "Role",
        "select",
        tuple(
            (role, role)
            for role in ("Individual Contributor", "Manager", "Director", "Executive", "Consultant")
        ),
    ),
    CustomField(
        CONTACT,
        "subscription_status",
        "Subscription status",
        "select",
        (("New", "New"), ("Existing", "Existing"), ("Former", "Former")),
    ),
    CustomField(
        CONTACT,
        "prospect_or_customer",
        "Prospect or customer",
        "select",
        (("Prospect", "Prospect"), ("Customer", "Customer")),
    ),
    CustomField(CONTACT, "haspurchased", "Has purchased", "select", (("yes", "Yes"), ("no", "No"))),
    CustomField(CONTACT, "company_size", "Company size", "number", scale=0),
    CustomField(COMPANY, "customer_number", "Customer number", "text"),
    CustomField(
        COMPANY,
        "account_tier",
        "Account tier",
        "select",
        (("gold", "Gold"), ("silver", "Silver"), ("bronze", "Bronze")),
    ),
    CustomField(COMPANY, "contract_renewal", "Contract renewal", "date"),
    CustomField(COMPANY, "is_reseller", "Reseller", "boolean", (("0", "No"), ("1", "Yes"))),
    CustomField(COMPANY, "support_portal", "Support portal", "url"),
    CustomField(COMPANY, "open_invoices", "Open invoices", "number", scale=2),
)

# (id, name, weight, share of the identified contacts); the rest of them has no stage.
STAGES: tuple[tuple[int, str, int, float], ...] = (
    (1, "Subscriber", 10, 0.14),
    (2, "Lead", 20, 0.16),
    (3, "MQL", 30, 0.06),
    (4, "marketing qualified lead", 30, 0.04),
    (5, "MarketingQualifiedLead", 30, 0.03),
    (6, "SQL", 40, 0.07),
    (7, "Sales Qualified Lead", 40, 0.04),
    (8, "Opportunity", 50, 0.09),
    (9, "Customer", 60, 0.17),
    (10, "Evangelist", 70, 0.04),
    (11, "Other", 80, 0.04),
    (12, "Customer", 60, 0.02),  # names are not unique: a second, unpublished one
)

TITLES: tuple[str, ...] = ("Mr", "Mrs", "Miss")

# Mautic's own list of 41; stored as its label.
INDUSTRIES: tuple[str, ...] = (
    "Aerospace & Defense",
    "Agriculture",
    "Apparel",
    "Automotive & Assembly",
    "Banking",
    "Biotechnology",
    "Chemicals",
    "Communications",
    "Construction",
    "Consumer Packaged Goods",
    "Education",
    "Electronics",
    "Energy",
    "Engineering",
    "Entertainment",
    "Environmental",
    "Finance",
    "Food & Beverage",
    "Government",
    "Healthcare",
    "Hospitality",
    "Insurance",
    "Machinery",
    "Manufacturing",
    "Media",
    "Metals & Mining",
    "Not for Profit",
    "Oil & Gas",
    "Packaging & Paper",
    "Private Equity & Principal Investors",
    "Recreation",
    "Real Estate",
    "Retail",
    "Semiconductors",
    "Shipping",
    "Social Sector",
    "Technology",
    "Telecommunications",
    "Transportation",
    "Utilities",
    "Other",
)

# Country, regions and cities. Both spellings of Türkiye occur, as in an instance upgraded from 5.1.
COUNTRIES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Germany", ("Berlin", "Bavaria", "Hamburg"), ("Berlin", "München", "Hamburg", "Köln")),
    ("United States", ("California", "New York", "Texas"), ("San Diego", "Albany", "Austin")),
    ("United Kingdom", ("Greater London", "Edinburgh"), ("London", "Edinburgh", "St. Ives")),
    ("France", ("Île-de-France", "Bretagne"), ("Paris", "Rennes", "L'Haÿ-les-Roses")),
    ("Australia", ("New South Wales", "Victoria"), ("Sydney", "Melbourne")),
    ("Sweden", ("Stockholm", "Skåne"), ("Stockholm", "Malmö")),
    ("Ireland", ("Dublin", "Cork"), ("Dublin", "Cork")),
    ("Canada", ("Ontario", "Québec"), ("Toronto", "Montréal")),
    ("Switzerland", ("Zürich", "Genève"), ("Zürich", "Genève")),
    ("Austria", ("Wien", "Tirol"), ("Wien", "Innsbruck")),
    ("Netherlands", ("Noord-Holland",), ("Amsterdam", "'s-Hertogenbosch")),
    ("Spain", ("Madrid", "Cataluña"), ("Madrid", "Barcelona")),
    ("Italy", ("Lazio", "Lombardia"), ("Roma", "Milano")),
    ("Denmark", ("Hovedstaden",), ("København",)),
    ("Indonesia", ("Jakarta", "Bali"), ("Jakarta", "Denpasar")),
    ("Türkiye", ("İstanbul",), ("İstanbul",)),
    ("Turkey", ("İstanbul",), ("İstanbul",)),
    ("Israel", ("Tel Aviv",), ("תל אביב",)),
    ("United Arab Emirates", ("Dubai",), ("دبي",)),
    ("Japan", ("Tokyo",), ("東京",)),
    ("India", ("Karnataka",), ("Bengaluru",)),
    ("Brazil", ("São Paulo",), ("São Paulo",)),
)
