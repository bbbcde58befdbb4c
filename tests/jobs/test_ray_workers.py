"""A real Ray cluster on this machine: what comes out is what one process makes, whoever dies."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.helpers.batches import run_unchanged
from tests.helpers.clips import Audio, Coded, audio_packets, read_planes, write_clip
from tests.helpers.crowds import GRASS, OLIVE, SIZE, Actor, picture, standing, walking
from tests.helpers.sharing import alone
from tests.helpers.workers import open_deadly, open_fake, open_known, open_mortal, open_telling
from vidseg.errors import DeviceError, OutputError, SettingsError
from vidseg.jobs import ray_workers, resume
from vidseg.jobs.batch import Clip, absolute, settings_for
from vidseg.jobs.ray_workers import RayWorkers, divided
from vidseg.jobs.segment_store import Store
from vidseg.matting.restarts import SEGMENT_S
from vidseg.media.ffmpeg import library_versions
from vidseg.networks import open_segmenter
from vidseg.networks.fake import FakeSegmenter
from vidseg.rendering import pipeline
from vidseg.settings import (
    EncodeSettings,
    MatteSettings,
    ModelSettings,
    PeopleSettings,
    RenderSettings,
)

RATE = 3
ray_is_there = [
    pytest.mark.ray,
    # Ray's own sockets and announcements
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster(common: Path) -> Iterator[Any]:
    """A node of two cores, one at a time on a machine; skips where Ray isn't installed."""
    pytest.importorskip(
        "ray", reason="Ray is not installed: pip install -c constraints.txt '.[ray]'"
    )
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    watchful = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {
        "num_cpus": 2,
        "object_store_memory": 80_000_000,
        "include_dashboard": False,
        "_system_config": watchful,
    }
    with alone(common, "ray"):
        made = Cluster(initialize_head=True, head_node_args=head)
        yield made
        made.shutdown()


def lossless(source: Path, output: Path) -> RenderSettings:
    """Return settings whose results can be compared to the last bit."""
    return absolute(
        RenderSettings(
            source=source,
            output=output,
            background="#2040c0",
            encode=EncodeSettings(codec="ffv1"),
            matte=MatteSettings(smooth=0.8),
        )
    )


def same(one: list[Coded], other: list[Coded]) -> bool:
    """Whether two clips have the same frames at the same times."""
    return [f.pts for f in one] == [f.pts for f in other] and all(
        np.array_equal(a, b)
        for mine, theirs in zip(one, other, strict=True)
        for a, b in zip(mine.planes, theirs.planes, strict=True)
    )


def when(ready: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Start a thread that acts once something is so."""

    def wait() -> None:
        while not ready():
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which workers leave their process numbers."""
    folder = tmp_path / "pids"
    folder.mkdir()
    monkeypatch.setenv("VIDSEG_TEST_PIDS", str(folder))
    monkeypatch.setenv("VIDSEG_TEST_PAUSE", "0.04")
    return folder


class TestOnACluster:
    pytestmark = ray_is_there

    def test_a_clip_is_rendered_in_pieces_though_a_worker_is_killed(
        self, cluster: Any, tmp_path: Path, pids: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIDSEG_TEST_WORKERS", "2")
        monkeypatch.setenv("VIDSEG_TEST_ONCE", str(tmp_path / "died"))
        source = write_clip(
            tmp_path / "in.mp4", frames=65 * RATE, rate=RATE, audio=[Audio()], b_frames=2
        )
        resume.render(lossless(source, tmp_path / "local.mkv"), segmenter=FakeSegmenter())
        given = lossless(source, tmp_path / "out.mkv")
        said: list[str] = []
        with closing(
            RayWorkers(
                cluster.address, given.model, 2, say=said.append, opener=open_mortal, cores=1
            )
        ) as workers:
            report = resume.render(given, renderer=workers.render)
        assert len([line for line in said if "a worker died" in line]) == 1
        assert len(list(pids.iterdir())) == 3, "two workers, and one for the dead one"
        assert report.frames_out == 65 * RATE
        assert report.model == "fake"
        assert same(read_planes(given.output), read_planes(tmp_path / "local.mkv"))
        assert audio_packets(given.output) == audio_packets(tmp_path / "local.mkv")

    def test_all_workers_keep_the_same_people(self, cluster: Any, tmp_path: Path) -> None:
        """Who is kept is settled before the clip is divided, by what all of it shows."""
        actors = [
            Actor(GRASS, standing(160)),
            Actor(OLIVE, walking(-20, 20, since=5, until=25), 90),
        ]
        source = write_clip(
            tmp_path / "in.mp4",
            width=SIZE[0],
            height=SIZE[1],
            frames=35 * RATE,
            rate=RATE,
            picture=lambda number: picture(actors, number / RATE),
        )
        people = PeopleSettings(keep=("main",))
        plain = replace(lossless(source, tmp_path / "plain.mkv"), people=people)
        pipeline.render(plain, segmenter=FakeSegmenter())
        given = replace(lossless(source, tmp_path / "out.mkv"), people=people)
        with closing(
            RayWorkers(cluster.address, given.model, 2, opener=open_fake, cores=1)
        ) as workers:
            report = resume.render(given, segmenter=FakeSegmenter(), renderer=workers.render)
        assert same(read_planes(given.output), read_planes(plain.output))
        seen = cast(list[dict[str, Any]], report.people["seen"])
        assert [one["kept"] for one in seen] == [True, False]

    def test_clips_are_rendered_though_one_kills_its_worker_and_one_is_broken(
        self, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.helpers.batches import black_corner

        monkeypatch.setenv("VIDSEG_TEST_ONCE", str(tmp_path / "died"))
        sources = [write_clip(tmp_path / f"{n}.mp4", frames=10) for n in range(4)]
        sources.append(write_clip(tmp_path / "deadly.mp4", frames=10, picture=black_corner))
        sources.append(tmp_path / "broken.mp4")
        sources[-1].write_text("no video")
        common = RenderSettings(
            source=sources[0], output=sources[0], encode=EncodeSettings(codec="ffv1")
        )
        clips = [Clip(source, tmp_path / f"out-{source.stem}.mkv") for source in sources]
        with closing(
            RayWorkers(cluster.address, ModelSettings(), 2, opener=open_deadly, cores=1)
        ) as workers:
            outcomes = dict(
                workers.run([settings_for(clip, common) for clip in clips], lambda *_: None)
            )
        assert [outcomes[number].state for number in range(6)] == ["done"] * 5 + ["failed"]
        assert "not a media file" in outcomes[5].message
        assert all(len(read_planes(clip.output)) == 10 for clip in clips[:5])

    def test_what_keeps_a_worker_from_starting_is_told(self, cluster: Any, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", frames=10)
        given = lossless(source, tmp_path / "out.mkv")
        nonsense = ModelSettings(name="nonsense")
        with (
            closing(
                RayWorkers(cluster.address, nonsense, 1, opener=open_segmenter, cores=1)
            ) as workers,
            pytest.raises(SettingsError, match=r"a worker could not start: .*nonsense"),
        ):
            list(workers.run([given], lambda *_: None))

    def test_a_worker_of_another_version_is_told(
        self, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = lossless(write_clip(tmp_path / "in.mp4", frames=10), tmp_path / "out.mkv")
        other = {**library_versions(), "vidseg": "9.9"}
        monkeypatch.setattr(ray_workers, "library_versions", lambda: other)
        with (
            closing(
                RayWorkers(cluster.address, given.model, 1, opener=open_fake, cores=1)
            ) as workers,
            pytest.raises(
                SettingsError,
                match=r"has vidseg 0\..*, this machine 9\.9; install the same everywhere",
            ),
        ):
            list(workers.run([given], lambda *_: None))

    def test_a_folder_that_is_not_shared_is_told(
        self, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Results lay on the workers' own disks, and the run said that all was done."""
        given = lossless(write_clip(tmp_path / "in.mp4", frames=10), tmp_path / "out.mkv")

        @contextmanager
        def elsewhere(folder: Path) -> Iterator[Path]:
            yield folder / "a file that is on the other machine only"

        monkeypatch.setattr(ray_workers, "_marker", elsewhere)
        monkeypatch.setattr("socket.gethostname", lambda: "the other machine")
        with closing(
            RayWorkers(cluster.address, given.model, 1, opener=open_fake, cores=1)
        ) as workers:
            ((_, outcome),) = workers.run([given], lambda *_: None)
            assert outcome.state == "failed"
            assert outcome.message.startswith("on ")
            assert "all machines must share it" in outcome.message
            with pytest.raises(OutputError, match="all machines must share it"):
                resume.render(given, renderer=workers.render)

    def test_no_actor_is_asked_for_more_than_one_piece_at_a_time(
        self, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Any] = []
        real = ray_workers._Actors.send

        def counting(actors: Any, worker: Any, piece: Any) -> None:
            assert worker.asked is None
            real(actors, worker, piece)
            asked.append(worker)

        monkeypatch.setattr(ray_workers._Actors, "send", counting)
        sources = [write_clip(tmp_path / f"{n}.mp4", frames=5) for n in range(7)]
        jobs = [lossless(source, tmp_path / f"out-{source.stem}.mkv") for source in sources]
        with closing(
            RayWorkers(cluster.address, ModelSettings(), 2, opener=open_fake, cores=1)
        ) as workers:
            outcomes = dict(workers.run(jobs, lambda *_: None))
        assert [outcome.state for outcome in outcomes.values()] == ["done"] * 7
        assert len(asked) == 7
        assert len(set(asked)) <= 2

    def test_each_actor_gets_a_gpu_of_its_own(
        self, cluster: Any, tmp_path: Path, pids: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ray is told of two GPUs that aren't there; what matters is which each worker may see."""
        source = write_clip(tmp_path / "in.mp4", frames=35 * RATE, rate=RATE)
        given = lossless(source, tmp_path / "out.mkv")
        with (
            closing(
                RayWorkers(cluster.address, ModelSettings(device="gpu"), opener=open_telling)
            ) as workers,
            pytest.raises(
                DeviceError, match="--device gpu: the cluster has no GPU; use --device cpu"
            ),
        ):
            workers.connect()
        monkeypatch.setenv("VIDSEG_TEST_WORKERS", "2")
        node = cluster.add_node(num_cpus=4, num_gpus=2, object_store_memory=80_000_000)
        try:
            with closing(
                RayWorkers(cluster.address, ModelSettings(), opener=open_telling)
            ) as workers:
                resume.render(given, renderer=workers.render)
        finally:
            cluster.remove_node(node)
        assert sorted(path.read_text() for path in pids.iterdir()) == ["gpu 0", "gpu 1"]

    def test_a_node_that_dies_takes_nothing_along(
        self, cluster: Any, tmp_path: Path, pids: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIDSEG_TEST_WORKERS", "3")
        source = write_clip(tmp_path / "in.mp4", frames=45 * RATE, rate=RATE)
        resume.render(lossless(source, tmp_path / "local.mkv"), segmenter=FakeSegmenter())
        given = lossless(source, tmp_path / "out.mkv")
        store = Store(given.output)
        with closing(
            RayWorkers(cluster.address, given.model, 3, opener=open_known, cores=1)
        ) as workers:
            workers.connect()  # by the head, which stays: Ray ends a program whose own node dies
            node = cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
            taken_away = when(
                lambda: not pids.exists() or bool(list(store.folder.glob("*.part"))),
                lambda: cluster.remove_node(node, allow_graceful=False),
            )
            resume.render(given, renderer=workers.render)
        pids.rename(tmp_path / "ended")
        taken_away.join()
        assert same(read_planes(given.output), read_planes(tmp_path / "local.mkv"))


def test_an_absent_cluster_is_told(tmp_path: Path) -> None:
    pytest.importorskip(
        "ray", reason="Ray is not installed: pip install -c constraints.txt '.[ray]'"
    )
    source = write_clip(tmp_path / "in.mp4", frames=2)
    words = ["batch", source, "-o", tmp_path / "out", "-b", "red", "--ray", "127.0.0.1:1"]
    done = run_unchanged(*words)
    assert done.returncode == 1
    assert "--ray 127.0.0.1:1: no cluster answers there" in done.stderr.splitlines()[-1]


def test_without_ray_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r"pip install 'vidseg\[ray\]'"):
        list(RayWorkers("auto", ModelSettings()).run([], lambda *_: None))


@pytest.mark.parametrize(
    ("stretches", "stop", "workers", "expected"),
    [
        ([(0, None)], 4, 2, [(0, 1), (1, 2), (2, 3), (3, None)]),
        ([(0, None)], None, 2, [(0, None)]),
        ([(3, 5), (7, None)], 9, 1, [(3, 4), (4, 5), (7, 8), (8, None)]),
        ([(0, None)], 80, 4, [(5 * i, 5 * i + 5) for i in range(15)] + [(75, None)]),
        ([(5, None)], 3, 2, [(5, None)]),
    ],
)
def test_stretches_are_divided(
    stretches: list[tuple[int, int | None]],
    stop: int | None,
    workers: int,
    expected: list[tuple[int, int | None]],
) -> None:
    assert divided(stretches, stop, workers) == expected


def test_pieces_of_a_long_clip_are_long() -> None:
    """Two hours on two workers: two minutes each at most, so that an early end loses little."""
    pieces = divided([(0, None)], 720, 2)
    assert max((high or 720) - low for low, high in pieces) == Fraction(120) / SEGMENT_S
