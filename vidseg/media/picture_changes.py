"""Record of changes of a clip's size, shape and scan type, for the notes of a run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vidseg.frames.frame import Frame
from vidseg.media.video_info import VideoInfo


@dataclass(slots=True)
class PictureChanges:
    """Count of deinterlaced pictures and of changes of shape, and the first change in words."""

    deinterlaced: int = 0
    changes: int = 0
    first_change: str = ""

    def pass_by(self, frame: Frame, info: VideoInfo) -> None:
        """Count what was done to a frame; times are told on the player's clock."""
        self.deinterlaced += frame.deinterlaced
        if frame.changed_from is None:
            return
        self.changes += 1
        if not self.first_change:
            time = float(frame.time - info.container_start)
            self.first_change = f"from {frame.changed_from} to {frame.shape} at {time:.3f} s"

    def notes(self, info: VideoInfo) -> list[str]:
        """Return sentences on what was done."""
        notes = []
        if self.deinterlaced:
            notes.append("interlaced pictures are made progressive, each at its time")
        if self.changes:
            again = ("", ", and once more")[self.changes - 1 :] or (
                f", and {self.changes - 1} more times",
            )
            notes.append(
                f"the picture changes {self.first_change}{again[0]}: all is scaled to "
                f"{info.shape}, and lies between bars where its shape is another"
            )
        return notes


def joined(parts: Iterable[dict[str, Any]]) -> PictureChanges:
    """Return what was done in several parts, in order, each a dictionary of `PictureChanges`."""
    whole = PictureChanges()
    for part in (PictureChanges(**each) for each in parts):
        whole.deinterlaced += part.deinterlaced
        whole.changes += part.changes
        whole.first_change = whole.first_change or part.first_change
    return whole
