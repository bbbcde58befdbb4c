#!/usr/bin/env python3
"""Write the people of a clip in every kind of alpha and let ffmpeg read each: a Markdown table.

    python scripts/alpha_table.py CLIP [--seconds 1] [--model NAME] [--only WORD] [--keep FOLDER]

A row a kind: what ffprobe says; by how much the alpha that ffmpeg reads differs from the matte that
was meant (largest and mean, in code values of 255, read at the file's full depth); by how much
ffmpeg's overlay of it over a colour differs from what `vidseg render -b COLOUR` gives (mean, 99.9 %
of the samples, largest, in RGB of 255); and the latter for a copy of the clip in 4:4:4, in which no
chroma sample is shared by pixels on both sides of an edge. A row with another number of frames, or
with an error above `MOST_ALPHA` or `MOST_444`, is marked BAD, and the script then exits with 1.
Needs the ffmpeg program.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOUR = (192, 64, 128)
MOST_ALPHA = {"prores": 0.51, "prores pair": 2.0, "h264 pair": 12.0}
"""By how much alpha may differ where the codec loses something, of 255; elsewhere by nothing."""

MOST_444 = 6
"""How much the overlay may differ where every pixel has its own chroma and the codec loses none."""

_SCALE = "scale=flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp"
"""Conversions that round, and interpolate chroma, which ffmpeg's default doesn't."""
_TAGS = ("codec_name", "pix_fmt", "color_range", "color_space")


@dataclass(frozen=True)
class Kind:
    """A kind of output: its name, vidseg's options, and as which samples ffmpeg reads its alpha."""

    title: str
    name: str
    options: tuple[str, ...] = ()
    samples: str = "gray"
    premultiplied: bool = False

    @property
    def pair(self) -> bool:
        """Whether it is two files, colours and matte."""
        return "--pair" in self.options


_STRAIGHT = (
    Kind("ProRes 4444 .mov", "o.mov", samples="gray12le"),
    Kind("VP9 .webm", "o.webm"),
    Kind("FFV1 .mkv", "o.mkv"),
    Kind("Animation .mov", "o.mov", ("--codec", "qtrle")),
    Kind("PNG in .mov", "o.mov", ("--codec", "png")),
    Kind("PNG in .mov, 16 bits", "o.mov", ("--codec", "png", "--pix-fmt", "rgba64be"), "gray16be"),
    Kind("PNG sequence", "%05d.png"),
    Kind("PNG sequence, 16 bits", "%05d.png", ("--pix-fmt", "rgba64be"), "gray16be"),
    Kind("TIFF sequence", "%05d.tif"),
    Kind("TIFF sequence, 16 bits", "%05d.tif", ("--pix-fmt", "rgba64le"), "gray16le"),
    Kind("WebP sequence", "%05d.webp"),
)
_PAIRS = (
    Kind("pair .mkv, FFV1", "o.mkv", ("--pair", "--codec", "ffv1")),
    Kind("pair .mov, ProRes", "o.mov", ("--pair", "--codec", "prores"), "gray10le"),
    Kind("pair .mp4, H.264", "o.mp4", ("--pair",)),
)


def kinds() -> Iterator[Kind]:
    """Yield every kind: straight, premultiplied, and pairs, which are straight."""
    for kind in _STRAIGHT:
        yield kind
        options = (*kind.options, "--premultiplied")
        yield replace(
            kind, title=f"{kind.title}, premultiplied", options=options, premultiplied=True
        )
    yield from _PAIRS


@dataclass(frozen=True)
class Clip:
    """A second of footage in a lossless file, and vidseg's results to compare every kind with."""

    path: Path
    width: int
    height: int
    rate: str
    meant: NDArray[np.float64]
    """The matte, [n, h, w] in [0, 1]."""
    composite: NDArray[np.uint8]
    """The people over `COLOUR`, RGB [n, h, w, 3]."""


def vidseg(command: str, source: Path, output: Path, *options: str) -> None:
    """Run vidseg; end with its message where it fails."""
    output.parent.mkdir(parents=True, exist_ok=True)
    words = [
        sys.executable,
        "-m",
        "vidseg",
        command,
        str(source),
        "-o",
        str(output),
        "-q",
        *options,
    ]
    subprocess.run(words, check=True)


def ffmpeg(*words: str) -> bytes:
    """Run ffmpeg and return what it writes."""
    return subprocess.run(["ffmpeg", "-v", "error", *words], check=True, capture_output=True).stdout


def ffprobe(path: Path) -> dict[str, Any]:
    """Return what ffprobe says of a file's video stream, or of the first picture of a sequence."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-select_streams", "v:0", "-show_streams"]
    done = subprocess.run([*command, str(first_of(path))], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(done.stdout)["streams"][0]
    return found


def first_of(path: Path) -> Path:
    """Return the first picture of a sequence, or the file itself."""
    return path.with_name(path.name.replace("%05d", "00001"))


def clip_of(
    source: Path, folder: Path, pix_fmt: str | None, options: list[str], seconds: float
) -> Clip:
    """Cut `seconds` from the source without loss, in `pix_fmt`, and render what to compare with."""
    path, colour = folder / "in.mkv", "#{:02x}{:02x}{:02x}".format(*COLOUR)
    folder.mkdir(parents=True)
    cut = ["-y", "-i", str(source), "-t", str(seconds), "-an", "-c:v", "ffv1"]
    ffmpeg(*cut, *(["-pix_fmt", pix_fmt] if pix_fmt else []), str(path))
    about = ffprobe(path)
    width, height = about["width"], about["height"]
    vidseg("matte", path, folder / "matte.mkv", "--codec", "ffv1", *options)
    vidseg("render", path, folder / "composite.mkv", "-b", colour, "--codec", "ffv1", *options)
    matte = ffmpeg("-i", str(folder / "matte.mkv"), "-f", "rawvideo", "-")
    meant = np.frombuffer(matte, np.uint8).reshape(-1, height, width) / 255
    composite = rgb_of(["-i", str(folder / "composite.mkv")], "[0:v]null", width, height)
    return Clip(path, width, height, about["avg_frame_rate"], meant, composite)


def rgb_of(inputs: list[str], graph: str, width: int, height: int) -> NDArray[np.uint8]:
    """Return what a filter graph makes of the inputs, RGB [n, h, w, 3]."""
    raw = ffmpeg(
        *inputs,
        "-filter_complex",
        f"{graph},{_SCALE},format=rgb24",
        "-vsync",
        "0",
        "-f",
        "rawvideo",
        "-",
    )
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def inputs_of(kind: Kind, path: Path, clip: Clip) -> list[str]:
    """Return ffmpeg's options to read a result: colours first, where they have their own file."""
    if kind.pair:
        return [
            word
            for part in ("fgr", "matte")
            for word in ("-i", str(path.with_suffix(f".{part}{path.suffix}")))
        ]
    before = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []
    return [*before, *(["-framerate", clip.rate] if "%" in path.name else []), "-i", str(path)]


def alpha_of(
    kind: Kind, inputs: list[str], about: dict[str, Any], clip: Clip
) -> NDArray[np.float64]:
    """Return the alpha that ffmpeg reads, [n, h, w] in [0, 1], by the range in the file's tag."""
    graph = (
        "[1:v]extractplanes=y"
        if kind.pair and about["pix_fmt"] != "gray"
        else "[0:v]extractplanes=a"
    )
    graph = "[1:v]null" if about["pix_fmt"] == "gray" else graph
    raw = ffmpeg(
        *inputs,
        "-filter_complex",
        graph,
        "-vsync",
        "0",
        "-f",
        "rawvideo",
        "-pix_fmt",
        kind.samples,
        "-",
    )
    deep = kind.samples != "gray"
    order = ">u2" if kind.samples.endswith("be") else "<u2"
    codes = (
        np.frombuffer(raw, order if deep else np.uint8)
        .reshape(-1, clip.height, clip.width)
        .astype(float)
    )
    bits = int(kind.samples.removeprefix("gray").rstrip("lbe") or 8)
    if kind.pair and about.get("color_range", "tv") == "tv":
        return np.clip((codes / 2 ** (bits - 8) - 16) / 219, 0, 1)
    return codes / (2**bits - 1)


def over(kind: Kind, inputs: list[str], clip: Clip) -> NDArray[np.uint8]:
    """Return ffmpeg's composite of a result over `COLOUR`, RGB [n, h, w, 3]."""
    red, green, blue = COLOUR
    start = (
        f"[0:v]{_SCALE},format=gbrp[f];[1:v]{_SCALE},format=gray[m];[f][m]alphamerge"
        if kind.pair
        else "[0:v]null"
    )
    mode = "premultiplied" if kind.premultiplied else "straight"
    graph = (
        f"{start},{_SCALE},format=rgba,split[p][q];[q]lutrgb=r={red}:g={green}:b={blue}:a=255,format=rgb24[c];"
        f"[c][p]overlay=format=rgb:alpha={mode}"
    )
    return rgb_of(inputs, graph, clip.width, clip.height)


@dataclass(frozen=True)
class Found:
    """What was found of a kind for one clip; errors in code values of 255."""

    about: dict[str, Any]
    alpha: NDArray[np.float64]
    colour: NDArray[np.int16]
    problems: list[str]


def look(kind: Kind, clip: Clip, folder: Path, options: list[str]) -> Found:
    """Render a kind and compare it."""
    path = folder / kind.title.replace(" ", "-").replace(",", "") / kind.name
    vidseg(
        "render",
        clip.path,
        path,
        *([] if kind.pair else ["-b", "transparent"]),
        *kind.options,
        *options,
    )
    inputs = inputs_of(kind, path, clip)
    about = ffprobe(path.with_suffix(f".matte{path.suffix}") if kind.pair else path)
    alpha, colour = alpha_of(kind, inputs, about, clip), over(kind, inputs, clip)
    counts = {len(clip.meant), len(clip.composite), len(alpha), len(colour)}
    if len(counts) > 1:
        return Found(about, np.zeros(1), np.zeros(1, np.int16), [f"frames: {sorted(counts)}"])
    error = np.abs(alpha - clip.meant) * 255
    most = MOST_ALPHA.get(f"{about['codec_name']}{' pair' if kind.pair else ''}", 1e-6)
    problems = [f"alpha is off by {error.max():.1f}"] if error.max() > most else []
    return Found(about, error, np.abs(colour.astype(np.int16) - clip.composite), problems)


def row(kind: Kind, native: Found, fine: Found) -> str:
    """Return a row of the table."""
    tags = " ".join(str(native.about[name]) for name in _TAGS if name in native.about)
    tagged = {name.lower(): value for name, value in native.about.get("tags", {}).items()}
    mode = tagged.get("alpha_mode")
    lossy = native.about["codec_name"] in ("vp9", "h264")
    problems = native.problems + fine.problems
    if fine.colour.max() > MOST_444 and not lossy:
        problems.append(f"colours are off by {fine.colour.max()}")
    cells = (
        kind.title,
        tags + (f" alpha_mode={mode}" if mode else ""),
        f"{native.alpha.max():.2f} / {native.alpha.mean():.4f}",
        *(
            f"{f.colour.mean():.2f} / {np.percentile(f.colour, 99.9):.0f} / {f.colour.max()}"
            for f in (native, fine)
        ),
        "; ".join(f"BAD: {problem}" for problem in problems),
    )
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    """Make the table."""
    parser = argparse.ArgumentParser(description="Check every kind of alpha by ffmpeg.")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--model", default="bodypix-050-s16")
    parser.add_argument("--only", default="", help="kinds whose title holds this")
    parser.add_argument(
        "--keep", type=Path, help="keep the files in this folder, which must not exist"
    )
    arguments = parser.parse_args()
    options = ["--model", arguments.model]
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        places = [(folder / "native", None), (folder / "444", "yuv444p")]
        clips = [
            clip_of(arguments.clip, place, form, options, arguments.seconds)
            for place, form in places
        ]
        print(
            f"{len(clips[0].meant)} frames of {clips[0].width}x{clips[0].height}, "
            f"{arguments.model}\n"
        )
        print(
            "| output | ffprobe | alpha error, largest / mean "
            "| overlay, mean / 99.9 % / largest | 4:4:4 | |"
        )
        print("| --- " * 6 + "|")
        bad = False
        for kind in kinds():
            if arguments.only in kind.title:
                found = [
                    look(kind, clip, place, options)
                    for clip, (place, _) in zip(clips, places, strict=True)
                ]
                line = row(kind, *found)
                bad |= "BAD" in line
                print(line, flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
