"""The source's chapters, as the output has them."""

from fractions import Fraction

from av.container import InputContainer
from av.stream import Stream

from vidseg.media.mux.kept_range import KeptRange


def kept_chapters(source: InputContainer, cut: KeptRange) -> list[dict[str, object]]:
    """Return the source's chapters moved to the output's clock and clipped to `cut`."""
    kept: list[dict[str, object]] = []
    for chapter in source.chapters():
        base = chapter["time_base"] or Fraction(1, 1000)
        start, end = chapter["start"] * base, chapter["end"] * base
        if cut.start is not None:
            start = max(start, cut.start)
        if cut.end is not None:
            end = min(end, cut.end)
        if end > start:
            moved = {
                "start": round((start - cut.origin) / base),
                "end": round((end - cut.origin) / base),
            }
            kept.append({**chapter, **moved})
    return kept


def is_chapter_text(stream: Stream) -> bool:
    """Whether a data stream is the hidden text track that QuickTime keeps chapter names in."""
    return stream.type == "data" and stream.metadata.get("handler_name", "").startswith("Subtitle")
