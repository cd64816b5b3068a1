"""Documentation stays true: links lead somewhere, commands and options exist, every command explains itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from loaders import cli

PROJECT = Path(__file__).resolve().parents[2]
COMMANDS: dict[str, click.Command] = {
    "refresh-raw": cli.refresh_raw,
    "load-sf": cli.load_sf,
    "diff-marts": cli.diff_marts,
    "rehearse": cli.rehearse,
}
DOCUMENTS = sorted(
    path for pattern in ("README.md", "docs/*.md", "loaders/**/README.md") for path in PROJECT.glob(pattern)
)


def commands_and_subcommands() -> Iterator[tuple[str, click.Command]]:
    for name, command in COMMANDS.items():
        yield name, command
        if isinstance(command, click.Group):
            for child, subcommand in command.commands.items():
                yield f"{name} {child}", subcommand


def documented_calls() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
        for line in (line for block in blocks for line in block.splitlines()):
            if re.match(rf"({'|'.join(COMMANDS)})( |$)", line):
                yield str(document.relative_to(PROJECT)), line


@pytest.mark.parametrize("name, command", list(commands_and_subcommands()))
def test_every_command_and_option_has_a_help_text(name: str, command: click.Command) -> None:
    assert command.help, name
    for option in command.params:
        assert getattr(option, "help", "argument"), f"{name} {option.name}"


@pytest.mark.parametrize("document, line", sorted(set(documented_calls())))
def test_documented_calls_exist(document: str, line: str) -> None:
    words = [word for word in line.split("#")[0].replace("&", "").split() if word != "\\"]
    command = COMMANDS[words[0]]
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"{document}: {line}"
        command, rest = command.commands[rest[0]], rest[1:]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {
        "--help"
    }
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{document}: {line}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_to_files_of_the_project(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), f"{document}: {target}"


def test_readme_names_the_two_commands_that_the_makefile_has() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "lint", "fmt", "clean"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert "make demo" in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_pinned_versions_name_no_place_to_download_from() -> None:
    for line in (PROJECT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line


def test_profiles_hold_no_secret() -> None:
    targets = yaml.safe_load((PROJECT / "profiles/salesforce.yml").read_text(encoding="utf-8"))["targets"]
    for name, target in targets.items():
        for key in ("client_secret", "access_token", "private_key_file", "password"):
            assert str(target.get(key, "${")).startswith("${"), f"{name}.{key}"
