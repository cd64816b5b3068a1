"""What happened in the synthetic Mautic: proportions, dirt, links that hold, files that are what they say."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from loaders.mautic import php
from loaders.mautic.settings import LISTED
from loaders.rehearsal.twin.mautic import write_mautic
from loaders.rehearsal.twin.mautic_activity import asset_bytes
from loaders.rehearsal.twin.mautic_schema import Shape

CONTACTS = 1500

# child, column, parent, its column: links that always lead somewhere. Statistics outlive templates and contacts.
LINKS = [
    tuple(link.replace(".", " ").split())
    for link in """
    leads.stage_id stages.id
    stages.category_id categories.id
    lead_tags_xref.lead_id leads.id
    lead_tags_xref.tag_id lead_tags.id
    lead_lists_leads.leadlist_id lead_lists.id
    lead_lists_leads.lead_id leads.id
    lead_categories.category_id categories.id
    campaigns.category_id categories.id
    campaign_leads.campaign_id campaigns.id
    campaign_leads.lead_id leads.id
    campaign_events.campaign_id campaigns.id
    campaign_events.parent_id campaign_events.id
    campaign_lead_event_log.event_id campaign_events.id
    campaign_leadlist_xref.leadlist_id lead_lists.id
    campaign_form_xref.form_id forms.id
    campaign_lead_event_failed_log.log_id campaign_lead_event_log.id
    email_stats.email_id emails.id
    email_stats.lead_id leads.id
    email_stats.copy_id email_copies.id
    email_stats.list_id lead_lists.id
    email_stat_replies.stat_id email_stats.id
    page_hits.redirect_id page_redirects.id
    page_hits.page_id pages.id
    page_hits.lead_id leads.id
    channel_url_trackables.redirect_id page_redirects.id
    lead_donotcontact.lead_id leads.id
    lead_notes.lead_id leads.id
    asset_downloads.asset_id assets.id
    form_submissions.form_id forms.id
    form_fields.form_id forms.id
    point_group_contact_score.group_id point_groups.id
    point_trigger_events.trigger_id point_triggers.id
    lead_stages_change_log.stage_id stages.id
    contact_merge_records.contact_id leads.id
    custom_item.custom_object_id custom_object.id
    custom_field.custom_object_id custom_object.id
    custom_item_xref_contact.contact_id leads.id
    custom_item_xref_contact.custom_item_id custom_item.id
    custom_item_xref_company.company_id companies.id
    custom_item_xref_custom_item.custom_item_id_lower custom_item.id
    custom_item_xref_custom_item.custom_item_id_higher custom_item.id
    custom_field_value_text.custom_field_id custom_field.id
    custom_field_value_option.custom_item_id custom_item.id
    message_channels.message_id messages.id
    webhook_events.webhook_id webhooks.id
    permissions.role_id roles.id
    plugin_integration_settings.plugin_id plugins.id
    """.strip().splitlines()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("activity")


@pytest.fixture(scope="module")
def twin(folder: Path) -> Iterator[sqlite3.Connection]:
    write_mautic(f"sqlite:///{folder / 'mautic.sqlite'}", CONTACTS, files=folder / "files")
    with sqlite3.connect(folder / "mautic.sqlite") as session:
        yield session


def number(twin: sqlite3.Connection, query: str) -> int:
    """The one number that a query gives."""
    return int(twin.execute(query).fetchone()[0] or 0)


@pytest.mark.requirement("C14")
@pytest.mark.parametrize(("child", "column", "parent", "key"), LINKS)
def test_links_lead_somewhere(
    twin: sqlite3.Connection, child: str, column: str, parent: str, key: str
) -> None:
    assert number(twin, f"select count({column}) from {child}") > 0
    assert (
        number(
            twin,
            f"select count(*) from {child} where {column} is not null and {column} not in (select {key} from {parent})",
        )
        == 0
    )


@pytest.mark.requirement("C14")
def test_every_table_of_mautic_is_there_and_those_that_models_read_have_rows(
    twin: sqlite3.Connection,
) -> None:
    present = {name for (name,) in twin.execute("select name from sqlite_master where type = 'table'")}
    assert {table.name for table in LISTED} <= present
    empty = {
        t.name
        for t in LISTED
        if not t.not_landed_because and not number(twin, f'select count(*) from "{t.name}"')
    }
    assert empty == set()
    assert len([name for name in present if name.startswith("form_results_")]) == 4


@pytest.mark.requirement("C14")
def test_sends_have_the_proportions_of_real_ones(twin: sqlite3.Connection) -> None:
    sends = number(twin, "select count(*) from email_stats")
    mailable = number(twin, "select count(*) from leads where email like '%@%'")
    shares = {
        "sends per address": (sends / mailable, 3.0),
        "opened": (number(twin, "select sum(is_read) from email_stats") / sends, 0.37),
        "failed": (number(twin, "select sum(is_failed) from email_stats") / sends, 0.03),
        "clicked": (number(twin, "select count(distinct tracking_id) from page_hits where source = 'email'") / sends, 0.10),
        "contact gone": (number(twin, "select count(*) from email_stats where lead_id is null") / sends, 0.01),
    }  # fmt: skip
    for name, (found, wanted) in shares.items():
        assert abs(found - wanted) < 0.3 * wanted, (name, found)
    assert number(twin, "select count(*) from email_stats where date_read < date_sent") == 0
    assert number(twin, "select count(*) from email_stats where open_count > 0 and date_read is null") == 0
    assert (
        number(twin, "select count(*) from page_hits where email_id is not null and page_id is not null") > 0
    )
    latest = "2026-06-30 12:00:00.000000"
    assert (
        number(
            twin,
            f"select count(*) from email_stats where max(date_sent, coalesce(last_opened, '')) > '{latest}'",
        )
        == 0
    )


@pytest.mark.requirement("SRC-02")
def test_serialized_columns_are_what_mautic_writes(twin: sqlite3.Connection) -> None:
    for table in (table for table in LISTED if table.serialized and table.name not in ("users",)):
        for column in table.serialized:
            values = {
                text
                for (text,) in twin.execute(
                    f'select distinct "{column}" from "{table.name}" where "{column}" is not null'
                )
            }
            broken = [text for text in values if not _decodes(text)]
            assert len(broken) == (1 if table.name == "lead_lists" else 0), (table.name, column, broken[:1])
    bounced = [
        php.to_json(text)
        for (text,) in twin.execute(
            "select open_details from email_stats where open_details like '%bounces%'"
        )
    ]
    assert any(set(orjson.loads(text)) == {"bounces"} for text in bounced)
    assert any({"0", "bounces"} <= set(orjson.loads(text)) for text in bounced)  # opened and bounced later
    dates = twin.execute(
        "select properties from campaign_events where properties like '%DateTime%'"
    ).fetchall()
    assert "2026-03-01T08:00:00Z" in php.to_json(dates[0][0])


def _decodes(text: str) -> bool:
    try:
        php.to_json(text)
    except php.UndecodableError:
        return False
    return True


@pytest.mark.requirement("C14")
def test_the_dirt_of_real_systems_is_in(twin: sqlite3.Connection) -> None:
    states = {
        (removed, exited is not None, added)
        for removed, exited, added in twin.execute(
            "select manually_removed, date_last_exited, manually_added from campaign_leads"
        )
    }
    assert states == {(0, False, 0), (0, False, 1), (1, True, 0), (1, False, 0)}
    tags = [tag for (tag,) in twin.execute("select tag from lead_tags")]
    assert len({tag.strip().lower() for tag in tags}) < len(tags) < 150
    assert any(";" in tag for tag in tags)
    assert (
        number(twin, "select count(*) from lead_donotcontact group by lead_id, channel having count(*) > 1")
        > 1
    )
    assert {reason for (reason,) in twin.execute("select distinct reason from lead_donotcontact")} == {
        0,
        1,
        2,
        3,
    }
    assert number(twin, "select count(*) from email_stats where copy_id is null and email_id <> 10") > 0
    assert number(twin, "select count(*) from campaigns where length(name) > 80") == 1
    assert number(twin, "select count(*) from integration_entity where internal_entity like 'lead-%'") > 0
    for column, values in (
        ("role", {"Manager", "Director", "Executive", "Consultant", "Individual Contributor"}),
        ("subscription_status", {"New", "Existing", "Former"}),
        ("prospect_or_customer", {"Prospect", "Customer"}), ("haspurchased", {"yes", "no"}),
    ):  # fmt: skip
        assert {value for (value,) in twin.execute(f"select distinct {column} from leads")} - {None} == values
    assert number(twin, "select count(company_size) from leads") > 0


@pytest.mark.requirement("C14")
def test_more_tags_than_a_field_can_hold_on_request(tmp_path: Path) -> None:
    assert write_mautic(f"sqlite:///{tmp_path / 'a.sqlite'}", 10, tags=160)["lead_tags"] == 160


@pytest.mark.requirement("C14")
def test_nothing_in_it_can_belong_to_anybody(twin: sqlite3.Connection) -> None:
    for (table,) in twin.execute("select name from sqlite_master where type = 'table'").fetchall():
        for row in twin.execute(f'select * from "{table}"'):
            for cell in (cell for cell in row if isinstance(cell, str)):
                for local, domain in re.findall(r"([\w.+-]+)@([\w.-]+\.\w+)", cell):
                    ours = local.lower().startswith("synthetic.twin.") or _reserved(domain)
                    assert ours, (table, cell)
                for host in re.findall(r"https?://([\w.-]+)", cell.lower()):
                    assert _reserved(host) or host == "www.linkedin.com", (table, cell)


def _reserved(host: str) -> bool:
    return bool(re.fullmatch(r"(.*\.)?(example(\.(com|net|org))?|test)", host.lower()))


def test_asset_files_are_what_they_say(twin: sqlite3.Connection, folder: Path) -> None:
    for number_, path, size, extension in twin.execute(
        "select id, path, size, extension from assets where path is not null"
    ):
        file = folder / "files" / path
        assert file.exists() == (number_ != 7)
        if file.exists():
            content = file.read_bytes()
            assert len(content) == size
            assert content.startswith({"pdf": b"%PDF-1.4", "png": b"\x89PNG"}.get(extension, b""))
    pdf = asset_bytes("Ärger (x)", ".pdf")
    assert pdf[int(pdf.split(b"startxref\n")[1].split(b"\n")[0]) :].startswith(b"xref")
    png = asset_bytes("Logo", ".png")
    at = png.index(b"IDAT")
    length = int.from_bytes(png[at - 4 : at], "big")
    assert len(zlib.decompress(png[at + 4 : at + 4 + length])) == 16 * 49
    assert asset_bytes("Logo", ".png") == png


@pytest.mark.parametrize(
    "shape", [Shape("4.4", plugins=False), Shape("6.0", uuid=False), Shape("6.0", half_migrated=True)]
)
def test_an_older_twin_lacks_what_its_release_lacks(tmp_path: Path, shape: Shape) -> None:
    path = tmp_path / "old.sqlite"
    counts = write_mautic(f"sqlite:///{path}", 20, shape=shape)
    with sqlite3.connect(path) as session:
        for table in LISTED:
            columns = {name for _, name, *_ in session.execute(f'pragma table_xinfo("{table.name}")')}
            wanted = (
                {c for c in table.families if shape.has_column(table, c)} if shape.has_table(table) else set()
            )
            assert wanted <= columns, table.name
            assert not (set(table.families) - wanted) & columns, table.name
    assert ("custom_item" in counts) == shape.plugins


def test_a_twin_replaces_one_of_another_shape(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'twin.sqlite'}"
    write_mautic(url, 10)
    assert "point_groups" not in write_mautic(url, 10, shape=Shape("4.4"))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name, batch in (("a", 7), ("b", 900)):
        write_mautic(f"sqlite:///{tmp_path / name}", 40, 3, batch=batch)
        with sqlite3.connect(tmp_path / name) as session:
            digests.add(hashlib.sha256("\n".join(session.iterdump()).encode()).hexdigest())
    assert len(digests) == 1
