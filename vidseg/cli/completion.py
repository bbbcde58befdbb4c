"""``vidseg completion``: what makes a shell complete vidseg's commands and options."""

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_VIDSEG_COMPLETE"
"""Where click looks for what the shell asks; made of the program's name."""


@click.command(
    epilog="""\b
Examples:
  vidseg completion bash >> ~/.bashrc
  vidseg completion zsh >> ~/.zshrc
  vidseg completion fish > ~/.config/fish/completions/vidseg.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands and options."""
    kind = get_completion_class(shell)
    assert kind is not None, shell
    complete = kind(context.find_root().command, {}, "vidseg", _VARIABLE)
    click.echo(complete.source_template % complete.source_vars())
