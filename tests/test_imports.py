"""What is slow to start is not started: which command imports what."""

import ast
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.clips import write_clip

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "vidseg"


def test_tensorflow_waits_for_its_first_use() -> None:
    """Importing TensorFlow at the top of a module would cost every run three seconds."""
    for path in sorted(PACKAGE.rglob("*.py")):
        top = ast.parse(path.read_text("utf-8")).body
        names = [alias.name for node in top if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in top if isinstance(node, ast.ImportFrom)]
        assert not [
            name for name in names if name.split(".")[0] in ("tensorflow", "tensorflowjs", "ray")
        ]


def test_no_frame_waits_for_masked_arrays() -> None:
    """``np.median`` imports them: where a region was seen before, a first span took 10 ms more."""
    for package in ("compositing", "frames", "matting", "media", "networks", "rendering", "system"):
        for path in sorted((PACKAGE / package).rglob("*.py")):
            used = {
                node.attr
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Attribute)
            }
            assert not used & {"median", "nanmedian", "percentile", "quantile", "ma"}, path


def loaded_by(arguments: list[str], before: str = "") -> set[str]:
    """Run ``vidseg`` with `arguments` in its own process; return the names of all loaded modules.

    `before` is Python that is run first.
    """
    code = (
        f"import sys\n{before}\nfrom vidseg.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('LOADED', *sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.rpartition("LOADED")[2].split())


NETWORKS = {
    "tensorflow",
    "tensorflowjs",
    "tfjs_graph_converter",
    "tf_bodypix",
    "ray",
    "ai_edge_litert",
}
HEAVY = {*NETWORKS, "av", "numpy", "cv2", "PIL", "vidseg.models", "tempfile", "email", "secrets"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["render", "--help"], ["batch", "--help"]], ids=" ".join
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help answers at once: it took twice as long while ``models`` brought what fetches them."""
    loaded = loaded_by(arguments)
    assert "vidseg.cli.main" in loaded
    assert not loaded & HEAVY


def test_probe_loads_no_network(tmp_path: Path) -> None:
    """A clip is looked at without what finds people, reads photos or writes results."""
    loaded = loaded_by(["probe", str(write_clip(tmp_path / "a.mp4"))])
    assert "vidseg.media.probe" in loaded
    assert not loaded & {
        *NETWORKS,
        "PIL",
        "vidseg.models",
        "vidseg.media.encode",
        "importlib.metadata",
        "tempfile",
    }


def test_render_loads_only_what_it_uses(tmp_path: Path) -> None:
    """Every library that a plain render has no use for made each start some milliseconds later."""
    clip = write_clip(tmp_path / "a.mp4")
    faked = (
        "from vidseg.rendering import chain\nfrom vidseg.networks.fake import FakeSegmenter\n"
        "chain.open_segmenter = lambda *a, **k: FakeSegmenter()"
    )
    loaded = loaded_by(["render", str(clip), "-o", str(tmp_path / "b.mp4"), "-b", "#00b140"], faked)
    assert "vidseg.media.encode" in loaded
    unused = {
        "PIL",
        "email",
        "subprocess",
        "zipfile",
        "html",
        "importlib.metadata",
        "opentimelineio",
        "tqdm",
    }
    unused |= {"numpy.ma", "secrets"}
    ours = {
        *("reports.html", "reports.timeline", "reports.mask_metrics", "reports.metrics"),
        *(
            "reports.contact_sheet",
            "jobs.resume",
            "jobs.segment_store",
            "jobs.batch",
            "media.images",
        ),
    }
    for name in ours:
        assert find_spec(f"vidseg.{name}") is not None, f"{name} is no longer a module"
    assert not loaded & (NETWORKS | unused | {f"vidseg.{name}" for name in ours})


@pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="threads are counted by Linux's own list"
)
def test_no_thread_waits_for_sums(tmp_path: Path) -> None:
    """OpenBLAS starts one for every further core beside numpy, which runs in circles at first."""
    clip = write_clip(tmp_path / "a.mp4")
    code = (
        "import os\nfrom vidseg.__main__ import main\nmain()\n"
        "print('THREADS', len(os.listdir('/proc/self/task')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, "probe", str(clip)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"},
        timeout=240,
    )
    assert run.stdout.rpartition("THREADS")[2].split() == ["1"], run.stdout + run.stderr


def test_an_interrupt_of_the_first_imports_is_no_traceback() -> None:
    """Ctrl-C within the first twentieth of a second came before anything that could take it."""
    code = (
        "import sys\nclass Early:\n    def find_spec(self, name, *_):\n"
        "        if name == 'vidseg.cli.main': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Early())\nfrom vidseg.__main__ import main\nmain()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, timeout=240
    )
    assert run.returncode == 130
    assert run.stderr == ""
