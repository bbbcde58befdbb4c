"""File types to be exported first: drawings, documents, raw photos. Pure."""

from pathlib import Path

_RAW = "a camera's raw photo"
_KINDS = {
    "an SVG drawing": (".svg", ".svgz"),
    "a PDF document": (".pdf",),
    "a drawing or a document": (".ai", ".eps", ".ps", ".cdr", ".indd", ".afdesign", ".afphoto"),
    "a file of layers": (".xcf", ".kra", ".ora", ".clip", ".procreate"),
    "a presentation": (".pptx", ".ppt", ".odp", ".key"),
    "a JPEG XL picture": (".jxl",),
    _RAW: (
        ".3fr",
        ".arw",
        ".cr2",
        ".cr3",
        ".crw",
        ".dcr",
        ".dng",
        ".erf",
        ".iiq",
        ".kdc",
        ".mef",
        ".mrw",
        ".nef",
        ".nrw",
        ".orf",
        ".pef",
        ".raf",
        ".raw",
        ".rw2",
        ".rwl",
        ".sr2",
        ".srf",
        ".srw",
        ".x3f",
    ),
}
"""What such files are, and their endings."""


def to_be_exported(path: Path) -> str | None:
    """Return what to say of a file that other programs make pictures of, `None` for all others.

    Their endings tell: a raw photo may pass for a TIFF, which then is a thumbnail.
    """
    suffix = path.suffix.lower()
    kind = next((kind for kind, endings in _KINDS.items() if suffix in endings), None)
    if kind is None:
        return None
    where = "develop it" if kind == _RAW else "export it"
    return f"is {kind}, which vidseg doesn't read; {where} as .png in the program that it is of"
