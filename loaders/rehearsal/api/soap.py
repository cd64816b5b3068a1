"""SOAP: login, logout, getUserInfo, delete, undelete, emptyRecycleBin, and by `soap_records` the calls on
records.

Partner (`/services/Soap/u`) and enterprise (`/services/Soap/c`) end points answer alike. The Metadata
API has a module of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.sax.saxutils import escape

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.api.login import user_details
from loaders.rehearsal.api.records import delete_rows
from loaders.rehearsal.api.soap_records import CALLS, failed
from loaders.rehearsal.metadata.xml import Element, XmlError, parse
from loaders.rehearsal.org.deletes import purge, undelete
from loaders.rehearsal.org.failures import OrgError, bad_request
from loaders.rehearsal.org.ids import long_id
from loaders.rehearsal.org.seeding import user_by_name
from loaders.rehearsal.org.state import Session

XML = "text/xml;charset=UTF-8"
URN = {"u": "urn:partner.soap.sforce.com", "c": "urn:enterprise.soap.sforce.com"}
WRONG = "Invalid username, password, security token; or user locked out."
MAX_IDS = 200


@route("POST", "/services/Soap/(?P<kind>[uc])/{version}", versioned=False, public=True)
def soap(call: Call) -> Answer:
    """One SOAP call."""
    try:
        envelope = parse(call.body)
    except XmlError as problem:
        return _fault("soapenv:Client", str(problem))
    body, header = envelope.one("Body"), envelope.one("Header")
    if body is None or not body.children:
        return _fault("soapenv:Client", "The message is no SOAP envelope with a body")
    request = body.children[0]
    if request.name == "login":
        return _login(call, request)
    given = header.one("SessionHeader") if header else None
    session = call.org.session((given.value("sessionId") if given else None) or "")
    if session is None:
        return _fault(
            "sf:INVALID_SESSION_ID", "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader"
        )
    call.session, call.version = session, call.arguments["version"]
    if call.org.limits.count("DailyApiRequests") > call.org.options.daily_api_requests:
        return _fault("sf:REQUEST_LIMIT_EXCEEDED", "REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.")
    try:
        return _operation(call, request, header, session)
    except OrgError as problem:
        return _fault(f"sf:{problem.code}", f"{problem.code}: {problem.message}")


@route("POST", "/services/Soap/(?P<kind>[uc])/{version}/{org}", versioned=False, public=True)
def soap_with_org(call: Call) -> Answer:
    """The address that a login answer names."""
    return soap(call)


def _operation(call: Call, request: Element, header: Element | None, session: Session) -> Answer:
    if request.name in CALLS:
        return _answer(call, request.name, CALLS[request.name](call, request, header))
    if request.name == "getUserInfo":
        return _answer(call, request.name, f"<result>{_user_info(call, session.user_id)}</result>")
    if request.name == "logout":
        call.org.logout(session.token)
        return _answer(call, request.name, "")
    if request.name == "getServerTimestamp":
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return _answer(call, request.name, f"<result><timestamp>{now}</timestamp></result>")
    ids = [element.text.strip() for element in request.all("ids")][:MAX_IDS]
    if request.name == "delete":
        return _answer(call, request.name, "".join(_deleted(call, text) for text in ids))
    if request.name in ("undelete", "emptyRecycleBin"):
        return _answer(call, request.name, "".join(_from_bin(call, request.name, text) for text in ids))
    return _fault("soapenv:Client", f"No operation available for request {request.name}")


def _from_bin(call: Call, operation: str, text: str) -> str:
    identifier = long_id(text) or ""
    context = call.org.context(call.user)
    act = undelete if operation == "undelete" else purge
    problem = act(call.org.store, context, identifier)
    if problem is None:
        return f"<result><id>{identifier}</id><success>true</success></result>"
    return failed(text, problem)


def _deleted(call: Call, text: str) -> str:
    info = call.catalogue.by_prefix(text[:3])
    if info is None:
        return failed(text, bad_request("MALFORMED_ID", f"malformed id {text}"))
    outcome = delete_rows(call, info, [text])[0]
    if outcome.error:
        return failed(text, outcome.error)
    return f"<result><id>{outcome.id}</id><success>true</success></result>"


def _login(call: Call, request: Element) -> Answer:
    found = user_by_name(call.org.store, request.value("username") or "")
    password = request.value("password") or ""
    if (
        call.org.revoked
        or found is None
        or not found[1]
        or not password.startswith(call.org.options.password)
    ):
        return _fault("sf:INVALID_LOGIN", f"INVALID_LOGIN: {WRONG}")
    session = call.org.login(found[0])
    short = call.org.org_id[:15]
    version, kind = call.arguments["version"], call.arguments["kind"]
    result = (
        f"<metadataServerUrl>{call.base_url}/services/Soap/m/{escape(version)}/{short}</metadataServerUrl>"
        "<passwordExpired>false</passwordExpired><sandbox>true</sandbox>"
        f"<serverUrl>{call.base_url}/services/Soap/{kind}/{escape(version)}/{short}</serverUrl>"
        f"<sessionId>{session.token}</sessionId><userId>{session.user_id}</userId>"
        f"<userInfo>{_user_info(call, session.user_id)}</userInfo>"
    )
    return _answer(call, "login", f"<result>{result}</result>")


def _user_info(call: Call, user_id: str) -> str:
    user = user_details(call, user_id)
    values = {
        "accessibilityMode": "false",
        "chatterExternal": "false",
        "currencySymbol": "€",
        "orgAttachmentFileSizeLimit": "26214400",
        "orgDefaultCurrencyIsoCode": "EUR",
        "orgDefaultCurrencyLocale": "en_GB",
        "orgDisallowHtmlAttachments": "false",
        "orgHasPersonAccounts": "false",
        "organizationId": call.org.org_id,
        "organizationMultiCurrency": "false",
        "organizationName": "Rehearsal Org",
        "profileId": user["ProfileId"],
        "roleId": "",
        "sessionSecondsValid": str(int(call.org.options.session_seconds)),
        "userDefaultCurrencyIsoCode": "",
        "userEmail": user["Email"],
        "userFullName": user["Name"],
        "userId": user_id,
        "userLanguage": "en_US",
        "userLocale": user["LocaleSidKey"],
        "userName": user["Username"],
        "userTimeZone": user["TimeZoneSidKey"],
        "userType": "Standard",
        "userUiSkin": "Theme3",
    }
    return "".join(f"<{name}>{escape(str(value or ''))}</{name}>" for name, value in values.items())


def _answer(call: Call, operation: str, inner: str) -> Answer:
    urn = URN[call.arguments["kind"]]
    kind = urn.split(".")[0].removeprefix("urn:")
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns="{urn}" xmlns:sf="urn:sobject.{kind}.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f"<{operation}Response>{inner}</{operation}Response></soapenv:Body></soapenv:Envelope>"
    )
    return Answer(text=text, content_type=XML)


def _fault(code: str, message: str) -> Answer:
    bare = code.partition(":")[2]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:sf="urn:fault.partner.soap.sforce.com" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{escape(message)}</faultstring><detail>"
        f'<sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>{escape(bare)}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{escape(message.partition(': ')[2] or message)}</sf:exceptionMessage>"
        "</sf:LoginFault></detail>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
    return Answer(500, text=text, content_type=XML)
