"""What networks get wrong in everyday clips: short sequences whose alpha is known exactly.

Masks are adjusted by the sequences whose names begin with ``tuning`` and judged by those that begin
with ``judging``; each half has every kind.
"""

from samples import backdrops, furniture, walls
from samples.bust import Bust
from samples.figure import Dress, Figure, Stance
from samples.layers import Colour
from samples.person import Motion
from samples.scene import Scene

_DARK: Colour = (0.3, 0.29, 0.34)
_BROWN: Colour = (0.62, 0.52, 0.5)
_COAT = Dress((50, 44, 46), (38, 38, 44), (30, 28, 28), tone=_DARK)
_SUMMER = Dress((214, 206, 198), (84, 112, 158), (224, 220, 214), short_sleeves=True)
_SPORT = Dress(
    (160, 52, 48), (44, 46, 54), (210, 210, 214), tone=_DARK, short_sleeves=True, short_legs=True
)
_SHIRT = Dress((122, 146, 128), (150, 132, 108), (70, 50, 40), tone=_BROWN)


SEQUENCES = (
    Scene(
        "tuning-plain",
        ("flat", "limbs"),
        walls.flat((74, 104, 156)),
        (
            Figure(
                Stance(0.48, 0.98, 1.55, 0, -3, -4, 24, 40, 14, 116),
                Stance(0.52, 0.98, 1.55, 0, 3, 4, 16, 100, 22, 60),
                Dress((132, 96, 84), tone=_BROWN),
            ),
        ),
    ),
    Scene(
        "tuning-mural",
        ("painted",),
        walls.mural,
        (
            Figure(
                Stance(0.46, 0.54, 0.86, 0, 6, 0, 44, -50, 20, 40, 26, -34, 8, 0),
                Stance(0.54, 0.54, 0.86, 0, 6, 0, 16, 40, 50, -40, 6, 0, 30, -30),
                _SHIRT,
                1.6,
            ),
        ),
    ),
    Scene(
        "tuning-evening",
        ("dim",),
        walls.hall,
        (Bust((50, 40, 42), _DARK, Motion(size=0.72)),),
        light=(0.5, 0.48, 0.42),
        noise=3.5,
    ),
    Scene(
        "tuning-armchair",
        ("furniture",),
        walls.room,
        (Bust((92, 94, 102), _BROWN, Motion(reach=0.03)),),
        behind=(furniture.armchair,),
        before=(furniture.armrest,),
    ),
    Scene(
        "tuning-jump",
        ("limbs", "two", "furniture"),
        walls.stripes,
        (
            Figure(
                Stance(0.29, 0.66, 0.46, left_arm=40, right_arm=70, right_elbow=60),
                Stance(0.31, 0.66, 0.46, left_arm=60, right_arm=50, right_elbow=70),
                _COAT,
            ),
            Figure(
                Stance(0.54, 0.57, 0.82, 0, 0, 0, 130, 20, 100, 30, 16, 0, 20, 0),
                Stance(0.56, 0.53, 0.82, 0, 4, 0, 96, 40, 150, 10, 30, -12, 32, -20),
                _SUMMER,
                1.4,
            ),
        ),
        behind=(furniture.pillows,),
    ),
    Scene(
        "tuning-handstand",
        ("turned", "limbs"),
        walls.room,
        (
            Figure(
                Stance(0.47, 0.42, 0.8, 172, 0, 6, 172, 4, 164, 8, 34, -10, 20, 4),
                Stance(0.49, 0.42, 0.8, 190, -4, 0, 164, 10, 174, 4, 18, 10, 44, -14),
                _SUMMER,
                1.8,
            ),
        ),
    ),
    Scene(
        "tuning-nap",
        ("turned", "furniture"),
        walls.flat((176, 170, 158)),
        (Bust((70, 96, 92), _DARK, Motion(size=0.44, reach=0.04), turns=1),),
        behind=(furniture.sofa, furniture.pillows),
    ),
    Scene(
        "judging-studio",
        ("flat",),
        walls.flat((138, 118, 98)),
        (Bust((126, 104, 84), _BROWN, Motion(reach=0.06, lean=22), mirrored=True),),
    ),
    Scene(
        "judging-graffiti",
        ("painted", "limbs"),
        walls.graffiti,
        (
            Figure(
                Stance(0.42, 0.55, 0.82, 4, -10, 0, 70, -20, 40, 30, 30, -40, 24, -6),
                Stance(0.56, 0.55, 0.82, -4, 10, 0, 30, 20, 84, -30, 16, -6, 34, -44),
                _SPORT,
                1.9,
            ),
        ),
    ),
    Scene(
        "judging-station",
        ("dim", "two"),
        walls.hall,
        (
            Figure(
                Stance(0.76, 0.55, 0.4, right_leg=14, right_knee=-10),
                Stance(0.73, 0.55, 0.4, left_leg=14, left_knee=-10),
                _SHIRT,
            ),
            Figure(
                Stance(0.4, 0.66, 1.1, 0, 3, 0, 30, -20, 50, 110, 10, -10, 4, 0),
                Stance(0.43, 0.66, 1.12, 0, -3, 0, 16, 10, 40, 120, 3, 0, 12, -12),
                _COAT,
            ),
        ),
        light=(0.5, 0.5, 0.4),
        noise=3,
    ),
    Scene(
        "judging-office",
        ("furniture",),
        walls.still(backdrops.window),
        (Bust((74, 72, 78), _DARK, Motion(reach=0.04, lean=20)),),
        behind=(furniture.headrest,),
    ),
    Scene(
        "judging-star",
        ("limbs", "furniture"),
        walls.still(backdrops.wall),
        (
            Figure(
                Stance(0.5, 0.56, 0.84, 0, 0, 0, 60, 10, 70, 10, 14, 0, 14, 0),
                Stance(0.5, 0.52, 0.84, 0, 0, 4, 146, 10, 138, 24, 36, 0, 34, 0),
                _SPORT,
                1.3,
            ),
        ),
        behind=(furniture.pillows,),
    ),
    Scene(
        "judging-cartwheel",
        ("turned", "limbs"),
        walls.stripes,
        (
            Figure(
                Stance(0.36, 0.46, 0.8, 130, 0, 0, 160, 0, 150, 0, 40, 0, 46, 0),
                Stance(0.6, 0.46, 0.8, 250, 0, 0, 150, 0, 164, 0, 50, 0, 40, 0),
                _SHIRT,
            ),
        ),
    ),
    Scene(
        "judging-sofa",
        ("turned", "furniture"),
        walls.flat((150, 158, 150)),
        (
            Figure(
                Stance(0.52, 0.72, 1.15, -88, -10, -8, 30, 20, 40, 60, 6, 20, 10, 30),
                Stance(0.52, 0.72, 1.15, -86, -14, -4, 40, 30, 30, 80, 8, 24, 6, 40),
                _SUMMER,
            ),
        ),
        behind=(furniture.sofa,),
        before=(furniture.cushion,),
    ),
)
