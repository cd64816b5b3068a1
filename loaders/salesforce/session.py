"""A logged-in org: authentication, and every HTTP call with time limits, retries and fresh sessions.

Retried with exponential backoff and jitter, honouring Retry-After: connection errors and time-outs, 429,
500, 502, 503, 504, and Salesforce's REQUEST_LIMIT_EXCEEDED (403). An expired session is replaced once a
call. What is not safe to send twice (the upload of a part) is sent with `once=True` and left to the caller.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce  # noqa: TID251  one of the two modules that may
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.errors import ConfigurationError, RemoteError, without_password
from loaders.salesforce.meter import Meter
from loaders.salesforce.registry import kind_of
from loaders.salesforce.targets import Target

BLOCK = 1 << 20  # bytes a write; the library's default of 16 KB costs a third of the throughput
RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})
Report = Callable[[str], None]
_SOAP_FAULT = re.compile(
    r"<faultcode>(?:[\w.]+:)?(?P<code>[^<]*)</faultcode>\s*<faultstring>(?P<text>[^<]*)</faultstring>"
)


@dataclass(frozen=True)
class Pace:
    """How patient the loader is. Seconds; the defaults suit a real org, tests use shorter ones."""

    attempts: int = 8
    first_wait: float = 1.0
    longest_wait: float = 120.0
    timeout: float = 120.0
    first_poll: float = 0.1
    longest_poll: float = 10.0
    job_patience: float = 24 * 3600.0
    rounds: int = 6  # times that rows with a transient error are sent
    jobs_in_flight: int = 4
    api_reserve: float = 0.05  # share of the org's daily API calls that a load leaves to others


@dataclass(frozen=True)
class OrgIdentity:
    """Which org this is; shown before anything is written."""

    org_id: str
    name: str
    edition: str
    is_sandbox: bool
    instance_url: str

    @property
    def is_production(self) -> bool:
        """Whether people work in it: no sandbox, and no org for developers or trials of features."""
        return not self.is_sandbox and "Developer" not in self.edition

    def line(self) -> str:
        """`Acme (00D…, Enterprise Edition, sandbox) at https://…`."""
        kind = "sandbox" if self.is_sandbox else "production org" if self.is_production else "developer org"
        return f"{self.name} ({self.org_id}, {self.edition}, {kind}) at {self.instance_url}"


class RequestFailedError(RemoteError):
    """The org answered with an error that retrying did not cure; `status` and `code` say which."""

    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message, kind_of(code).next_step if code else None)
        self.status = status
        self.code = code


class _RetryLaterError(Exception):
    """Try again, after `seconds` if the server said so."""

    def __init__(self, cause: RemoteError, seconds: float | None = None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.seconds = seconds


class Org:
    """One authenticated org. Logs in when created; RemoteError or ConfigurationError when it cannot."""

    def __init__(self, target: Target, pace: Pace | None = None, report: Report = lambda _: None) -> None:
        self.target = target
        self.pace = pace or Pace()
        self.report = report
        self.meter = Meter(self.pace.api_reserve)
        self.http = _http(target)
        self._renewing = threading.Lock()
        self.client = self._logged_in()

    def _logged_in(self) -> Salesforce:
        """simple-salesforce's client with a fresh token; it would turn http:// into https:// by itself."""
        token, instance_url = self._retried(lambda: login(self.target, self.http, self.pace.timeout))
        self.instance_url = instance_url
        client = Salesforce(
            session_id=token, instance_url=instance_url, session=self.http, version=self.target.api_version
        )
        client.base_url = f"{instance_url}/services/data/v{self.target.api_version}/"
        client.bulk2_url = f"{client.base_url}jobs/"
        return client

    def request(
        self,
        method: str,
        path: str,
        *,
        once: bool = False,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> requests.Response:
        """The answer to one REST call; `path` is below /services/data/vXX.X/ unless it begins with a slash.

        Raises RequestFailedError for an error answer, and RemoteError when the org cannot be reached or a new job would
        use up what it allows a day.
        """
        if (method, path) == ("POST", "jobs/ingest"):
            self.meter.before_job(self._limits)

        def attempt() -> requests.Response:
            return self._call(method, path, dict(headers or {}), options)

        return attempt_once(attempt) if once else self._retried(attempt)

    def _call(
        self, method: str, path: str, headers: dict[str, str], options: Mapping[str, Any]
    ) -> requests.Response:
        """One HTTP exchange, with one new login if the session has expired."""
        token = self.client.session_id
        response = self._send(method, path, headers, options)
        expired = response.status_code == 401 and _error_of(response)[0] == "INVALID_SESSION_ID"
        if expired and self.renew(token):
            rewind = getattr(options.get("data"), "seek", None)
            if rewind:
                rewind(0)
            response = self._send(method, path, headers, options)
        if response.status_code < 400:
            return response
        if expired and self.target.auth == "session":
            raise RemoteError(
                f"The session token of target {self.target.name} has expired, and no other way to log in is set.",
                "export a new token, or set auth to jwt or client_credentials in profiles/salesforce.yml",
            )
        raise _failure(method, path, response)

    def renew(self, token: str) -> bool:
        """Whether there is a session other than that of `token`; one that was given by hand cannot be renewed.

        Of several calls that met the end of a session at once, one logs in.
        """
        if self.target.auth == "session":
            return False
        with self._renewing:
            if self.client.session_id == token:
                self.report("The session has expired; logging in again.")
                self.client = self._logged_in()
        return True

    def _limits(self) -> dict[str, Any]:
        """The limits resource; nothing when the user may not read it."""
        try:
            answer = self.request("GET", "limits").json()
        except RequestFailedError:
            return {}
        return answer if isinstance(answer, dict) else {}

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], options: Mapping[str, Any]
    ) -> requests.Response:
        """The bare exchange; connection errors become _RetryLaterError."""
        url = f"{self.instance_url}{path}" if path.startswith("/") else f"{self.client.base_url}{path}"
        sent = {key: value for key, value in self.client.headers.items() if key != "X-PrettyPrint"}
        try:
            response = self.http.request(
                method, url, headers={**sent, **headers}, timeout=self.pace.timeout, **options
            )
            self.meter.note(response.headers)
            return response
        except requests.RequestException as error:
            raise _unreachable(self.instance_url, error) from error

    def _retried(self, attempt: Callable[[], Any]) -> Any:
        """The result of `attempt`, tried again while it asks for that; then its RemoteError."""
        backoff = wait_random_exponential(multiplier=self.pace.first_wait, max=self.pace.longest_wait)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.seconds if isinstance(error, _RetryLaterError) else None
            seconds = backoff(state) if asked is None else min(asked, self.pace.longest_wait)
            self.report(f"{error} Trying again in {seconds:.0f} s.")
            return seconds

        retrying = Retrying(
            retry=retry_if_exception_type(_RetryLaterError),
            stop=stop_after_attempt(self.pace.attempts),
            wait=wait,
            sleep=time.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _RetryLaterError as error:
            raise error.cause from error

    def identity(self) -> OrgIdentity:
        """Id (18 characters), name, edition and kind of the org."""
        row = next(self.query("SELECT Id, Name, OrganizationType, IsSandbox FROM Organization"))
        return OrgIdentity(
            org_id=row["Id"],
            name=row["Name"],
            edition=row.get("OrganizationType") or "unknown edition",
            is_sandbox=bool(row.get("IsSandbox")),
            instance_url=self.instance_url,
        )

    def query(self, soql: str) -> Iterator[dict[str, Any]]:
        """Records of a small REST query, page by page; use bulk.query_to_files for tables."""
        page = self.request("GET", "query", params={"q": soql}).json()
        while True:
            yield from page["records"]
            if page.get("done", True):
                return
            page = self.request("GET", page["nextRecordsUrl"]).json()


def attempt_once(attempt: Callable[[], requests.Response]) -> requests.Response:
    """The result of a call that must not be repeated blindly; a passing failure is a RemoteError at once."""
    try:
        return attempt()
    except _RetryLaterError as error:
        raise error.cause from error


def login(target: Target, http: requests.Session, timeout: float = 120.0) -> tuple[str, str]:
    """(access token, instance url) of a new session; ConfigurationError when the org refuses the login."""
    if target.auth == "session":
        return target.settings["access_token"], str(target.instance_url)
    if target.auth == "sf_cli":
        return _sf_cli_login(target.settings["alias"])
    grant = _jwt_grant(target) if target.auth == "jwt" else {"grant_type": "client_credentials"}
    headers = {}
    if target.auth == "client_credentials":
        pair = f"{target.settings['client_id']}:{target.settings['client_secret']}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    url = f"{target.settings.get('login_url', target.instance_url or '').rstrip('/')}/services/oauth2/token"
    try:
        response = http.post(url, data=grant, headers=headers, timeout=timeout)
    except requests.RequestException as error:
        raise _unreachable(url, error) from error
    if response.status_code in RETRIED_STATUS:
        raise _failure("POST", "/services/oauth2/token", response)
    body = _json(response)
    if response.status_code != 200 or "access_token" not in body:
        raise ConfigurationError(
            f"Target {target.name}: {target.instance_url} refused the login: "
            f"{body.get('error', response.status_code)}: {body.get('error_description', 'no reason given')}.",
            "check client id, secret or key, and that the connected app is approved for its user",
        )
    return body["access_token"], str(body.get("instance_url") or target.instance_url).rstrip("/")


def _jwt_grant(target: Target) -> dict[str, str]:
    """The form of the JWT bearer flow, signed with the target's private key, good for three minutes."""
    path = target.settings["private_key_file"]
    try:
        with open(path, encoding="ascii") as file:
            key = file.read()
    except OSError as error:
        raise ConfigurationError(f"Target {target.name}: {path} cannot be read: {error.strerror}.") from error
    host = target.instance_url or ""
    audience = "https://test.salesforce.com" if ".sandbox." in host else "https://login.salesforce.com"
    claims = {
        "iss": target.settings["client_id"],
        "sub": target.settings["username"],
        "aud": target.settings.get("audience", audience),
        "exp": int(time.time()) + 180,
    }
    try:
        assertion = jwt.encode(claims, key, algorithm="RS256")
    except (ValueError, jwt.PyJWTError) as error:
        raise ConfigurationError(
            f"Target {target.name}: {path} is no RSA private key in PEM form."
        ) from error
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


def _sf_cli_login(alias: str) -> tuple[str, str]:
    """Token and address of an org that the `sf` command line is logged in to."""
    command = ["sf", "org", "display", "--target-org", alias, "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        answer = json.loads(done.stdout)
        result = answer["result"]
        return result["accessToken"], result["instanceUrl"].rstrip("/")
    except FileNotFoundError as error:
        raise ConfigurationError(
            "The `sf` command line is not installed.", "install it or use another auth"
        ) from error
    except (ValueError, KeyError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(
            f"`sf` knows no usable org {alias}.", f"sf org login web --alias {alias}"
        ) from error


class _BigBlocks(HTTPAdapter):
    """Uploads in blocks of a megabyte."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, blocksize=BLOCK)


def _http(target: Target) -> requests.Session:
    """The HTTP session that simple-salesforce and all calls share."""
    http = requests.Session()
    http.mount("https://", _BigBlocks())
    http.mount("http://", _BigBlocks())
    if target.ca_file:
        if not target.ca_file.is_file():
            raise ConfigurationError(
                f"Target {target.name}: ca_file {target.ca_file} is not there.",
                "start the rehearsal org (`rehearse serve`), which writes it"
                if target.name == "rehearsal"
                else None,
            )
        http.verify = str(target.ca_file)
        http.trust_env = False  # else REQUESTS_CA_BUNDLE wins over the file
    return http


def _unreachable(url: str, error: requests.RequestException) -> _RetryLaterError:
    """A connection that failed, as something to try again."""
    reason = type(error).__name__
    if isinstance(error, requests.exceptions.SSLError):
        reason = "its certificate is not trusted; set ca_file"
    message = f"{without_password(url)} cannot be reached ({reason})."
    hint = "check the address, and that the org (or `rehearse serve`) is up"
    return _RetryLaterError(RemoteError(message, hint))


def _failure(method: str, path: str, response: requests.Response) -> Exception:
    """The exception for an error answer: to be tried again, or final."""
    code, text = _error_of(response)
    failed = RequestFailedError(
        f"{method} {path.split('?')[0]}: the org answered {response.status_code} {code}: {text}".rstrip(": "),
        response.status_code,
        code,
    )
    if response.status_code in RETRIED_STATUS or code == "REQUEST_LIMIT_EXCEEDED":
        return _RetryLaterError(failed, _retry_after(response))
    return failed


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asked for, if it did so in seconds."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _error_of(response: requests.Response) -> tuple[str, str]:
    """(code, message) of an error answer, whatever its form."""
    body = _json(response)
    first = body[0] if isinstance(body, list) and body else body
    if isinstance(first, dict) and first:
        code = str(first.get("errorCode") or first.get("error") or "")
        return code, str(first.get("message") or first.get("error_description") or "")
    soap = _SOAP_FAULT.search(response.text[:5_000])
    if soap:
        return soap["code"], soap["text"]
    return "", response.text[:200].strip()


def _json(response: requests.Response) -> Any:
    """The body as JSON, or an empty mapping."""
    try:
        return response.json()
    except ValueError:
        return {}
