"""JSON over HTTP for sources that have an API: limits, retries and log-in in one place, and no secret in an
error.

What can pass away (a broken connection, a time-out, half a page, 408, 425, 5xx) is tried again with
exponential backoff and jitter, a limited number of times. A refusal for being too fast (429, or 503 with
Retry-After) closes the host's limiter for everybody and does not use up a try (COM-13). An expired token is
renewed. All other answers are given back, so that the source can say what they mean.
"""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from loaders.errors import ConfigurationError, RemoteError
from loaders.rest_limiter import HostLimiter

ATTEMPTS = 8
BACKOFF = 0.5  # seconds, doubled with every try
LONGEST_BACKOFF = 30.0
TIMEOUT = (10.0, 120.0)  # seconds to connect, and without a byte
PASSING = frozenset({408, 425, 500, 502, 503, 504})
RENEWALS = 3  # new tokens for one request

Check = Callable[[Any], str | None]


class _PassingError(Exception):
    """Something that may be over the next time; the text is fit for people."""


@dataclass(frozen=True)
class Reply:
    """An answer of the API: `body` is parsed JSON, None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Login(AuthBase):
    """OAuth2 client credentials: fetches a token when there is none and renews one that has expired.

    Thread-safe. `dlt` has the protocol; this adds that many workers share one token.
    """

    def __init__(self, token_url: str, client_id: str, client_secret: str) -> None:
        self.token_url = token_url
        self._auth = OAuth2ClientCredentials(
            access_token_url=token_url,
            client_id=client_id,
            client_secret=client_secret,
            session=requests.Session(),
        )
        self._lock = threading.Lock()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        with self._lock:
            return self._auth(request)  # type: ignore[no-any-return]

    def renew(self, used: str | None) -> None:
        """Forgets the token unless another worker has renewed it since `used` was sent."""
        with self._lock:
            if used == f"Bearer {self._auth.access_token}":
                self._auth.access_token = None


class RestClient:
    """GET for one API below `base_url`. Thread-safe; `workers` connections are kept open."""

    def __init__(
        self,
        base_url: str,
        auth: Login | HTTPBasicAuth,
        limiter: HostLimiter,
        name: str,
        attempts: int = ATTEMPTS,
        backoff: float = BACKOFF,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(base_url).netloc.rpartition("@")[2]
        self.auth = auth
        self.limiter = limiter
        self.name = name  # of the source, for the next step
        self.attempts = attempts
        self.backoff = backoff
        self._stopped = threading.Event()
        self._session = requests.Session()
        pool = HTTPAdapter(pool_connections=1, pool_maxsize=limiter.most)
        self._session.mount("http://", pool)
        self._session.mount("https://", pool)

    def get(self, path: str, params: Mapping[str, Any] | None = None, check: Check | None = None) -> Reply:
        """The answer to GET. `check` looks at the body of a success and names what is wrong with it.

        Raises RemoteError when the tries ran out or the host refused for too long, ConfigurationError when
        the log-in fails or no API answers.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=self.backoff, max=LONGEST_BACKOFF),
            retry=retry_if_exception_type(_PassingError),
            reraise=True,
        )
        try:
            return retrying(self._in_turn, path, params or {}, check)
        except _PassingError as error:
            raise RemoteError(
                f"{self.host}{path} failed {self.attempts} times: {error}.",
                f"run refresh-raw --source {self.name} again; if it stays so, look at the server's log",
            ) from None

    def close(self) -> None:
        """Lets go of the connections; requests that wait for their turn are given up."""
        self._stopped.set()
        self._session.close()

    def _in_turn(self, path: str, params: Mapping[str, Any], check: Check | None) -> Reply:
        """One try; waits as long as the host says that it is asked too often."""
        renewals = 0
        while True:
            with self.limiter.slot(self._stopped):
                response = self._send(path, params)
                pause = _retry_after(response)
                if response.status_code == 429 or (response.status_code == 503 and pause is not None):
                    self._refused(pause, path)
                    continue
            if response.status_code == 401 and isinstance(self.auth, Login) and renewals < RENEWALS:
                renewals += 1
                self.auth.renew(response.request.headers.get("Authorization"))
                continue
            self.limiter.succeeded()
            return self._reply(response, check)

    def _send(self, path: str, params: Mapping[str, Any]) -> requests.Response:
        """The answer with its whole body. Raises _PassingError for everything that breaks on the way."""
        try:
            return self._session.get(
                self.base_url + path,
                params=dict(params),
                auth=self.auth,
                timeout=TIMEOUT,
                headers={"Accept": "application/json"},
            )
        except requests.HTTPError as error:  # only the token endpoint raises
            raise self._login_failed(error) from None
        except requests.exceptions.SSLError:
            raise ConfigurationError(
                f"The certificate of {self.host} is not trusted.",
                "set REQUESTS_CA_BUNDLE to a file with the certificate of its authority",
            ) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise ConfigurationError(f"{self.host} is no address of an API.", "check the base URL") from error
        except requests.ConnectionError:
            raise _PassingError("the connection could not be made or broke") from None
        except requests.Timeout:
            raise _PassingError("no answer in time") from None
        except requests.RequestException as error:
            raise _PassingError(f"the answer broke off ({type(error).__name__})") from None

    def _refused(self, pause: float | None, path: str) -> None:
        if not self.limiter.refused(pause):
            wait = f"; it asks to wait {pause:.0f} seconds" if pause else ""
            raise RemoteError(
                f"{self.host}{path} has refused every request for being too many{wait}.",
                f"run refresh-raw --source {self.name} again later, or raise the limit of the API",
            )

    def _login_failed(self, error: requests.HTTPError) -> Exception:
        status = error.response.status_code if error.response is not None else 0
        if status == 429 or status >= 500:
            return _PassingError(f"the token endpoint answered {status}")
        return ConfigurationError(
            f"{self.host} gives no token (HTTP {status}).", "check client id and client secret"
        )

    def _reply(self, response: requests.Response, check: Check | None) -> Reply:
        if response.status_code in PASSING:
            raise _PassingError(f"HTTP {response.status_code}{_text_of(response)}")
        try:
            body = orjson.loads(response.content) if response.content else None
        except orjson.JSONDecodeError:
            if "html" in response.headers.get("Content-Type", "") or response.status_code >= 400:
                body = None  # a page of a web server, not of the API
            else:
                raise _PassingError("the answer is no complete JSON") from None
        if response.ok and body is not None and check is not None and (wrong := check(body)):
            raise _PassingError(wrong)
        return Reply(response.status_code, response.headers, body)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the answer asks to wait, from Retry-After (seconds or a date) or X-RateLimit-Reset."""
    given = response.headers.get("Retry-After", "").strip()
    try:
        if given:
            return max(0.0, float(given))
    except ValueError:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
        except ValueError:
            return None
    reset = response.headers.get("X-RateLimit-Reset", "").strip()
    if response.status_code == 429 and reset.isdigit() and int(reset) > 1_000_000_000:  # else no Unix time
        return max(0.0, int(reset) - time.time())
    return None


def _text_of(response: requests.Response) -> str:
    """The API's own words for its error, if it has any: ` (...)`."""
    try:
        message = orjson.loads(response.content)["errors"][0]["message"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return ""
    return f" ({str(message)[:200]})"
