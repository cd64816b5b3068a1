"""Runs a rehearsal org: http and https on the loopback interface, one process, until it is told to
stop.

    python -m loaders.rehearsal.server --state FILE --declare MANIFEST --users CSV --http-port N

When it is ready it prints one line of JSON: url, https_url, ca_file, org_id, pid. The certificate is
made at the start and signed by an authority of its own, whose certificate is in `ca_file`. It binds to
127.0.0.1 and to nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import trustme
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from loaders.errors import ConfigurationError
from loaders.rehearsal.api.app import Application
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.state import Org

HOST = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost", "::1")


class _Server(uvicorn.Server):
    """A server that leaves signals to `serve`, because two of them share the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """HTTP that lets the application break the connection: its transport is in the state of every request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def bind(port: int) -> socket.socket:
    """A listening socket on loopback. Raises ConfigurationError if the port is taken."""
    # With the protocol named, asyncio switches Nagle's algorithm off; else every answer waits 40 ms for an
    # acknowledgement of its headers.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as problem:
        listener.close()
        raise ConfigurationError(
            f"Port {port} on {HOST} cannot be used: {problem.strerror}.", "choose another, or 0"
        ) from None
    return listener


def certificate(folder: Path, ca_file: Path | None) -> tuple[Path, Path, Path]:
    """Files of a fresh certificate for loopback: authority, certificate chain, private key."""
    authority = trustme.CA(organization_name="Rehearsal org")
    issued = authority.issue_cert(*NAMES)
    target = ca_file or folder / "ca.pem"
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f"{target.name}.{os.getpid()}")
    authority.cert_pem.write_to_path(scratch)
    scratch.replace(target)
    chain, key = folder / "chain.pem", folder / "key.pem"
    for place, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(chain, append=place > 0)
    issued.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    return target, chain, key


def serve(options: Options) -> None:
    """Runs an org until SIGTERM or SIGINT; the state is on disk when it returns."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-tls-") as folder:
        plain, secure = bind(options.http_port), bind(options.https_port)
        ca_file, chain, key = certificate(Path(folder), options.ca_file)
        with Org(options) as org:
            asyncio.run(_run(org, plain, secure, ca_file, chain, key))


async def _run(
    org: Org, plain: socket.socket, secure: socket.socket, ca_file: Path, chain: Path, key: Path
) -> None:
    application = Application(org)
    common = {
        "log_level": "critical",
        "lifespan": "off",
        "access_log": False,
        "timeout_graceful_shutdown": 1,
        "server_header": False,
        "http": _Protocol,
        "h11_max_incomplete_event_size": 64 * 1024,
    }
    servers = [
        _Server(uvicorn.Config(application, **common)),  # type: ignore[arg-type]
        _Server(uvicorn.Config(application, ssl_certfile=str(chain), ssl_keyfile=str(key), **common)),  # type: ignore[arg-type]
    ]
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, (plain, secure), strict=True)
    ]
    while not all(server.started for server in servers) and not any(task.done() for task in tasks):
        await asyncio.sleep(0.01)
    ready = {
        "url": f"http://{HOST}:{plain.getsockname()[1]}",
        "https_url": f"https://{HOST}:{secure.getsockname()[1]}",
        "ca_file": str(ca_file),
        "org_id": org.org_id,
        "pid": os.getpid(),
    }
    print(json.dumps(ready), flush=True)
    await asyncio.gather(*tasks)
    application.close()


def parse(arguments: Sequence[str]) -> Options:
    """The options on a command line; every field of Options is one."""
    parser = argparse.ArgumentParser(
        prog="python -m loaders.rehearsal.server", description="Serve a rehearsal org."
    )
    defaults = Options()
    for item in fields(Options):
        flag, default = "--" + item.name.replace("_", "-"), getattr(defaults, item.name)
        if isinstance(default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default)
        elif item.name == "field_maps":
            parser.add_argument(flag, type=Path, nargs="*", default=())
        else:
            kind = type(default) if default is not None else Path
            parser.add_argument(flag, type=kind, default=default)
    found = parser.parse_args(arguments)
    return replace(defaults, **{**vars(found), "field_maps": tuple(found.field_maps)})


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line entry."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    try:
        serve(parse(sys.argv[1:] if arguments is None else arguments))
    except ConfigurationError as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
