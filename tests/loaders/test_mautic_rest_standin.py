"""The stand-in for Mautic's API: the quirks of the real one, and what a client may write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from mautic_rest_support import StandIn, running

from loaders.rehearsal.twin.mautic import write_mautic


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """One stand-in for the whole module."""
    folder = tmp_path_factory.mktemp("standin")
    write_mautic(f"sqlite:///{folder / 'twin' / 'mautic.sqlite'}", 150)
    with running(folder) as stand_in:
        yield stand_in


@pytest.fixture
def api(served: StandIn) -> StandIn:
    """The stand-in without faults."""
    served.told()
    return served


def where(column: str, expression: str, value: str) -> str:
    """A condition as a query string."""
    return f"where[0][col]={column}&where[0][expr]={expression}&where[0][val]={quote(value)}"


def test_lists_have_thirty_rows_unless_asked_and_all_with_limit_zero(api: StandIn) -> None:
    _, body = api.call("GET", "/api/contacts")
    assert body["total"] == "150"
    assert len(body["contacts"]) == 30
    assert len(api.call("GET", "/api/contacts?limit=0")[1]["contacts"]) == 150
    assert list(api.call("GET", "/api/contacts?limit=2&start=3&orderBy=id")[1]["contacts"]) == ["4", "5"]


def test_statistics_have_a_hundred_rows_of_text_and_none_with_limit_zero(api: StandIn) -> None:
    _, body = api.call("GET", "/api/stats/email_stats")
    assert len(body["stats"]) == 100
    assert isinstance(body["stats"][0]["id"], str)
    assert not {"tokens", "copy_id"} & set(body["stats"][0])
    assert api.call("GET", "/api/stats/email_stats?limit=0")[1]["stats"] == []
    assert "email_stats" in api.call("GET", "/api/stats")[1]["availableTables"]
    assert "total" not in api.call("GET", "/api/stats/leads")[1]


def test_a_condition_that_cannot_be_read_is_a_500_and_on_statistics_a_200(api: StandIn) -> None:
    assert api.call("GET", f"/api/contacts?{where('nonsense', 'eq', '1')}")[0] == 500
    assert api.call("GET", "/api/contacts?where[0][col]=id&where[0][val]=1")[0] == 500
    status, body = api.call("GET", f"/api/stats/email_stats?{where('nonsense', 'eq', '1')}")
    assert status == 200
    assert "nonsense" in body["errors"][0]["message"]


@pytest.mark.parametrize(
    "condition, count",
    [
        (("id", "in", "1,2,3"), 3),
        (("id", "between", "5,9"), 5),
        (("id", "lte", "4"), 4),
        (("id", "isNull", ""), 0),
    ],
)
def test_conditions_choose_rows(api: StandIn, condition: tuple[str, str, str], count: int) -> None:
    assert len(api.call("GET", f"/api/contacts?limit=0&{where(*condition)}")[1]["contacts"]) == count


def test_search_knows_ids_addresses_and_visitors(api: StandIn) -> None:
    ((number, address),) = api.rows("select id, email from leads where email like '%@%' order by id limit 1")
    found = api.call("GET", f"/api/contacts?limit=0&search={quote('email:' + address)}")[1]["contacts"]
    assert str(number) in found
    assert list(api.call("GET", "/api/contacts?search=ids:7,9")[1]["contacts"]) == ["7", "9"]
    visitors = api.rows("select count(*) from leads where date_identified is null")[0][0]
    assert api.call("GET", "/api/contacts?search=is:anonymous")[1]["total"] == str(visitors)


def test_containers_differ_by_endpoint_and_are_lists_when_empty(api: StandIn) -> None:
    assert isinstance(api.call("GET", "/api/segments")[1]["lists"], dict)
    assert isinstance(api.call("GET", "/api/stages")[1]["stages"], list)
    assert api.call("GET", f"/api/contacts?{where('id', 'gt', '99999')}")[1]["contacts"] == []


def test_a_role_without_view_others_sees_its_own_records_and_no_word_about_it(api: StandIn) -> None:
    api.told(sees_others=False)
    status, body = api.call("GET", "/api/contacts?limit=0")
    assert status == 200
    own = api.rows("select count(*) from leads where owner_id = 1")[0][0]
    assert len(body["contacts"]) == own < 150


def test_log_in_is_checked(api: StandIn) -> None:
    assert api.call("GET", "/api/contacts", Authorization="Basic bm86bm8=")[0] == 401
    assert api.call("GET", "/api/contacts", Authorization="Bearer none")[0] == 401
    form = b"grant_type=client_credentials&client_id=rehearsal&client_secret=rehearsal"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    _, token = api.call("POST", "/oauth/v2/token", form, **kind)
    bearer = f"Bearer {token['access_token']}"
    assert api.call("GET", "/api/users/self", Authorization=bearer)[0] == 200
    assert api.call("POST", "/oauth/v2/token", form.replace(b"=rehearsal", b"=wrong"), **kind)[0] == 400
    api.told(api_enabled=False)
    status, body = api.call("GET", "/api/contacts")
    assert (status, body["errors"][0]["type"]) == (403, "api_disabled")


def test_a_new_contact_is_made_once_and_found_by_its_address(api: StandIn) -> None:
    new = {"email": "new+one@standin.example", "firstname": "New", "points": 5, "tags": ["vip", "beta"]}
    status, body = api.call("POST", "/api/contacts/new", new)
    number = body["contact"]["id"]
    assert (status, body["contact"]["fields"]["all"]["firstname"]) == (201, "New")
    assert sorted(tag["tag"] for tag in body["contact"]["tags"]) == ["beta", "vip"]
    again = api.call("POST", "/api/contacts/new", {"email": "NEW+one@standin.example", "firstname": ""})
    assert (again[0], again[1]["contact"]["id"]) == (200, number)
    assert again[1]["contact"]["fields"]["all"]["firstname"] == "New"
    found = api.call("GET", f"/api/contacts?{where('email', 'eq', 'new+one@standin.example')}")[1]
    assert list(found["contacts"]) == [str(number)]


def test_a_contact_is_edited_by_patch_and_put(api: StandIn) -> None:
    number = api.call("POST", "/api/contacts/new", {"email": "edit@standin.example"})[1]["contact"]["id"]
    status, body = api.call("PATCH", f"/api/contacts/{number}/edit", {"city": "Bremen", "unknown": 1})
    assert (status, body["contact"]["fields"]["all"]["city"]) == (200, "Bremen")
    assert api.call("PATCH", "/api/contacts/999999/edit", {"city": "x"})[0] == 404
    assert api.call("PUT", "/api/contacts/999999/edit", {"email": "put@standin.example"})[0] == 201
    status, body = api.call("PATCH", f"/api/contacts/{number}/edit", {"email": "no address"})
    assert (status, body["errors"][0]["details"]) == (400, {"email": ["The email is invalid."]})


def test_a_batch_saves_what_can_be_saved_and_names_the_rest(api: StandIn) -> None:
    batch = [{"email": "one@standin.example"}, {"email": "broken"}, {"email": "two@standin.example"}]
    status, body = api.call("POST", "/api/contacts/batch/new", batch)
    assert status == 201
    assert body["statusCodes"] == {"0": 201, "1": 400, "2": 201}
    assert set(body["errors"]) == {"1"}
    assert api.call("POST", "/api/contacts/batch/new", [{}] * 201)[0] == 500


def test_a_company_is_made_and_needs_a_name(api: StandIn) -> None:
    status, body = api.call("POST", "/api/companies/new", {"companyname": "Stand-in Ltd"})
    assert (status, body["company"]["fields"]["all"]["companyname"]) == (201, "Stand-in Ltd")
    assert api.call("POST", "/api/companies/new", {"companycity": "Rome"})[0] == 400


@pytest.mark.parametrize(
    "kind, table, key",
    [("segments", "lead_lists_leads", "leadlist_id"), ("campaigns", "campaign_leads", "campaign_id")],
)
def test_contacts_join_and_leave_segments_and_campaigns(
    api: StandIn, kind: str, table: str, key: str
) -> None:
    number = api.call("POST", "/api/contacts/new", {"email": f"{kind}@standin.example"})[1]["contact"]["id"]
    state = f"select manually_added, manually_removed from {table} where lead_id = {number} and {key} = 1"
    # an empty form body under a JSON content type is what RudderStack sends
    for _ in range(2):
        assert api.call("POST", f"/api/{kind}/1/contact/{number}/add", b"") == (200, {"success": 1})
    assert api.rows(state) == [(1, 0)]
    assert api.call("POST", f"/api/{kind}/1/contact/{number}/remove", b"") == (200, {"success": 1})
    assert api.rows(state) == [(0, 1)]
    assert api.call("POST", f"/api/{kind}/999/contact/{number}/add", b"")[0] == 404
    assert api.call("POST", f"/api/{kind}/1/contact/999999/add", b"")[0] == 404


def test_contacts_join_and_leave_companies(api: StandIn) -> None:
    number = api.call("POST", "/api/contacts/new", {"email": "worker@standin.example"})[1]["contact"]["id"]
    for company in (1, 2):
        assert api.call("POST", f"/api/companies/{company}/contact/{number}/add", b"")[0] == 200
    query = f"select company_id, is_primary from companies_leads where lead_id = {number} order by 1"
    assert api.rows(query) == [(1, 1), (2, 0)]
    listed = api.call("GET", f"/api/contacts/{number}/companies")[1]
    assert [company["id"] for company in listed["companies"]] == [1, 2]
    api.call("POST", f"/api/companies/1/contact/{number}/remove", b"")
    assert api.rows(query) == [(2, 0)]


def test_same_seed_same_faults(api: StandIn) -> None:
    def statuses() -> list[int]:
        api.told(throttled=0.3, failing=0.2, seed=7)
        return [api.call("GET", "/api/stages")[0] for _ in range(30)]

    first = statuses()
    assert first == statuses()
    assert {200, 429, 500} <= set(first)


def test_an_unknown_setting_is_refused(api: StandIn) -> None:
    assert api.call("POST", "/_rehearsal", {"nonsense": 1})[0] == 400


def test_without_a_twin_the_answer_says_how_to_make_one(tmp_path: Path) -> None:
    with running(tmp_path) as empty:
        status, body = empty.call("GET", "/api/contacts")
    assert status == 503
    assert "rehearse seed" in body["errors"][0]["message"]
