"""What became of the streams that a source has beside its main video."""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(slots=True)
class StreamOutcomes:
    """What became of a source's other streams in one output; nothing yet, as it is made.

    `by_index`: stream index → "copied", "dropped", what was made of it; `copied_end`: where the
    packets end that were copied, in seconds of the source's clock; `broken_reads`: how many reads
    of packets failed; `missing_sound_s`: seconds of sound that the source promised and that are not
    in the output.
    """

    by_index: dict[int, str] = field(default_factory=dict)
    copied_end: Fraction = Fraction(0)
    broken_reads: int = 0
    missing_sound_s: Fraction = Fraction(0)
