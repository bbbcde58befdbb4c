"""Everything a user can set, validated once; the only place with defaults."""

import math
import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from vidseg.body_parts import part_indices
from vidseg.errors import BackgroundError, SettingsError
from vidseg.people_words import dropped_by, kept_by

Fit: TypeAlias = Literal["cover", "contain", "stretch"]
Kind: TypeAlias = Literal["picture", "matte", "parts"]
Content: TypeAlias = Literal["picture", "cutout", "foreground", "matte", "parts"]
Range: TypeAlias = Literal["auto", "full", "video"]
AudioMode: TypeAlias = Literal["copy", "transcode", "none"]
SizeChange: TypeAlias = Literal["box", "split"]

TIMELINES = (".otio", ".fcpxml")
"""Endings of timelines that can be written."""

DEFAULT_MODEL = "bodypix-050-s16"

DEFAULT_BLUR = 12.0
"""Strength of ``blur``, in thousandths of the picture's longer side."""

MOST_PIXELS = 1 << 26
"""Pixels of the largest picture decoded unasked, twice 8K: some twenty frames are held at once."""


def _check_range(name: str, value: float, low: float, high: float, what: str = "") -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsError(f"--{name} must lie in [{low:g}, {high:g}]{what}, got {value:g}")


def _check_choice(name: str, value: str, known: object) -> None:
    """Raise `SettingsError` where `value` is none of a `Literal`'s: no type checker has seen it."""
    if value not in get_args(known):
        raise SettingsError(f"{name} must be one of {', '.join(get_args(known))}, got {value!r}")


@dataclass(frozen=True, slots=True)
class BackgroundSpec:
    """What goes behind the people, as a user names it.

    `kind`: ``transparent``: nothing; ``blur``: their own surroundings, blurred with `strength` in
    thousandths of the picture's longer side; ``named``: a colour or a file, which `text` names.
    """

    text: str
    kind: Literal["transparent", "blur", "named"] = "named"
    strength: float = DEFAULT_BLUR

    @classmethod
    @lru_cache(maxsize=8)  # every step asks its settings
    def parse(cls, text: str) -> "BackgroundSpec":
        """Return what ``-b`` says; raise `SettingsError` where it says nothing."""
        if not text:
            raise SettingsError(
                "-b is empty; give a picture, a video, a colour, blur or transparent"
            )
        kind, _, strength = text.partition(":")
        if kind == "blur":
            return cls(text, "blur", _blur_strength(strength))
        return cls(text, "transparent" if text == "transparent" else "named")

    @property
    def path(self) -> Path:
        """The file, or the numbered pictures, should it name such."""
        return Path(self.text)


def _blur_strength(text: str) -> float:
    """Return the strength that stands behind ``blur:``; raise `BackgroundError` for no strength."""
    try:
        strength = float(text) if text else DEFAULT_BLUR
    except ValueError:
        strength = -1.0
    if not 0 < strength <= 200:
        raise BackgroundError(
            f"blur strength must lie in (0, 200] thousandths of the longer side, got {text!r}"
        )
    return strength


def _check_pixels(most: int) -> None:
    if most < 1:
        raise SettingsError(f"--max-pixels must be at least 1, got {most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which network finds the people, where it runs, and on what size of picture."""

    name: str = DEFAULT_MODEL
    """A model's name, or a path: TensorFlow.js folder or its json, SavedModel, or .tflite file."""
    device: str = "auto"
    """``auto``, ``cpu``, ``gpu`` or ``gpu:N``."""
    batch_size: int | None = None
    """Frames per call of the network; `None`: what the device likes."""
    resolution: int | None = None
    """Short side of the network's input in pixels; `None`: what the model likes."""
    parts: tuple[str, ...] = ()
    """Names of body parts or groups; empty: the whole person."""
    part_map: bool = False
    """Whether it is wanted which part each point shows, for a render of the kind ``parts``."""

    def __post_init__(self) -> None:
        if isinstance(self.parts, str):
            raise SettingsError(
                f"parts must be a tuple of names, such as ('face',), got {self.parts!r}"
            )
        kind, _, number = self.device.partition(":")
        if kind not in ("auto", "cpu", "gpu") or (
            number and (kind != "gpu" or not number.isdigit())
        ):
            raise SettingsError(f"--device must be auto, cpu, gpu or gpu:N, got {self.device!r}")
        if self.batch_size is not None:
            _check_range("batch-size", self.batch_size, 1, 256)
        if self.resolution is not None:
            _check_range("resolution", self.resolution, 64, 2160, " pixels")
        part_indices(self.parts)

    @property
    def needs_parts(self) -> bool:
        """Whether the network must tell parts apart."""
        return bool(self.parts) or self.part_map


@dataclass(frozen=True, slots=True, kw_only=True)
class MatteSettings:
    """How scores become an alpha."""

    threshold: float = 0.5
    """Probability, in (0, 1), at which alpha is one half."""
    smooth: float = 0.2
    """Width in seconds of the window around a frame in which masks are steadied; 0: off."""
    feather: float = 0.0
    """Standard deviation of an extra softening of the edge, in pixels of the source."""
    grow: float = 0.0
    """Pixels of the source by which the mask grows; negative shrinks it."""
    decontaminate: bool = True
    """Whether the old background's colour is taken out of the edge."""

    def __post_init__(self) -> None:
        _check_range("threshold", self.threshold, 0.01, 0.99)
        _check_range("smooth", self.smooth, 0, 5, " seconds")
        _check_range("feather", self.feather, 0, 200, " pixels")
        _check_range("grow", self.grow, -200, 200, " pixels")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSettings:
    """Which people stay in the picture; all others go with the background."""

    keep: tuple[str, ...] = ("all",)
    """``all``; ``main``, whom most is seen of; a number of such; a point and a time, ``X,Y@T``."""
    drop: tuple[str, ...] = ()
    """Points, with their times, on people who go in any case."""

    def __post_init__(self) -> None:
        for name in ("keep", "drop"):
            given = getattr(self, name)
            words = (given,) if isinstance(given, str | int) else given
            object.__setattr__(self, name, tuple(str(word) for word in words))
        object.__setattr__(self, "keep", self.keep or ("all",))
        kept_by(self.keep), dropped_by(self.drop)  # which tell what is wrong with them

    @property
    def everybody(self) -> bool:
        """Whether nobody is left out."""
        return self.keep == ("all",) and not self.drop


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeSettings:
    """How the result is written."""

    codec: str = "auto"
    """A name of `codecs.CODECS`; ``auto``: what the container and the source's depth call for."""
    crf: float | None = None
    """Constant rate factor; `None`: the codec's own default in `vidseg.media.codecs.CODECS`."""
    preset: str | None = None
    """Speed preset; `None`: the codec's own default in `vidseg.media.codecs.CODECS`."""
    pix_fmt: str | None = None
    """Pixel format of the output; `None`: the source's where the codec has it."""
    audio: AudioMode = "copy"
    range: Range = "auto"
    """Code values of a matte: all, or those of video; ``auto``: what the codec's users expect."""

    def __post_init__(self) -> None:
        _check_choice("--audio", self.audio, AudioMode)
        _check_choice("--range", self.range, Range)
        if self.crf is not None:
            _check_range("crf", self.crf, 0, 63)


@dataclass(frozen=True, slots=True)
class Target:
    """One file, or one sequence of pictures, that a render writes.

    `content`: ``picture`` over a background, ``cutout`` with an alpha channel, ``foreground`` the
    people's colours without it, ``matte``, ``parts`` as coloured areas. `sound`: whether it gets
    the audio.
    """

    path: Path
    content: Content
    sound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """One render: from a source to an output.

    `kind` ``picture`` puts the people before `background`; ``matte`` writes their alpha as a grey
    video, ``parts`` a map of their body parts in the colours of `vidseg.body_parts.COLOURS`.
    `start` and `end` are seconds of the player's clock, half-open; `None`: the clip's ends.
    """

    source: Path
    output: Path
    background: str = "black"
    kind: Kind = "picture"
    invert: bool = False
    premultiplied: bool = False
    """Whether a transparent background's colours are multiplied by their alpha, else straight."""
    pair: bool = False
    """With a transparent background: people's colours and their matte as two files (`targets`)."""
    frame_rate: Fraction | None = None
    """Frames per second of a source of numbered pictures; must be given there, and only there."""
    max_pixels: int = MOST_PIXELS
    """Width times height above which a source is refused, before memory is taken for it."""
    fit: Fit = "cover"
    size_change: SizeChange = "box"
    """Where size or pixel shape changes on the way: all in the first's, or files (``split``)."""
    start: Fraction | None = None
    end: Fraction | None = None
    overwrite: bool = False
    hwaccel: str | None = None
    """Hardware decoder of FFmpeg's, such as ``cuda`` or ``vaapi``; `None`: decode in software."""
    report: Path | None = None
    timeline: Path | None = None
    """Where a timeline for editors goes; with it, `output` holds the people with their alpha."""
    model: ModelSettings = field(default_factory=ModelSettings)
    matte: MatteSettings = field(default_factory=MatteSettings)
    people: PeopleSettings = field(default_factory=PeopleSettings)
    encode: EncodeSettings = field(default_factory=EncodeSettings)

    def __post_init__(self) -> None:
        for name in ("source", "output", "report", "timeline"):
            if isinstance(given := getattr(self, name), str):
                object.__setattr__(self, name, Path(given))
        _check_choice("kind", self.kind, Kind)
        _check_choice("--fit", self.fit, Fit)
        _check_choice("--size-change", self.size_change, SizeChange)
        if self.kind == "parts":
            object.__setattr__(self, "model", replace(self.model, part_map=True))
        if self.kind == "parts" and (self.invert or self.encode.range != "auto"):
            raise SettingsError("a map of body parts is in colour; leave out --invert and --range")
        if self.encode.range != "auto" and self.kind == "picture" and not self.pair:
            raise SettingsError("--range is for mattes; leave it out")
        if self.start is not None and self.start < 0:
            raise SettingsError(f"--start must not be negative, got {float(self.start):g} s")
        if self.end is not None and self.end <= (self.start or 0):
            start, end = float(self.start or 0), float(self.end)
            raise SettingsError(f"--end must come after --start: start {start:g} s, end {end:g} s")
        if self.frame_rate is not None:
            _check_range("fps", float(self.frame_rate), 0.01, 1000)
        if self.size_change == "split" and not self.people.everybody:
            raise SettingsError(
                "--keep and --drop follow people through one file; leave out --size-change split"
            )
        if self.timeline is not None:
            self._check_timeline(self.timeline)
        _check_pixels(self.max_pixels)
        behind = self.behind
        if self.pair and behind.kind != "transparent":
            raise SettingsError(
                "--pair writes people and matte without a background; "
                f"leave out -b {self.background}"
            )
        if self.premultiplied and (self.pair or not self.cutout):
            raise SettingsError("--premultiplied is for -b transparent, written into one file")

    def _check_timeline(self, path: Path) -> None:
        if path.suffix.lower() not in TIMELINES:
            raise SettingsError(
                f"--otio {path}: the ending says the format; use {' or '.join(TIMELINES)}"
            )
        if self.size_change == "split":
            raise SettingsError("--otio lays one file over the clip; leave out --size-change split")
        if self.kind != "picture" or self.pair:
            raise SettingsError("--otio is for render with people in one file; leave out --pair")
        if self.behind.kind == "blur":
            raise SettingsError(
                f"--otio: an editor can't be told of -b {self.background}; use -b transparent, "
                "and put the clip below the people, blurred in the editor"
            )

    @property
    def behind(self) -> BackgroundSpec:
        """What goes behind the people. Raises `SettingsError` and `BackgroundError`."""
        return BackgroundSpec.parse(self.background)

    @property
    def cutout(self) -> bool:
        """Whether `output` gets the people with an alpha channel."""
        return self.kind == "picture" and (
            self.behind.kind == "transparent" or self.timeline is not None
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is written: `output`, or for a pair two files named after it.

        For ``out.mov`` the pair is ``out.fgr.mov`` and ``out.matte.mov`` beside it. The sound goes
        with the foreground, so that an editor doesn't play it twice.
        """
        if self.kind != "picture":
            return (Target(self.output, self.kind),)
        if self.pair:
            return (
                Target(named(self.output, "fgr"), "foreground"),
                Target(named(self.output, "matte"), "matte", sound=False),
            )
        return (Target(self.output, "cutout" if self.cutout else "picture"),)


def named(path: Path, word: str) -> Path:
    """Return the path with `word` before its ending, or before the number of a sequence."""
    stem, number = re.fullmatch(r"(.*?)([._-]?%0?\d*d)?", path.stem).groups()  # type: ignore[union-attr]
    return path.with_name(
        f"{stem}.{word}{number or ''}{path.suffix}" if stem else f"{word}{path.name}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSettings:
    """One contact sheet: moments of a source with their masks, or several networks' results."""

    source: Path
    output: Path
    background: str = "transparent"
    """What `RenderSettings.background` takes; ``transparent`` shows people on a checkerboard."""
    fit: Fit = "cover"
    rows: int = 6
    """Moments, evenly spaced, where `at` names none."""
    at: tuple[Fraction, ...] = ()
    """Moments in seconds of the player's clock."""
    frame_rate: Fraction | None = None
    """Frames per second of a source of numbered pictures; must be given there, and only there."""
    width: int = 400
    """Longer side of each picture in pixels."""
    max_pixels: int = MOST_PIXELS
    """Width times height above which a source is refused, before memory is taken for it."""
    overwrite: bool = False
    models: tuple[str, ...] = ()
    """Networks to put side by side, as `ModelSettings.name` names one; empty: `model` alone."""
    model: ModelSettings = field(default_factory=ModelSettings)
    matte: MatteSettings = field(default_factory=MatteSettings)
    people: PeopleSettings = field(default_factory=PeopleSettings)

    def __post_init__(self) -> None:
        BackgroundSpec.parse(self.background)  # which tells what is wrong with it
        _check_choice("--fit", self.fit, Fit)
        _check_range("rows", self.rows, 1, 100)
        _check_range("width", self.width, 64, 4096, " pixels")
        _check_pixels(self.max_pixels)
        if len(self.at) > 100:
            raise SettingsError(f"--at takes 100 times at most, got {len(self.at)}")
        if self.at and min(self.at) < 0:
            raise SettingsError(f"--at must not be negative, got {float(min(self.at)):g} s")
        if self.models:
            self._check_models()

    def _check_models(self) -> None:
        if not 2 <= len(self.models) <= 6:
            raise SettingsError(f"--models takes 2 to 6 networks, got {len(self.models)}")
        twice = [name for name in self.models if self.models.count(name) > 1]
        if twice:
            raise SettingsError(f"--models: {twice[0]} is named twice; name each network once")
        if self.model.name != DEFAULT_MODEL:
            raise SettingsError("--models names all networks; leave --model out")
        if not self.people.everybody:
            raise SettingsError("--models shows everybody; leave out --keep and --drop")

    @property
    def networks(self) -> tuple[ModelSettings, ...]:
        """The networks that find the people, in order."""
        return tuple(replace(self.model, name=name) for name in self.models) or (self.model,)

    @property
    def behind(self) -> BackgroundSpec:
        """What goes behind the people."""
        return BackgroundSpec.parse(self.background)
