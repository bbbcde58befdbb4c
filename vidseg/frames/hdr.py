"""Transfer functions: SDR pictures converted to PQ and HLG, and HDR pictures to SDR. Pure."""

import numpy as np
from numpy.typing import NDArray

from vidseg.frames.colour import Colour

_PQ, _HLG = 16, 18
_BT2020 = 9
_SDR_WHITE = 203.0
"""cd/m² of diffuse white in HDR, from ITU-R BT.2408."""

_BT709_TO_BT2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]], np.float32
)
"""Linear light, from ITU-R BT.2087."""


def is_hdr(colour: Colour) -> bool:
    """Whether code values of `colour` mean PQ or HLG."""
    return colour.transfer in (_PQ, _HLG)


def sdr_to(rgb: NDArray[np.float32], colour: Colour) -> NDArray[np.float32]:
    """Return an SDR picture, R'G'B' float32 [h, w, 3] in [0, 1], in the transfer of `colour`.

    Its primaries become those of `colour`, too. SDR sources get it as it is: BT.709, BT.601 and
    sRGB displays are near enough that editors don't convert between them either. For PQ (SMPTE
    ST 2084) and HLG (ITU-R BT.2100), diffuse white lands at 203 cd/m² (75 % of HLG), as ITU-R
    BT.2408 recommends.
    """
    if not is_hdr(colour):
        return rgb
    linear = np.power(rgb, 2.4)  # the display of ITU-R BT.1886
    if colour.primaries == _BT2020:
        linear = np.clip(linear @ _BT709_TO_BT2020.T, 0, 1)
    return (_pq(linear) if colour.transfer == _PQ else _hlg(linear)).astype(np.float32)


def sdr_from(rgb: NDArray[np.float32], colour: Colour) -> NDArray[np.float32]:
    """Return R'G'B' float32 [h, w, 3] in [0, 1] of a picture of `colour`, for an SDR display.

    Undoes `sdr_to`. What is brighter than diffuse white is cut off: this is for judging masks.
    """
    if not is_hdr(colour):
        return rgb
    linear = _light_of_pq(rgb) if colour.transfer == _PQ else _light_of_hlg(rgb)
    if colour.primaries == _BT2020:
        linear = linear @ np.linalg.inv(_BT709_TO_BT2020).T
    return np.power(np.clip(linear, 0, 1), 1 / 2.4).astype(np.float32)


def _light_of_pq(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    power = np.power(signal, 1 / 78.84375)
    light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    result: NDArray[np.float32] = np.power(light, 1 / 0.1593017578125) * (10000 / _SDR_WHITE)
    return result


def _light_of_hlg(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, np.square(signal) / 3, (np.exp((signal - c) / a) + b) / 12)
    result: NDArray[np.float32] = np.power(scene / 0.265, 1.2)
    return result


def _pq(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    power = np.power(linear * (_SDR_WHITE / 10000), 0.1593017578125)
    result: NDArray[np.float32] = np.power(
        (0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power), 78.84375
    )
    return result


def _hlg(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    # White at 75 % signal corresponds to 0.265 of scene light; the display's gamma of 1.2 is
    # undone.
    scene = np.power(linear, 1 / 1.2) * 0.265
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    low = np.sqrt(3 * scene)
    high = a * np.log(np.maximum(12 * scene - b, 1e-6)) + c
    result: NDArray[np.float32] = np.where(scene <= 1 / 12, low, high)
    return result
