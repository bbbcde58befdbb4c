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
                f"unknown body part {name!r}: use groups ({', '.join(GROUPS)}) or parts ({', '.join(PARTS)})"
            )
    return tuple(sorted(chosen))
