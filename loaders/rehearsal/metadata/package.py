"""A deploy's zip file: unpacked within limits, its manifest read. Nothing of it is trusted before that.

The limits (10,000 files, 39 MB packed, 400 MB unpacked) are the Metadata API's own. Names stay inside the
package.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from loaders.rehearsal.metadata.xml import Element, XmlError, parse

MAX_PACKED = 39 * 1024 * 1024
MAX_UNPACKED = 400 * 1024 * 1024
MAX_FILES = 10_000
_MANIFESTS = (
    "package.xml",
    "destructiveChanges.xml",
    "destructiveChangesPre.xml",
    "destructiveChangesPost.xml",
)


class PackageError(ValueError):
    """A zip file that is refused as a whole; `file` names the part that is wrong."""

    def __init__(self, text: str, file: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.file = file


@dataclass(frozen=True)
class Package:
    """Files by path below the package's root, and the members that the manifests name."""

    files: dict[str, bytes]
    members: dict[str, tuple[str, ...]]
    deletions: dict[str, tuple[str, ...]]
    version: str | None

    def names(self, kind: str, member: str) -> bool:
        """True if package.xml names the member, itself or by a star."""
        listed = self.members.get(kind, ())
        return member in listed or "*" in listed


def unpack(content: bytes) -> Package:
    """The package in a zip file. Raises PackageError."""
    files = _files(content)
    manifests = [name for name in files if PurePosixPath(name).name == "package.xml"]
    if not manifests:
        raise PackageError("No package.xml found", "package.xml")
    root = str(PurePosixPath(min(manifests, key=len)).parent)
    prefix = "" if root == "." else f"{root}/"
    inside = {name[len(prefix) :]: data for name, data in files.items() if name.startswith(prefix)}
    manifest = read_manifest(inside["package.xml"])
    deletions: dict[str, tuple[str, ...]] = {}
    for name in _MANIFESTS[1:]:
        if name in inside:
            for kind, members in read_manifest(inside[name], name)[0].items():
                deletions[kind] = (*deletions.get(kind, ()), *members)
    parts = {name: data for name, data in inside.items() if name not in _MANIFESTS}
    return Package(parts, manifest[0], deletions, manifest[1])


def read_manifest(content: bytes, name: str = "package.xml") -> tuple[dict[str, tuple[str, ...]], str | None]:
    """Members by type and the API version of a manifest. Raises PackageError."""
    try:
        root = parse(content)
    except XmlError as error:
        raise PackageError(str(error), name) from None
    if root.name != "Package":
        raise PackageError(f"Error parsing file: unexpected element {root.name}", name)
    return manifest_of(root), root.value("version")


def manifest_of(root: Element) -> dict[str, tuple[str, ...]]:
    """Members by type of a Package element."""
    members: dict[str, tuple[str, ...]] = {}
    for group in root.all("types"):
        kind = group.value("name") or ""
        named = tuple(member.text.strip() for member in group.all("members"))
        members[kind] = (*members.get(kind, ()), *named)
    return members


def _files(content: bytes) -> dict[str, bytes]:
    if len(content) > MAX_PACKED:
        raise PackageError(f"The zip file is larger than {MAX_PACKED} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_FILES:
                raise PackageError(f"Maximum number of files exceeded: {MAX_FILES}")
            found: dict[str, bytes] = {}
            left = MAX_UNPACKED
            for entry in entries:
                _check_name(entry.filename)
                # The declared size may lie; reading stops at what is left of the allowance.
                with archive.open(entry) as file:
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise PackageError(f"Maximum size of unpacked files exceeded: {MAX_UNPACKED} bytes")
                found[entry.filename] = data
            return found
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error) as error:
        raise PackageError(f"Unable to read the zip file: {error}") from None


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name.split("/")[0] or "\0" in name:
        raise PackageError(f"Invalid file name in the zip file: {name!r}", name)
