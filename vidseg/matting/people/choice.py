"""Choice: whom to keep, as settings ask for it, in a frame's own terms; and who that is. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from vidseg.errors import SettingsError
from vidseg.matting.people.identity import Identity

_NEARLY = 0.8
"""Share of what the last one kept is seen from which the next one nearly was it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point that names somebody.

    `across` and `down`: its place in the coded picture, each in [0, 1); `time` in seconds of the
    source's clock, `None`: the beginning; `kept`: whether that person is to be kept, else dropped;
    `text`: how it was given.
    """

    across: float
    down: float
    time: Fraction | None
    kept: bool
    text: str

    @property
    def named(self) -> str:
        """What names it on the command line, with the option."""
        return f"{'--keep' if self.kept else '--drop'} {self.text}"

    def on(self, width: int, height: int) -> tuple[int, int]:
        """Return its (column, row) among points of a whole frame."""
        return min(int(self.across * width), width - 1), min(int(self.down * height), height - 1)


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom to keep: the `largest` so many and who is at a place; all, where neither is given.

    Who is at a place to be dropped goes in any case, and isn't among the largest.
    """

    largest: int = 0
    places: tuple[Place, ...] = ()

    @property
    def only(self) -> bool:
        """Whether only those are kept who are chosen; else all but those who are dropped."""
        return self.largest > 0 or any(place.kept for place in self.places)

    def chosen(
        self, people: Sequence[Identity], at: Mapping[Place, Identity]
    ) -> tuple[list[bool], list[str]]:
        """Return whether each person is kept, and why that is not sure, one sentence each or "".

        `people`: in the order of how much is seen of them; `at`: who was at each place. Raises
        `SettingsError` where somebody is both to be kept and to be dropped.
        """
        asked = [one for place, one in at.items() if place.kept]
        refused = {id(one): place for place, one in at.items() if not place.kept}
        for place, one in at.items():
            if place.kept and id(one) in refused:
                raise SettingsError(
                    f"--drop {refused[id(one)].text}: can't be told from whom --keep {place.text} "
                    "keeps; name points on both at the same time"
                )
        ranked = [one for one in people if id(one) not in refused and not one.mixed]
        wanted = {id(one) for one in [*ranked[: self.largest], *asked]}
        kept = [id(one) not in refused and (not self.only or id(one) in wanted) for one in people]
        sure = {id(one): is_kept for one, is_kept in zip(people, kept, strict=True)}
        named = {id(one) for one in at.values()}
        unsure = [""] * len(people)
        for i, one in enumerate(people):
            if id(one) in named:
                continue
            for other in one.perhaps:
                rescued, spared = not kept[i] and sure[id(other)], id(other) in refused
                if rescued or (spared and kept[i]):
                    unsure[i] = f"may be person {people.index(other) + 1}, who looks the same; kept"
                    kept[i] = True
        last = self.largest
        if 0 < last < len(ranked) and ranked[last].seconds > _NEARLY * ranked[last - 1].seconds:
            index = people.index(ranked[last - 1])
            unsure[index] = unsure[index] or "is seen hardly more than the next one"
        return kept, unsure
