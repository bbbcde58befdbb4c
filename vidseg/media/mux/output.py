"""The output container, written under a temporary name, whole or not at all."""

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream

from vidseg.errors import OutputError
from vidseg.media.ffmpeg import (
    MICROSECOND,
    Packet,
    av_errors,
    check_target,
    clock_jumps,
    demuxed,
    lists_streams,
    open_source,
)
from vidseg.media.late_streams import is_described, open_described
from vidseg.media.lost_stretches import LostStretches
from vidseg.media.mux.chapters import is_chapter_text, kept_chapters
from vidseg.media.mux.kept_range import KeptRange
from vidseg.media.mux.packet_times import TimestampFitter
from vidseg.media.mux.stream_account import StreamAccount
from vidseg.media.mux.stream_outcomes import StreamOutcomes
from vidseg.media.mux.stream_tags import copy_description
from vidseg.media.mux.streams import CopiedCover, Dropped, Track, audio_track, subtitle_track, takes
from vidseg.media.mux.timecode import moved_timecode
from vidseg.media.mux.transcode import TranscodedAudio
from vidseg.media.timestamps import ContinuousClock
from vidseg.media.video_info import VideoInfo
from vidseg.settings import AudioMode
from vidseg.system.files import StagedFile

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""File extension → FFmpeg's name of the container."""

_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
"""Container tags that describe the old file, not the recording."""

_LEAST_MOVIE_TIMESCALE = 48_000


class Output:
    """A result's container, with all that is copied or converted from the source beside its video.

    Use as a context manager: `container` takes the video stream first, then `start`, `write`,
    `finish`. Leaving the block without `finish` removes what was written; the name asked for never
    holds anything but a finished file. Until then it is written in the folder `scratch`, by default
    beside the target. `audio`: what becomes of it; `None` where another file has it.
    """

    def __init__(
        self,
        target: Path,
        info: VideoInfo,
        audio: AudioMode | None,
        *,
        overwrite: bool,
        scratch: Path | None = None,
    ) -> None:
        self.target = target
        self.notes: list[str] = []
        self.outcomes = StreamOutcomes()
        self._info = info
        self._audio = audio
        self._overwrite = overwrite
        check_target(target, overwrite=overwrite)
        self.format = FORMATS[target.suffix.lower()]
        self._tracks: dict[int, Track] = {}
        self._cut = KeptRange(None, None, Fraction(0))
        self._source: InputContainer | None = None
        self._feed: Iterator[Packet] = iter(())
        self._fed_until: Fraction | None = None
        self._clock: ContinuousClock | None = None
        self._stretches = LostStretches(info.container)
        self._accounts: dict[int, StreamAccount] = {}
        self._finished = False
        self._staged = self._begun(scratch or target.parent)
        self.container = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            self._abandon()

    def start(self, video: Stream, cut: KeptRange) -> None:
        """Add the other streams, chapters and tags, and write the header.

        `cut` is what is kept of the source. Raises `OutputError` where the container refuses a
        stream or can't be written.
        """
        self._cut = cut
        self._timestamps = TimestampFitter(self.format, self._info, cut)
        video_index = self._info.video_index if lists_streams(self._info.container) else None
        self._source = open_described(Path(self._info.path), unseen=video_index)
        container, source = self.container, self._source
        container.metadata.update(
            {k: v for k, v in source.metadata.items() if k.lower() not in _OWN_TAGS}
        )
        copy_description(source.streams[self._info.video_index], video)
        self._move_timecode(video)
        for stream in source.streams:
            if stream.index != self._info.video_index:
                self._adopt(stream)
        if chapters := kept_chapters(source, cut):
            container.set_chapters(chapters)  # type: ignore[arg-type]
        with av_errors(OutputError, f"{self.target}: can't be written"):
            container.start_encoding()
        self._clock = ContinuousClock() if clock_jumps(source) else None
        if cut.start is not None and cut.start > 2 and self._clock is None:
            with suppress(av.FFmpegError):
                source.seek(int((cut.start - 2) / MICROSECOND), backward=True)
        streams = [source.streams[index] for index in self._tracks]
        self._feed = self._packets(source, streams) if streams else iter(())

    def write(self, packets: Iterable[Packet]) -> None:
        """Write packets of the new video, and what of the other streams comes before them."""
        for packet in packets:
            if packet.dts is not None:
                self._advance(packet.dts * packet.time_base)
            with av_errors(OutputError, f"{self.target}: writing failed"):
                self.container.mux_one(packet)

    def finish(self, end: Fraction | None = None) -> None:
        """Write the rest of the other streams, close the file and name it.

        `end`: where it is cut after all.
        """
        self._cut = self._cut if end is None else replace(self._cut, end=end)
        self._advance(None)
        with av_errors(OutputError, f"{self.target}: writing failed"):
            for index, track in self._tracks.items():
                for packet in track.flush():
                    self._put(packet, index)
            self.container.close()
        self._account()
        if self._source is not None:
            self._source.close()
        with av_errors(OutputError, f"{self.target}: can't be put in place"):
            if self.target.exists() and not self._overwrite:
                raise OutputError(
                    f"{self.target}: appeared meanwhile; use --overwrite to replace it"
                )
            self._staged.commit()
        self._finished = True

    def _account(self) -> None:
        """Add up what the other streams lost, and note what of their sound is missing."""
        for index, track in self._tracks.items():
            account = self._accounts[index]
            self.outcomes.broken_reads += track.lost_packets + account.lost_packets
            lost, start = self._stretches.of(index), self._info.container_start
            for seconds, where in account.missing(self._cut, lost, start):
                if seconds:
                    self.outcomes.missing_sound_s += seconds
                    self.notes.append(f"audio stream {index} lacks {float(seconds):.2f} s {where}")

    def _move_timecode(self, video: Stream) -> None:
        """Let the timecode, wherever the source keeps it, count from the cut."""
        rate = self._info.average_rate
        if not self._cut.origin or rate is None:
            return
        for tags in (video.metadata, self.container.metadata):
            if "timecode" in tags:
                elapsed = max(self._cut.origin - self._info.start, Fraction(0))
                tags["timecode"] = moved_timecode(tags["timecode"], elapsed, rate)

    def _begun(self, folder: Path) -> StagedFile:
        """Make an empty hidden file in `folder`, on the target's disk; the last step renames it."""
        ending = f".part{self.target.suffix}"
        staged = StagedFile.beside(self.target, ending=ending, folder=folder)
        with av_errors(OutputError, f"{self.target}: its folder can't be written to"):
            staged.temporary.touch(exist_ok=False)
        return staged

    def _open(self) -> OutputContainer:
        options = {}
        if self.format in ("mp4", "mov"):
            ticks = self._info.time_base.denominator
            scale = ticks * -(-_LEAST_MOVIE_TIMESCALE // ticks)
            flags = "+faststart" + ("+use_metadata_tags" if self._has_quicktime_keys() else "")
            options = {
                "movflags": flags,
                "movie_timescale": str(scale if scale < 2**31 else 90_000),
            }
        try:
            with av_errors(OutputError, f"{self.target}: can't be written"):
                return av.open(
                    f"file:{self._staged.temporary}",
                    "w",
                    format=self.format,
                    container_options=options,
                )
        except OutputError:
            self._staged.discard()
            raise

    def _has_quicktime_keys(self) -> bool:
        """Whether the source has tags (a phone's make, a place) that only QuickTime's keys hold."""
        return any(key.startswith("com.apple.quicktime.") for key in self._info.metadata)

    def _abandon(self) -> None:
        with suppress(av.FFmpegError, OSError, ValueError):
            self.container.close()
        if self._source is not None:
            self._source.close()
        self._staged.discard()

    def _adopt(self, stream: Stream) -> None:
        """Find a place in the output for one stream of the source, or note that there is none."""
        name = f"{stream.type} stream {stream.index}"
        if stream.type == "audio" and self._audio is None:
            self.outcomes.by_index[stream.index] = "dropped"
        elif stream.type == "audio" and self._audio != "none":
            self._keep(audio_track(self.container, stream, self._audio), name)  # type: ignore[arg-type]
        elif stream.type == "audio":
            self._drop(stream, f"{name} is left out, as --audio none asks")
        elif stream.type == "subtitle":
            self._keep(subtitle_track(self.container, stream), name)  # type: ignore[arg-type]
        elif stream.type == "video" and stream.disposition & Disposition.attached_pic:
            self._keep_cover(stream, name)
        elif stream.type == "attachment":
            self._attach(stream, name)
        elif stream.type == "video":
            self._drop(stream, f"{name} is dropped: one video is rendered, the main one")
        elif self._is_timecode(stream):
            self.outcomes.by_index[stream.index] = "written anew as the video's timecode"
        elif not is_chapter_text(stream):
            self._drop(
                stream, f"{name} ({stream.metadata.get('handler_name', 'unknown data')}) is dropped"
            )

    def _is_timecode(self, stream: Stream) -> bool:
        """Whether a data stream holds nothing but the timecode that the new video tells too."""
        video = stream.container.streams[self._info.video_index]
        return (
            stream.type == "data" and "timecode" in stream.metadata and "timecode" in video.metadata
        )

    def _keep(self, track: "Track | Dropped", name: str) -> None:
        if isinstance(track, Dropped):
            self._drop(track.source, f"{name} is dropped: {track.why}")
            return
        self._tracks[track.source.index] = track
        recoded = isinstance(track, TranscodedAudio)
        self._accounts[track.source.index] = StreamAccount(track.source, recoded)
        self.outcomes.by_index[track.source.index] = track.outcome
        if track.outcome != "copied":
            self.notes.append(f"{name} is {track.outcome}{self._reason(track)}")

    def _reason(self, track: Track) -> str:
        """Say why a stream isn't copied, behind what is done instead."""
        if track.source.type == "audio" and self._audio == "transcode":
            return ", as --audio transcode asks"
        if not is_described(track.source):
            return ": it begins so late that its rate and channels are not known before"
        return f": {self.target.suffix} files don't take it as it is"

    def _drop(self, stream: Stream, note: str) -> None:
        self.outcomes.by_index[stream.index] = "dropped"
        self.notes.append(note)

    def _attach(self, stream: Stream, name: str) -> None:
        if self.format != "matroska":
            self._drop(
                stream,
                f"{name} ({stream.metadata.get('filename', 'attachment')}) is dropped; "
                ".mkv keeps it",
            )
            return
        mimetype = stream.mimetype or stream.metadata.get("mimetype", "application/octet-stream")  # type: ignore[attr-defined]
        name, data = stream.metadata.get("filename", "attachment"), stream.data  # type: ignore[attr-defined]
        self.container.add_attachment(name, mimetype, data)
        self.outcomes.by_index[stream.index] = "copied"

    def _keep_cover(self, stream: Stream, name: str) -> None:
        """Copy cover art: as a still stream in mp4 and mov, as an attachment in mkv."""
        if self.format == "matroska":
            kind = stream.codec_context.name if stream.codec_context is not None else "jpeg"
            kind = {"mjpeg": "jpeg"}.get(kind, kind)
            file_name = stream.metadata.get(
                "filename", f"cover.{'jpg' if kind == 'jpeg' else kind}"
            )
            if data := _first_packet(Path(self._info.path), stream.index):
                self.container.add_attachment(
                    file_name, stream.metadata.get("mimetype", f"image/{kind}"), data
                )
                self.outcomes.by_index[stream.index] = "copied"
                return
        elif takes(self.format, stream):
            self._keep(CopiedCover(self.container, stream), name)
            return
        self._drop(
            stream, f"{name} (cover art) is dropped: {self.target.suffix} files don't hold it"
        )

    def _packets(self, source: InputContainer, streams: list[Stream]) -> Iterator[Packet]:
        """Yield the other streams' packets in file order, going on after damaged ones."""
        errors = 0
        wanted = [] if self._clock is not None or self._stretches.watches else streams
        while errors < 1000:
            try:
                for packet in demuxed(source, *wanted):
                    errors = 0
                    if self._clock is not None:
                        self._clock.move(packet)
                    self._stretches.note(packet)
                    track = self._tracks.get(
                        packet.stream_index
                    )  # ends of other streams come along
                    if track is not None and (packet.size or track.wants_end):
                        yield packet
                return
            except av.EOFError:
                return
            except av.FFmpegError:
                errors += 1
                self.outcomes.broken_reads += 1

    def _advance(self, until: Fraction | None) -> None:
        """Write other streams up to `until` seconds of the output's clock; `None`: to their end."""
        while until is None or self._fed_until is None or self._fed_until < until:
            packet = next(self._feed, None)
            if packet is None:
                self._feed = iter(())
                self._fed_until = until if until is not None else Fraction(2**31)
                return
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None:
                seconds = time * packet.time_base
                end = seconds + (packet.duration or 0) * packet.time_base
                self.outcomes.copied_end = max(self.outcomes.copied_end, end)
                self._fed_until = max(seconds - self._cut.origin, self._fed_until or Fraction(-1))
                if self._past_cut(seconds):
                    continue
            self._carry(packet)

    def _carry(self, packet: Packet) -> None:
        """Write what a packet of another stream gives, and account for it."""
        index = packet.stream_index  # `feed` gives a packet that is copied its place in the output
        account = self._accounts[index]
        due = account.read(packet, self._cut)
        written = [self._put(new, index) for new in self._tracks[index].feed(packet, self._cut)]
        account.unwritten += due and not account.recoded and not any(written)

    def _put(self, packet: Packet, track: int) -> bool:
        """Write a packet of another stream; whether it has a place in the output.

        One that the container refuses is counted and left out.
        """
        if not self._timestamps.fit(packet, self._tracks[track]):
            return False
        account = self._accounts[track]
        account.wrote(packet)
        with av_errors(OutputError, f"{self.target}: writing failed"):
            try:
                self.container.mux_one(packet)
            except (av.InvalidDataError, av.ArgumentError):
                account.refused += 1
        return True

    def _past_cut(self, seconds: Fraction) -> bool:
        """Whether this and all later packets lie well behind the cut; then reading stops."""
        if self._cut.end is None or seconds < self._cut.end + 5:
            return False
        self._feed = iter(())
        return True


def scratch_container(suffix: str) -> OutputContainer:
    """Return a container of the kind `suffix`, for an encoder whose packets are kept elsewhere."""
    return av.open(io.BytesIO(), "w", format=FORMATS[suffix])


def _first_packet(path: Path, index: int) -> bytes:
    """Return the data of a stream's first packet, empty where there is none."""
    with open_source(path) as source:
        for packet in demuxed(source, source.streams[index]):
            if packet.stream_index == index:
                return bytes(packet)
    return b""
