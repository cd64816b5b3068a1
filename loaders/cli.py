"""Entry points only; each command lives in its own module under `loaders.commands`."""

from loaders.commands.diff_marts import diff_marts
from loaders.commands.load_sf import load_sf
from loaders.commands.refresh_raw import refresh_raw
from loaders.commands.rehearse import rehearse

__all__ = ["diff_marts", "load_sf", "refresh_raw", "rehearse"]
