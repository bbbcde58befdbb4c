"""A run: the settings of a render, what is known of its source, and what is counted on the way."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from vidseg.matting.people.survey import Survey
from vidseg.media.damage import Damage
from vidseg.media.decode import Span
from vidseg.media.picture_changes import PictureChanges
from vidseg.media.video_info import VideoInfo
from vidseg.rendering.clip_start import player_span
from vidseg.rendering.whole_bodies import WholeBodies
from vidseg.settings import RenderSettings
from vidseg.system.timing import Stopwatch

Progress: TypeAlias = Callable[[int, int | None], None]
"""Is called with (frames done, frames expected or `None`)."""

Say: TypeAlias = Callable[[str], None]
"""Gets lines for the user."""


def silent(_: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Run:
    """A render under way.

    `watch`: seconds that stages were busy; `damage`: what could not be read; `changes`: what was
    done to pictures where they change; `survey`: who is kept, `None`: all; `bodies`: whether people
    are seen whole, where the network does so less well; `begun`: when the run began, as
    `time.perf_counter` tells.
    """

    settings: RenderSettings
    info: VideoInfo
    say: Say = silent
    watch: Stopwatch = field(default_factory=Stopwatch)
    damage: Damage = field(default_factory=Damage)
    changes: PictureChanges = field(default_factory=PictureChanges)
    survey: Survey | None = None
    bodies: WholeBodies | None = None
    begun: float = field(default_factory=time.perf_counter)

    @property
    def span(self) -> Span:
        """What is rendered of the source, in seconds of its clock."""
        return player_span(self.info, self.settings.start, self.settings.end)
