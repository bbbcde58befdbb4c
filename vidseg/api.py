"""The library: clips rendered, their mattes, alphas frame by frame, and of pictures as arrays."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from fractions import Fraction
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import InputError, SettingsError, worded
from vidseg.frames.frame import Frame
from vidseg.frames.planes import small_rgb
from vidseg.matting.mask_source import Layer, refined, source_of_masks
from vidseg.media.damage import Damage
from vidseg.media.decode import Span
from vidseg.media.file_length import missing_bytes
from vidseg.media.lost_pictures import loss_note
from vidseg.media.source import frame_of, probe
from vidseg.media.video_info import VideoInfo
from vidseg.networks import Segmenter, open_segmenter
from vidseg.rendering import pipeline, split
from vidseg.rendering.chain import decoded, followed
from vidseg.rendering.clip_start import player_span
from vidseg.rendering.people import survey_of, survey_of_picture
from vidseg.rendering.run import Progress
from vidseg.reports.run_report import Report
from vidseg.settings import (
    MOST_PIXELS,
    EncodeSettings,
    Fit,
    MatteSettings,
    ModelSettings,
    PeopleSettings,
    RenderSettings,
)
from vidseg.system.threads import one_thread_each
from vidseg.system.timing import Stopwatch

AnyPath: TypeAlias = str | PathLike[str]
Seconds: TypeAlias = Fraction | float
AlphaPlane: TypeAlias = NDArray[np.float32]

_MODEL, _MATTE, _ENCODE = ModelSettings(), MatteSettings(), EncodeSettings()
_PEOPLE = PeopleSettings()


def render(
    source: AnyPath,
    output: AnyPath,
    background: AnyPath,
    *,
    fit: Fit = "cover",
    start: Seconds | None = None,
    end: Seconds | None = None,
    overwrite: bool = False,
    model: ModelSettings = _MODEL,
    matte: MatteSettings = _MATTE,
    people: PeopleSettings = _PEOPLE,
    encode: EncodeSettings = _ENCODE,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
) -> Report:
    """Put the people of a clip or a photo before a new background and return the account of it.

    `background` is what ``vidseg render -b`` takes: a picture's or video's path, a colour,
    ``blur``, ``blur:20``, ``transparent``. `start` and `end` are seconds of the player's clock,
    half-open. An opened `segmenter` stands in for the one that `model` names and is left open.
    `people` says who stays, ``PeopleSettings(keep=("main",))``. `progress` is called with (frames
    done, frames expected or `None`). Raises a `VidsegError` for
    what can't be done; no file is left under the output's name then. Whatever else can be set:
    `run`.
    """
    settings = RenderSettings(
        source=Path(source),
        output=Path(output),
        background=fspath(background),
        fit=fit,
        start=_exact("start", start),
        end=_exact("end", end),
        overwrite=overwrite,
        model=model,
        matte=matte,
        people=people,
        encode=encode,
    )
    return pipeline.render(settings, segmenter=segmenter, progress=progress)


def matte(
    source: AnyPath,
    output: AnyPath,
    *,
    invert: bool = False,
    start: Seconds | None = None,
    end: Seconds | None = None,
    overwrite: bool = False,
    model: ModelSettings = _MODEL,
    matte: MatteSettings = _MATTE,
    people: PeopleSettings = _PEOPLE,
    encode: EncodeSettings = _ENCODE,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
) -> Report:
    """Write the people's alpha as a grey video, or pictures, white where they are; see `render`."""
    settings = RenderSettings(
        source=Path(source),
        output=Path(output),
        kind="matte",
        invert=invert,
        start=_exact("start", start),
        end=_exact("end", end),
        overwrite=overwrite,
        model=model,
        matte=matte,
        people=people,
        encode=encode,
    )
    return pipeline.render(settings, segmenter=segmenter, progress=progress)


def run(
    settings: RenderSettings,
    *,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Do what `settings` say, anything that the command line can; `say` gets lines for the user.

    See `render` for the rest.
    """

    def told(line: str) -> None:
        say(worded(line))

    return split.render(settings, segmenter=segmenter, progress=progress, say=told)


def masks(
    source: AnyPath,
    *,
    start: Seconds | None = None,
    end: Seconds | None = None,
    frame_rate: Seconds | None = None,
    max_pixels: int = MOST_PIXELS,
    model: ModelSettings = _MODEL,
    matte: MatteSettings = _MATTE,
    people: PeopleSettings = _PEOPLE,
    segmenter: Segmenter | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Generator[tuple[Frame, AlphaPlane], None, None]:
    """Return an iterator over the frames of a clip with their alphas, float32 [h, w] in [0, 1].

    Both are as coded, and of the first frame's size: where that changes on the way, the others lie
    between black bars. Where a phone's clip is turned on its side,
    ``probe(source).orientation.upright`` turns either as it is shown. `rgb_of` makes a picture of a
    frame. `frame_rate` must be given for numbered pictures, and only there; pictures of more than
    `max_pixels` are refused. A few frames are read ahead in threads; close the iterator where it is
    not used up. `say` gets a line, behind the last frame, where some are lost or the file is
    shorter than it says. Raises `InputError` at once where the source can't be read.
    """
    span_of = (_exact("start", start), _exact("end", end))
    info = probe(Path(source), _exact("frame_rate", frame_rate), max_pixels)
    span = player_span(info, *span_of)
    return _masks(info, span, model, matte, people, segmenter, say)


def _masks(
    info: VideoInfo,
    span: Span,
    model: ModelSettings,
    matte: MatteSettings,
    people: PeopleSettings,
    segmenter: Segmenter | None,
    say: Callable[[str], None],
) -> Generator[tuple[Frame, AlphaPlane], None, None]:
    damage = Damage()
    with ExitStack() as stack:
        if segmenter is None:
            segmenter = stack.enter_context(closing(open_segmenter(model)))
        stack.enter_context(one_thread_each())
        watch = Stopwatch()
        frames = decoded(stack, info, span, damage, watch)
        survey = survey_of(info, span, model, people, segmenter, settle=True)
        source = source_of_masks(segmenter, model, matte, info.orientation, survey)
        for layer in refined(followed(stack, frames, source, watch), source):
            yield layer.frame, _unit(layer)
    short = missing_bytes(Path(info.path), info.container) if span.end is None else 0
    if note := loss_note(info, sorted(damage.losing()), damage.unread, short):
        say(worded(note))


def alpha_of(
    pictures: NDArray[np.uint8],
    *,
    model: ModelSettings = _MODEL,
    matte: MatteSettings = _MATTE,
    people: PeopleSettings = _PEOPLE,
    segmenter: Segmenter | None = None,
) -> AlphaPlane:
    """Return the people's alpha in pictures that have nothing to do with each other.

    uint8 [h, w, 3] of sRGB gives float32 [h, w] in [0, 1]; a batch, [n, h, w, 3], gives [n, h, w].
    For frames of a clip `masks` is calmer, since it looks at what comes before and after. To do
    this often, open a segmenter once (`open_segmenter`) and give it. Raises `InputError` for any
    other array.
    """
    pictures = np.asarray(pictures)
    shape = pictures.shape
    if pictures.dtype != np.uint8 or len(shape) not in (3, 4) or shape[-1] != 3 or 0 in shape[-3:]:
        raise InputError(
            f"pictures must be uint8 [h, w, 3] or [n, h, w, 3], got {pictures.dtype} {list(shape)}"
        )
    with ExitStack() as stack:
        if segmenter is None:
            segmenter = stack.enter_context(closing(open_segmenter(model)))
        if len(shape) == 3:
            return _alpha_of_one(pictures, model, matte, people, segmenter)
        alphas = np.empty(shape[:3], np.float32)
        for alpha, picture in zip(alphas, pictures, strict=True):
            alpha[:] = _alpha_of_one(picture, model, matte, people, segmenter)
    return alphas


def _alpha_of_one(
    picture: NDArray[np.uint8],
    model: ModelSettings,
    matte: MatteSettings,
    people: PeopleSettings,
    segmenter: Segmenter,
) -> AlphaPlane:
    frame, size = frame_of(picture), picture.shape[1::-1]
    survey = survey_of_picture([frame], (size[0], size[1]), model, people, segmenter)
    source = source_of_masks(segmenter, model, matte, survey=survey)
    (layer,) = refined(source.follow([frame]), source)
    return _unit(layer)


def rgb_of(frame: Frame) -> NDArray[np.uint8]:
    """Return a frame as a picture, uint8 [h, w, 3] of RGB, as coded, in the colours of its clip."""
    return small_rgb(frame, frame.whole, frame.width, frame.height)


def _unit(layer: Layer) -> AlphaPlane:
    share = np.float32(1 / layer.frame.format.peak)
    return np.multiply(layer.alpha.plane, share, dtype=np.float32).clip(0, 1)


def _exact(name: str, seconds: Seconds | None) -> Fraction | None:
    """Return a time as it is written: 0.2 is a fifth, not the float next to it."""
    try:
        return None if seconds is None else Fraction(str(seconds))
    except ValueError:
        raise SettingsError(f"{name} must be a number, got {seconds!r}") from None
