"""Write docs/options.md, every command's options as tables, from the command line itself.

python scripts/options.py    after a change of options; tests/test_readme.py tells when it was
forgotten
"""

from collections.abc import Iterator
from pathlib import Path

import click

from vidseg.cli.main import cli

TARGET = Path(__file__).resolve().parent.parent / "docs" / "options.md"

_HEAD = """# Every command and option

Made from `--help` by `python scripts/options.py`; edit the help, not this page.
`vidseg COMMAND --help` tells the same, with examples.
"""


def page() -> str:
    """Return the page."""
    return "\n".join(
        [
            _HEAD,
            *(section for name, command in _commands(cli) for section in _section(name, command)),
        ]
    )


def _commands(group: click.Group, before: str = "vidseg") -> Iterator[tuple[str, click.Command]]:
    """Yield commands with their full names, those of groups among them, in alphabetical order."""
    for name, command in sorted(group.commands.items()):
        full = f"{before} {name}"
        if isinstance(command, click.Group):
            yield from _commands(command, full)
        else:
            yield full, command


def _section(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    options = [option for option in command.params if isinstance(option, click.Option)]
    records = [option.get_help_record(context) for option in options]
    yield f"## {name}\n"
    yield f"`{name} {usage}`\n"
    yield " ".join((command.help or "").split()) + "\n"
    if not records:
        return
    yield "| option | meaning | unless given |"
    yield "| --- | --- | --- |"
    yield from (_row(*record) for record in records if record is not None)
    yield ""


def _row(option: str, text: str) -> str:
    """Return a line of a table; `text` may end in ``  [default: …]`` or ``  [required]``."""
    text, _, extra = text.partition("  [")
    default = extra.partition("]")[0].removeprefix("default: ")
    cells = (f"`{option}`", text, default)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
