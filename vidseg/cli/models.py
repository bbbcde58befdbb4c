"""``vidseg models``: what there is, fetching one ahead of time, and all about one."""

from typing import TYPE_CHECKING

import click

from vidseg.cli.terminal import show, tell
from vidseg.errors import ModelError
from vidseg.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from vidseg.models import Model

_WHERE = {"folder": "in VIDSEG_MODEL_DIR", "cache": "in the cache", None: "not fetched"}


@click.group()
def models() -> None:
    """List, fetch and describe the models."""


@models.command("list", epilog="Example: vidseg models list")
def list_models() -> None:
    """List every model with its size, licence and whether it is on this machine."""
    from vidseg.models import MODELS

    rows = [("NAME", "SIZE", "PARTS", "LICENCE", "STATE"), *map(_row, MODELS.values())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        show("  ".join(cells).rstrip())


@models.command("fetch", epilog="Example: vidseg models fetch bodypix-050-s8")
@click.argument("name")
@click.option(
    "--parts", is_flag=True, help="Convert the network that tells body parts apart as well."
)
def fetch_model(name: str, parts: bool) -> None:
    """Download a model and convert it, so that later runs need no network and start at once."""
    from vidseg.models import companion_of, locate, model_named, ready

    model = model_named(name)
    family = model.family
    if family.recipe is not None:
        for with_parts in [False, True][: 1 + (parts and family.has_parts)]:
            ready(model, family.recipe, parts=with_parts, say=tell)
    for each in filter(None, (model, companion_of(model))):
        path = locate(each, say=tell)
        show(f"{each.name}: {_state(each)}, {path}")


@models.command("show", epilog="Example: vidseg models show selfie")
@click.argument("name")
def show_model(name: str) -> None:
    """Show where a model comes from, where it is kept and what may be done with it."""
    from vidseg.models import find, model_named

    model = model_named(name)
    found = find(model)
    facts = {
        "name": model.name + (" (default)" if name == DEFAULT_MODEL else ""),
        "origin": model.origin,
        "source": model.published.address(),
        "licence": model.licence,
        "size": _size(model),
        "body parts": "yes" if model.family.has_parts else "no",
        "run with": model.companion or "-",
        "state": _state(model),
        "file": str(found[1]) if found else "-",
    }
    for key, value in facts.items():
        show(f"{key + ':':12}{value}")


def _row(model: "Model") -> tuple[str, ...]:
    try:
        size, state = _size(model), _state(model)
    except ModelError as error:  # one bad file must not hide the others; `show` tells more
        size, state = "-", f"unusable: {error}"
    return model.name, size, "yes" if model.family.has_parts else "no", model.licence, state


def _size(model: "Model") -> str:
    from vidseg.models import local_size

    size = local_size(model)
    return (
        f"~{model.published.approx_bytes / 1e6:.1f} MB" if size is None else f"{size / 1e6:.1f} MB"
    )


def _state(model: "Model") -> str:
    from vidseg.models import find, is_converted, read_tfjs

    found = find(model)
    where = _WHERE[found[0] if found else None]
    recipe = model.family.recipe
    if found is None or recipe is None:
        return where
    converted = is_converted(read_tfjs(found[1]), recipe)
    return f"{where}, {'converted' if converted else 'not converted'}"
