"""Stand-ins for the APIs that we migrate from, served beside the rehearsal org on the same ports.

A stand-in is a module `<name>.py` in this folder with `routes(data_dir) -> list[Route]`, its paths written
without the name: `Route("/api/contacts", ...)` of `mautic.py` answers at `/mautic/api/contacts`. Finding the
module is all there is to do. Each is imported by its first request, so that a broken one harms no other.
"""

from __future__ import annotations

import importlib
import pkgutil
import threading
from pathlib import Path

from starlette.routing import BaseRoute, Mount, Router
from starlette.types import Receive, Scope, Send


class _Source:
    """One stand-in as an ASGI application that reads its module when somebody calls it."""

    def __init__(self, name: str, data_dir: Path) -> None:
        self.name, self.data_dir = name, data_dir
        self._router: Router | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._lock:
            if self._router is None:
                module = importlib.import_module(f"{__name__}.{self.name}")
                self._router = Router(module.routes(self.data_dir))
        await self._router(scope, receive, send)


def source_names() -> list[str]:
    """The stand-ins there are: modules of this folder that do not begin with an underscore and are no helpers
    of another (`mautic_rows` belongs to `mautic`)."""
    found = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    return [name for name in found if not any(name.startswith(f"{other}_") for other in found)]


def source_routes(data_dir: Path) -> list[BaseRoute]:
    """One mount per stand-in, `/<name>`, over the data that lie in `data_dir`."""
    return [Mount(f"/{name}", app=_Source(name, data_dir)) for name in source_names()]
