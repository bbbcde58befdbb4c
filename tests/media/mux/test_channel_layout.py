"""Channels of sound that stand in an order of their own, as QuickTime's of 6.1 and 7.1 may."""

from pathlib import Path

import av
import numpy as np

from tests.helpers.clips import Audio, write_clip
from tests.helpers.command_line import vidseg

_CHANNELS = 8
_SIDE = 4
"""The place of the only channel that isn't silent: the left side one, in QuickTime's order."""
_BACK_LAST = bytes.fromhex("00800008 00000000")
"""kAudioChannelLayoutTag_MPEG_7_1_C, without a bitmap: front three, LFE, sides, backs."""


def _sides_before_backs(folder: Path) -> Path:
    """Write a clip whose eight channels stand in QuickTime's order."""
    sound = Audio(codec="pcm_s16le", layout="7.1")
    path = write_clip(folder / "in.mov", frames=10, audio=[sound])
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            at = packet.pos or 0
            data[at : at + packet.size] = _with_one_channel(bytes(packet))
    at = data.index(b"chan", data.index(b"stsd")) + 8  # its name, version and flags
    data[at : at + 8] = _BACK_LAST
    path.write_bytes(data)
    return path


def _with_one_channel(data: bytes) -> bytes:
    samples = np.frombuffer(data, np.int16).reshape(-1, _CHANNELS).copy()
    samples[:, np.arange(_CHANNELS) != _SIDE] = 0
    return samples.tobytes()


def test_channels_in_an_order_of_their_own_end_no_process(tmp_path: Path) -> None:
    """PyAV freed its copy of the list of such channels, and FFmpeg the list once more.

    The process was aborted by the C library, when the file was probed already.
    """
    source, target = _sides_before_backs(tmp_path), tmp_path / "out.mp4"
    done = vidseg("render", source, "-o", target, "-b", "navy", "-q", "--start", "0.1")
    assert done.returncode == 0, done.stderr
    with av.open(str(target)) as container:
        sound = container.streams.audio[0]
        names = [channel.name for channel in sound.codec_context.layout.channels]
        frames = av.AudioResampler("flt").resample
        heard = [each.to_ndarray() for f in container.decode(sound) for each in frames(f)]
    loudness = np.abs(np.concatenate(heard, axis=1).reshape(-1, _CHANNELS)).mean(axis=0)
    assert names[int(loudness.argmax())] == "SL"


def test_channels_in_an_order_of_their_own_are_told(tmp_path: Path) -> None:
    """`probe` was aborted, too."""
    done = vidseg("probe", _sides_before_backs(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "8 channels (FL+FR+FC+LFE+SL+SR+BL+BR)" in done.stdout
