"""Report of a run: what was read, written, copied, converted, dropped, damaged, and the time."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from vidseg.system import files, text


@dataclass(slots=True)
class Report:
    """The report of one run; `vidseg … --report FILE.json` writes it; see docs/report.md.

    Times are in seconds. `streams` lists every stream of the source with its fate; `notes` are the
    sentences the user was told; `damage` counts what could not be read (all zero for a sound
    source). `stage_s` is the time each stage was busy; stages overlap, so they add up to more than
    `wall_s`.
    """

    source: str
    output: str
    kind: str
    container: str = ""
    source_codec: str = ""
    output_codec: str = ""
    pix_fmt: str = ""
    width: int = 0
    height: int = 0
    frames_out: int = 0
    start_s: float = 0.0
    end_s: float = 0.0
    model: str = ""
    device: str = ""
    streams: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damage: dict[str, float] = field(default_factory=dict)
    stage_s: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    people: dict[str, object] = field(default_factory=dict)
    """Who was seen and kept, and what was not sure; empty where everybody is kept."""
    quality: dict[str, object] = field(default_factory=dict)
    """Figures on what is written, see `vidseg.reports.mask_metrics`; empty if none were taken."""

    @property
    def damaged(self) -> bool:
        """Whether the source or background is damaged, so that some is missing or guessed."""
        return any(self.damage.values())

    @property
    def damaged_input(self) -> str:
        """What is damaged, if anything is: ``source`` or, if that alone is, ``background``."""
        hurt = [name for name, count in self.damage.items() if count]
        return "background" if hurt == ["lost_background_frames"] else "source"

    def write(self, path: Path) -> None:
        """Write the report as JSON, UTF-8, indented."""
        files.write_text(path, text.as_json(asdict(self)) + "\n")
