#!/usr/bin/env python3
"""Score what vidseg makes of drawn sequences, whose alpha is known to a fraction of a code.

    python scripts/evaluate_drawn.py                  # strands of hair, frizz, blur of movement
    python scripts/evaluate_drawn.py everyday         # what networks get wrong in everyday clips
    python scripts/evaluate_drawn.py --models rvm --sequences tuning --keep FOLDER

Each sequence becomes a lossless clip that goes through `vidseg matte`, as in `scripts/evaluate.py`;
what is read back is scored. Adjust by the sequences called `tuning`; those called `judging` are for
the figures that are told.

Columns of `soft` (`samples/soft_truth.py`): MAD (x1000, whole frame), soft MAD (x1000, where the
truth is soft, and 3 pixels around), Grad (/1000), dtSSD (x100); all want to be low.
`scripts/alpha_metrics.py` says what they are. Those of `everyday` (`samples/everyday.py`) are the
columns of `scripts/evaluate.py`, by the metrics of the test-data folder.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from samples import everyday, soft_truth  # noqa: E402  the root has to be on the path
from samples.truth import LENGTH, Drawn, write  # noqa: E402
from scripts import alpha_metrics  # noqa: E402
from scripts.evaluate import Matte, Scores, matte_of, metrics  # noqa: E402

HALVES = ("tuning", "judging")

Table = dict[str, dict[str, Scores]]
"""Model → name of a sequence → scores."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Sequences, and how mattes of them are scored.

    `columns` has for each score its title and how many digits are told.
    """

    sequences: Sequence[Drawn]
    score: Callable[[Iterable[Matte], Iterable[Matte]], Scores]
    columns: dict[str, tuple[str, int]]


SOFT = Collection(
    soft_truth.SEQUENCES,
    alpha_metrics.evaluate,
    {"mad": ("MAD", 2), "soft": ("soft MAD", 2), "grad": ("Grad", 2), "dtssd": ("dtSSD", 2)},
)
EVERYDAY = Collection(
    everyday.SEQUENCES,
    lambda found, true: dict(metrics().evaluate(found, true)),
    {
        "iou": ("IoU", 3),
        "f": ("F", 3),
        "bmad": ("bMAD", 0),
        "mad": ("MAD", 1),
        "dtssd": ("dtSSD", 2),
    },
)
COLLECTIONS = {"soft": SOFT, "everyday": EVERYDAY}


def evaluate(
    collection: Collection,
    sequences: Sequence[Drawn],
    models: Sequence[str],
    folder: Path,
    length: int,
) -> Table:
    """Return the scores of all models; clips and mattes are left in `folder`."""
    table: Table = {model: {} for model in models}
    for sequence in sequences:
        true = write(sequence, folder / f"{sequence.name}.mkv", length)
        for model, scores in table.items():
            matte = folder / f"{sequence.name}.{model}.mkv"
            found = matte_of(folder / f"{sequence.name}.mkv", matte, model)
            scores[sequence.name] = collection.score(found, true)
            line = row(collection, model, sequence.name, scores[sequence.name])
            print(line, file=sys.stderr, flush=True)
    return table


def means(collection: Collection, scores: dict[str, Scores]) -> dict[str, Scores]:
    """Return the means over the sequences of each half that is there."""
    result = {}
    for half in HALVES:
        members = [each for name, each in scores.items() if name.startswith(half)]
        if members:
            result[f"all of {half}"] = {
                column: statistics.fmean(each[column] for each in members)
                for column in collection.columns
            }
    return result


def row(collection: Collection, model: str, name: str, scores: Scores) -> str:
    """Return a line of the table."""
    cells = [f"{scores[column]:.{digits}f}" for column, (_, digits) in collection.columns.items()]
    return "| " + " | ".join([name, model, *cells]) + " |"


def markdown(collection: Collection, table: Table) -> str:
    """Return the whole as a Markdown table, models one below the other for each sequence."""
    titles = ("sequence", "model", *(title for title, _ in collection.columns.values()))
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    columns = {model: {**scores, **means(collection, scores)} for model, scores in table.items()}
    for name in next(iter(columns.values())):
        lines += [row(collection, model, name, scores[name]) for model, scores in columns.items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate and print the table."""
    parser = argparse.ArgumentParser(description="Score vidseg's alpha against exact alpha.")
    parser.add_argument(
        "collection", nargs="?", choices=COLLECTIONS, default="soft", help="default: %(default)s"
    )
    parser.add_argument(
        "--models", default="bodypix-050-s16,selfie,rvm", help="comma-separated (%(default)s)"
    )
    parser.add_argument("--sequences", default="", help="only those whose names begin so")
    parser.add_argument("--length", type=int, default=LENGTH, help="frames of each")
    parser.add_argument("--keep", type=Path, help="leave clips and mattes in this folder")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args(arguments)
    collection = COLLECTIONS[given.collection]
    chosen = [each for each in collection.sequences if each.name.startswith(given.sequences)]
    if not chosen:
        names = ", ".join(each.name for each in collection.sequences)
        parser.error(f"no sequence begins with {given.sequences!r}: there are {names}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        table = evaluate(collection, chosen, given.models.split(","), folder, given.length)
    if given.json is not None:
        given.json.write_text(json.dumps(table, indent=1), "utf-8")
    print(markdown(collection, table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
