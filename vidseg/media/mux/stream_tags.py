"""Copying of a stream's tags and disposition."""

from av.stream import Stream

_OF_THE_CODING = ("DURATION", "ENCODER", "BPS", "ALPHA_MODE")
"""Tags that describe how a stream is coded; they are wrong for what is coded anew."""

_QUICKTIME_LANGUAGES = {
    "deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi",
    "sqi": "alb", "fre": "fra", "cze": "ces", "slo": "slk", "rum": "ron",
    "fas": "per", "hye": "arm", "kat": "geo", "mkd": "mac", "msa": "may",
    "mya": "bur", "eus": "baq", "cym": "wel", "bod": "tib",
}  # fmt: skip
"""Of two codes of ISO 639-2 for one language, the one that FFmpeg knows QuickTime's number of."""


def copy_description(source: Stream, target: Stream) -> None:
    """Give the new stream the old one's tags and disposition, less what tells of its making."""
    kept = {k: v for k, v in source.metadata.items() if k.upper() not in _OF_THE_CODING}
    kept = {
        k: v for k, v in kept.items() if not k.upper().startswith(("NUMBER_OF_", "_STATISTICS"))
    }
    target.metadata.update(kept)
    if (
        target.container.format.name == "mov"
        and (language := kept.get("language")) in _QUICKTIME_LANGUAGES
    ):
        target.metadata["language"] = _QUICKTIME_LANGUAGES[language]
    target.disposition = source.disposition
