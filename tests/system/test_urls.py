"""Web addresses in place of files: fetched where asked for, and never a way to anything else."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.bucket import Bucket, BucketServer, serving, truncated
from tests.helpers.clips import Audio, audio_packets, frame_times, write_clip, write_picture
from tests.helpers.command_line import one_line, vidseg

_LIST = """#EXTM3U
#EXT-X-TARGETDURATION:1
#EXTINF:0.2,
in.mp4
#EXTINF:0.2,
file://{folder}/in.mp4
#EXT-X-ENDLIST
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    """Serve a clip, a picture and a playlist; what is fetched goes into an empty folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    write_clip(folder / "in.mp4", frames=6, audio=[Audio()])
    write_picture(folder / "wall.png")
    (folder / "list.m3u8").write_text(_LIST.format(folder=folder))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with serving(folder) as server:
        yield server


def fetching(
    server: BucketServer, source: str, *more: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run ``render --allow-urls`` on the server's `source`; check that nothing is left of it."""
    out = server.folder.parent / "out.mp4"
    address = f"{server.url}/{source}"
    done = vidseg(
        "render", address, "-o", out, "-b", "navy", "--preset", "ultrafast", "--allow-urls", *more
    )
    assert not list((server.folder.parent / "tmp").iterdir())
    assert out.exists() == (done.returncode == 0)
    return done


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Return the error's line, which follows what was said of fetching."""
    assert done.returncode == 1, done.stderr
    *before, line = done.stderr.splitlines()
    assert all(each.startswith("fetching ") for each in before), done.stderr
    assert line.startswith("vidseg: ")
    return line


def test_a_clip_and_its_background_are_fetched_for_a_render(server: BucketServer) -> None:
    done = fetching(server, "in.mp4?token=1#x", "-b", f"{server.url}/wall.png")
    assert done.returncode == 0, done.stderr
    source, out = server.folder / "in.mp4", server.folder.parent / "out.mp4"
    assert frame_times(out) == frame_times(source)
    assert audio_packets(out) == audio_packets(source)
    assert server.requests == ["/in.mp4?token=1", "/wall.png"]


def test_a_photo_s_ending_is_kept(server: BucketServer) -> None:
    done = vidseg(
        "render",
        f"{server.url}/wall.png?w=9",
        "-o",
        server.folder / "cut.png",
        "-b",
        "navy",
        "--allow-urls",
    )
    assert done.returncode == 0, done.stderr
    assert (server.folder / "cut.png").exists()


@pytest.mark.parametrize(
    "command", [["render", "-b", "navy", "-o", "out.mp4"], ["preview", "-o", "o.png"], ["probe"]]
)
def test_addresses_are_fetched_only_where_that_is_asked_for(
    server: BucketServer, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(server.folder.parent)
    address = f"{server.url}/in.mp4"
    line = one_line(vidseg(*command, address))
    assert f"{address}: addresses are fetched with --allow-urls only" in line
    assert not server.requests
    assert vidseg(*command, address, "--allow-urls").returncode == 0


def test_a_background_is_fetched_only_where_that_is_asked_for(
    server: BucketServer, tmp_path: Path
) -> None:
    clip = server.folder / "in.mp4"
    line = one_line(
        vidseg("render", clip, "-o", tmp_path / "out.mp4", "-b", f"{server.url}/wall.png")
    )
    assert "--allow-urls" in line
    assert not server.requests


def test_a_playlist_that_is_fetched_reaches_nothing(server: BucketServer) -> None:
    """FFmpeg would go on from a list to the files that it names, on this machine too."""
    assert "playlists and other lists of files are not read" in told(fetching(server, "list.m3u8"))
    assert server.requests == ["/list.m3u8"]


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x.mp4"])
def test_a_server_sends_nobody_to_a_file(server: BucketServer, place: str) -> None:
    def elsewhere(handler: Bucket) -> None:
        handler.send_response(302)
        handler.send_header("Location", place)
        handler.end_headers()

    server.faults["in.mp4"] = elsewhere
    assert f"can't fetch {server.url}/in.mp4" in told(fetching(server, "in.mp4"))


def test_half_a_clip_is_none(server: BucketServer) -> None:
    """A connection that broke looked like the clip's end to whoever reads while it comes."""
    server.faults["in.mp4"] = truncated
    assert "the connection broke before the file was whole" in told(fetching(server, "in.mp4"))


def test_what_is_not_there_is_told(server: BucketServer) -> None:
    assert "the server answered 404" in told(fetching(server, "other.mp4"))


@pytest.mark.parametrize("name", ["..%2f..%2fx.mp4", "%00.mp4", "%2e%2e", "", "a%0ab.mp4"])
def test_names_of_addresses_lead_nowhere(
    server: BucketServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clip(handler: Bucket) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write((server.folder / "in.mp4").read_bytes())

    monkeypatch.setattr(Bucket, "do_GET", clip)
    done = fetching(server, name)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("option", [["--resumable"], ["--ray", "local"], ["--otio", "t.otio"]])
def test_what_needs_files_that_stay_says_so(server: BucketServer, option: list[str]) -> None:
    assert f"{option[0]} needs files that stay" in one_line(fetching(server, "in.mp4", *option))
    assert not server.requests


@pytest.mark.parametrize(
    "address", ["concat:in.mp4|in.mp4", "rtmp://127.0.0.1/x", "file:///etc/passwd"]
)
def test_other_protocols_are_not_lifted(server: BucketServer, tmp_path: Path, address: str) -> None:
    line = one_line(
        vidseg("render", address, "-o", tmp_path / "out.mp4", "-b", "navy", "--allow-urls")
    )
    assert "are not read" in line


def test_a_batch_fetches_nothing(server: BucketServer, tmp_path: Path) -> None:
    line = one_line(
        vidseg("batch", f"{server.url}/in.mp4", "-o", tmp_path / "results", "-b", "navy")
    )
    assert "a batch fetches nothing" in line
