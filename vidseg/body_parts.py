"""The 24 body parts of BodyPix and the named groups people ask for.

The order is that of the network's ``float_part_heatmaps`` output
(source: the BodyPix 2.0 model's documented part identifiers).
"""

from vidseg.errors import SettingsError

PARTS: tuple[str, ...] = (
    "left_face",
    "right_face",
    "left_upper_arm_front",
    "left_upper_arm_back",
    "right_upper_arm_front",
    "right_upper_arm_back",
    "left_lower_arm_front",
    "left_lower_arm_back",
    "right_lower_arm_front",
    "right_lower_arm_back",
    "left_hand",
    "right_hand",
    "torso_front",
    "torso_back",
    "left_upper_leg_front",
    "left_upper_leg_back",
    "right_upper_leg_front",
    "right_upper_leg_back",
    "left_lower_leg_front",
    "left_lower_leg_back",
    "right_lower_leg_front",
    "right_lower_leg_back",
    "left_foot",
    "right_foot",
)

_SIDES = {
    "face": ((255, 215, 0), (255, 140, 0)),
    "hand": ((120, 0, 255), (185, 140, 255)),
    "foot": ((140, 200, 0), (205, 240, 110)),
}
_LIMBS = {
    "upper_arm": ((230, 30, 30), (130, 10, 10), (255, 120, 120), (165, 75, 75)),
    "lower_arm": ((230, 0, 200), (125, 0, 110), (255, 130, 235), (160, 80, 150)),
    "upper_leg": ((0, 70, 230), (0, 35, 120), (100, 150, 255), (60, 90, 160)),
    "lower_leg": ((0, 190, 200), (0, 100, 110), (140, 240, 245), (80, 150, 155)),
}


def _colour(name: str) -> tuple[int, int, int]:
    """Return a part's colour: a hue for each limb, the right paler than the left, backs darker."""
    if name.startswith("torso"):
        return (0, 170, 60) if name.endswith("front") else (0, 90, 30)
    right = name.startswith("right")
    limb = name.partition("_")[2]
    if limb in _SIDES:
        return _SIDES[limb][right]
    return _LIMBS[limb.rpartition("_")[0]][2 * right + limb.endswith("back")]


COLOURS: tuple[tuple[int, int, int], ...] = tuple(_colour(name) for name in PARTS)
"""Colours of maps of parts, R, G, B in [0, 255], in the order of `PARTS`; see docs/parts.md."""


def _named(*words: str) -> frozenset[int]:
    return frozenset(i for i, name in enumerate(PARTS) if any(word in name for word in words))


GROUPS: dict[str, frozenset[int]] = {
    "face": _named("face"),
    "hands": _named("hand"),
    "arms": _named("arm", "hand"),
    "torso": _named("torso"),
    "legs": _named("leg", "foot"),
    "feet": _named("foot"),
    "upper_body": _named("face", "arm", "hand", "torso"),
    "lower_body": _named("leg", "foot"),
}


def part_indices(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the sorted channel numbers, each in [0, 24), of parts and groups given by name.

    Hyphens and capitals are forgiven. Raises `SettingsError` for a name that is neither.
    """
    chosen: set[int] = set()
    for name in names:
        key = name.strip().lower().replace("-", "_")
        if key in GROUPS:
            chosen |= GROUPS[key]
        elif key in PARTS:
            chosen.add(PARTS.index(key))
        else:
            raise SettingsError(
                f"unknown body part {name!r}: use groups ({', '.join(GROUPS)}) "
                f"or parts ({', '.join(PARTS)})"
            )
    return tuple(sorted(chosen))
