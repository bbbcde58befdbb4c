"""Who may import whom: the table in CONTRIBUTING.md holds, and what is slow to start is not started."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.media import write_clip

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "vidseg"
SAME_LEVEL = {
    ("parts", "errors"),
    ("numbered", "errors"),
    ("frames", "colours"),
    ("late", "_av"),
    ("pictures", "samples"),
    ("planes", "frames"),
    ("segmenters", "models"),
}
"""Imports between modules of one level that are meant."""
ONLY_IN = {
    "av": (
        *("_av", "late", "side_data", "sequence", "deinterlace", "pixel_shape", "track_header", "probe"),
        *("decode", "codecs", "beside", "flatten", "encode", "mux/", "background"),
    ),
    "tensorflow": ("segmenters/savedmodel", "models/convert"),
    "tensorflowjs": ("models/convert",),
    "tfjs_graph_converter": ("models/convert",),
    "tf_bodypix": (),
    "ai_edge_litert": ("segmenters/litert",),
    "ray": ("distributed",),
}
"""Libraries, and the files (or folders, with a slash) that may import them."""


@cache
def levels() -> dict[str, int]:
    """Return module → level, from the table in CONTRIBUTING.md."""
    text = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
    return {name: int(level) for level, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)}


def sources() -> list[Path]:
    """Return every file of the package, but for the one that only holds its version."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def place(path: Path) -> str:
    """Return a file's place in the package without its suffix: ``segmenters/base``."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def module_of(dotted: str) -> str | None:
    """Return the module of the table that ``vidseg.…`` means; `None` for the package itself."""
    return dotted.split(".")[1] if "." in dotted else None


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)}:{node.lineno}: write the import in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_table_lists_every_module() -> None:
    """A new module finds its place in the table, a deleted one leaves it."""
    found = {place(path).split("/")[0] for path in sources()}
    assert found == set(levels())


@pytest.mark.parametrize("path", sources(), ids=place)
def test_imports_point_upwards(path: Path) -> None:
    """A module knows only modules of levels above its own."""
    own = place(path).split("/")[0]
    for dotted in imports(path):
        other = module_of(dotted) if dotted.startswith("vidseg") else None
        if other is None or other in ("__version__", own):
            continue
        assert levels()[other] < levels()[own] or (own, other) in SAME_LEVEL, f"{own} imports {dotted}"


@pytest.mark.parametrize("path", sources(), ids=place)
def test_libraries_stay_in_their_places(path: Path) -> None:
    """PyAV, TensorFlow and the like are touched where the architecture says, so that they can be replaced."""
    for dotted in imports(path):
        library = dotted.split(".")[0]
        allowed = ONLY_IN.get(library)
        here = place(path)
        assert allowed is None or any(
            here == file or (file.endswith("/") and here.startswith(file)) for file in allowed
        ), f"{here} imports {library}"


def test_tensorflow_waits_for_its_first_use() -> None:
    """Importing TensorFlow at the top of a module would cost every run three seconds."""
    for path in sources():
        top = ast.parse(path.read_text("utf-8")).body
        names = [alias.name for node in top if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in top if isinstance(node, ast.ImportFrom)]
        assert not [name for name in names if name.split(".")[0] in ("tensorflow", "tensorflowjs", "ray")]


def loaded_by(arguments: list[str], before: str = "") -> set[str]:
    """Run ``vidseg`` with `arguments` in a process of its own and return the names of all modules it loaded.

    `before` is Python that is run first.
    """
    code = (
        f"import sys\n{before}\nfrom vidseg.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('LOADED', *sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=PROJECT, timeout=240
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.rpartition("LOADED")[2].split())


NETWORKS = {"tensorflow", "tensorflowjs", "tfjs_graph_converter", "tf_bodypix", "ray", "ai_edge_litert"}
HEAVY = {*NETWORKS, "av", "numpy", "cv2", "PIL", "vidseg.models", "tempfile", "email", "secrets"}


@pytest.mark.parametrize("arguments", [["--help"], ["render", "--help"], ["batch", "--help"]], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help answers at once: it took twice as long while ``vidseg models`` brought all that fetches models."""
    loaded = loaded_by(arguments)
    assert "vidseg.cli" in loaded
    assert not loaded & HEAVY


def test_probe_loads_no_network(tmp_path: Path) -> None:
    """A clip is looked at without what finds people, reads photos or writes results."""
    loaded = loaded_by(["probe", str(write_clip(tmp_path / "a.mp4"))])
    assert "vidseg.probe" in loaded
    assert not loaded & {*NETWORKS, "PIL", "vidseg.models", "vidseg.encode", "importlib.metadata", "tempfile"}


def test_render_loads_only_what_it_uses(tmp_path: Path) -> None:
    """Every library that a plain render has no use for made each one start some milliseconds later."""
    clip = write_clip(tmp_path / "a.mp4")
    faked = (
        "from vidseg import pipeline\nfrom vidseg.segmenters.fake import FakeSegmenter\n"
        "pipeline.open_segmenter = lambda *a, **k: FakeSegmenter()"
    )
    loaded = loaded_by(["render", str(clip), "-o", str(tmp_path / "b.mp4"), "-b", "#00b140"], faked)
    assert "vidseg.encode" in loaded
    unused = {"PIL", "email", "subprocess", "zipfile", "html", "importlib.metadata", "opentimelineio", "tqdm"}
    unused |= {"numpy.ma", "secrets"}
    ours = {"page", "timeline", "quality", "figures", "sheet", "resume", "segments", "pictures", "batch"}
    assert not loaded & (NETWORKS | unused | {f"vidseg.{name}" for name in ours})


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted by Linux's own list")
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
        "        if name == 'vidseg.cli': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Early())\nfrom vidseg.__main__ import main\nmain()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, timeout=240
    )
    assert run.returncode == 130
    assert run.stderr == ""
