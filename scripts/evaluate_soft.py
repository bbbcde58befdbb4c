#!/usr/bin/env python3
"""Score the alpha that vidseg makes against exact alpha: strands of hair, frizz, blur of movement.

    python scripts/evaluate_soft.py
    python scripts/evaluate_soft.py --models rvm --sequences tuning --keep FOLDER

The sequences are drawn (`samples/soft_truth.py`), so their alpha is known to a fraction of a code.
Each becomes a lossless clip that goes through `vidseg matte`, as in `scripts/evaluate.py`; what is
read back is scored. Adjust by the sequences called `tuning`; those called `judging` are for
the figures that are told.

Columns: MAD (x1000, whole frame), soft MAD (x1000, where the truth is soft, and 3 pixels around),
Grad (/1000), dtSSD (x100); all want to be low. `scripts/alpha_metrics.py` says what they are.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from samples import soft_truth  # noqa: E402  the root has to be on the path
from scripts import alpha_metrics  # noqa: E402
from scripts.evaluate import Scores, matte_of  # noqa: E402

COLUMNS = ("mad", "soft", "grad", "dtssd")
TITLES = ("MAD", "soft MAD", "Grad", "dtSSD")
HALVES = ("tuning", "judging")

Table = dict[str, dict[str, Scores]]
"""Model → name of a sequence → scores."""


def evaluate(
    sequences: Sequence[soft_truth.Sequence], models: Sequence[str], folder: Path, length: int
) -> Table:
    """Return the scores of all models; clips and mattes are left in `folder`."""
    table: Table = {model: {} for model in models}
    for sequence in sequences:
        true = soft_truth.write(sequence, folder / f"{sequence.name}.mkv", length)
        for model, scores in table.items():
            matte = folder / f"{sequence.name}.{model}.mkv"
            found = matte_of(folder / f"{sequence.name}.mkv", matte, model)
            scores[sequence.name] = alpha_metrics.evaluate(found, true)
            print(row(model, sequence.name, scores[sequence.name]), file=sys.stderr, flush=True)
    return table


def means(scores: dict[str, Scores]) -> dict[str, Scores]:
    """Return the means over the sequences of each half that is there."""
    result = {}
    for half in HALVES:
        members = [each for name, each in scores.items() if name.startswith(half)]
        if members:
            result[f"all of {half}"] = {
                column: statistics.fmean(each[column] for each in members) for column in COLUMNS
            }
    return result


def row(model: str, name: str, scores: Scores) -> str:
    """Return a line of the table."""
    cells = [f"{scores[column]:.2f}" for column in COLUMNS]
    return "| " + " | ".join([name, model, *cells]) + " |"


def markdown(table: Table) -> str:
    """Return the whole as a Markdown table, models one below the other for each sequence."""
    titles = ("sequence", "model", *TITLES)
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    columns = {model: {**scores, **means(scores)} for model, scores in table.items()}
    for name in next(iter(columns.values())):
        lines += [row(model, name, scores[name]) for model, scores in columns.items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate and print the table."""
    parser = argparse.ArgumentParser(description="Score vidseg's alpha against exact alpha.")
    parser.add_argument(
        "--models", default="bodypix-050-s16,selfie,rvm", help="comma-separated (%(default)s)"
    )
    parser.add_argument("--sequences", default="", help="only those whose names begin so")
    parser.add_argument("--length", type=int, default=soft_truth.LENGTH, help="frames of each")
    parser.add_argument("--keep", type=Path, help="leave clips and mattes in this folder")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args(arguments)
    chosen = [each for each in soft_truth.SEQUENCES if each.name.startswith(given.sequences)]
    if not chosen:
        names = ", ".join(each.name for each in soft_truth.SEQUENCES)
        parser.error(f"no sequence begins with {given.sequences!r}: there are {names}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        table = evaluate(chosen, given.models.split(","), folder, given.length)
    if given.json is not None:
        given.json.write_text(json.dumps(table, indent=1), "utf-8")
    print(markdown(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
