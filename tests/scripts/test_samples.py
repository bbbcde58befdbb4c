"""The sample media: what they hold, that they are alike each time, that a network sees a person."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from samples.make import clip_frames, make_all, make_clip
from tests.helpers.clips import audio_packets, read_frames, read_planes
from vidseg.networks import open_segmenter
from vidseg.settings import ModelSettings


def test_the_clip_has_a_person_who_moves_and_a_sound(tmp_path: Path) -> None:
    """The truth says where she is; the sound lasts as long as the picture."""
    clip = make_clip(
        tmp_path / "a.mp4", seconds=1, width=320, height=180, truth=tmp_path / "truth.mkv"
    )
    frames, truth = read_frames(clip), [f.planes[0] for f in read_planes(tmp_path / "truth.mkv")]
    assert len(frames) == len(truth) == 30
    assert frames[0].rgb.shape == (180, 320, 3)
    share = [(alpha > 127).mean() for alpha in truth]
    assert 0.1 < min(share) <= max(share) < 0.5
    assert np.mean((truth[0] > 127) != (truth[20] > 127)) > 0.03
    times = [packet.pts for packet in audio_packets(clip) if packet.pts is not None]
    assert 0.95 < times[-1] < 1.05


def test_the_backgrounds_differ_in_size_and_move(tmp_path: Path) -> None:
    """The picture and the video are made beside the clip, and the video is no still."""
    _, picture, video = make_all(tmp_path, small=True)
    frames = read_frames(video)
    still = cv2.imread(str(picture))
    assert still is not None
    assert still.shape[:2] != frames[0].rgb.shape[:2] != (180, 320)
    assert np.abs(frames[0].rgb.astype(int) - frames[len(frames) // 2].rgb).mean() > 2


def test_the_clip_is_the_same_each_time(tmp_path: Path) -> None:
    """Packets are compared, since containers may carry the time of writing."""
    streams = []
    for name in ("a.mp4", "b.mp4"):
        with av.open(str(make_clip(tmp_path / name, seconds=0.5, width=160, height=90))) as source:
            streams.append([bytes(packet) for packet in source.demux()])
    assert streams[0] == streams[1]


@pytest.mark.weights
def test_bodypix_finds_her(model_dir: Path) -> None:
    """The default model's mask agrees with the truth, so that a demo shows what vidseg can do."""
    segmenter = open_segmenter(ModelSettings(device="cpu"))
    width, height = segmenter.input_size(640, 360, segmenter.traits.whole_side)
    for picture, alpha in list(clip_frames(1, 640, 360, 4)):
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        scores = segmenter.segment(np.asarray(small, np.uint8)[None]).person[0]
        found = cv2.resize(scores, (640, 360)) > 0
        truth = alpha > 0.5
        assert (found & truth).sum() / (found | truth).sum() > 0.88
    segmenter.close()
