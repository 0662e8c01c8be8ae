"""A Frame balanced for white as a WhiteBalance asks.

The gains come before the network, as the as-shot ones do, so a clipped light stays white. A Frame's matrix is of white-balanced colour and
does not change. References: Adobe, Digital Negative Specification 1.4, chapter 6, for the camera neutral of a white point; Krystek, "An
algorithm to calculate correlated colour temperature", Color Research & Application 10 (1985), for the Planckian locus.
"""

import dataclasses
import functools

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.color import SRGB_TO_XYZ, exposed_codes, linear_to_srgb, srgb_to_linear
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw.frame import Frame
from lowlight_tf.raw.white_balance import AS_SHOT, AS_SHOT_NAME, COLDEST, DAYLIGHT_NAME, MOST_TINT, WARMEST, of_gains

_TINT = 3000.0  # tint of a step of 1 across the locus in CIE 1960 uv, as in Adobe's DNG SDK
_ROWS = 512  # of a picture at a time
_LEAST = 1e-6  # of the largest part of a neutral: below it the camera sees nothing


def _planckian(kelvin):
    """CIE 1960 (u, v) of a black body. Krystek (1985), equations for 1000 to 15000 K."""
    u = (0.860117757 + 1.54118254e-4 * kelvin + 1.28641212e-7 * kelvin**2) / (1 + 8.42420235e-4 * kelvin + 7.08145163e-7 * kelvin**2)
    v = (0.317398726 + 4.22806245e-5 * kelvin + 4.20481691e-8 * kelvin**2) / (1 - 2.89741816e-5 * kelvin + 1.61456053e-7 * kelvin**2)
    return np.array([u, v])


def _across(kelvin):
    """The unit vector across the locus, towards green."""
    along = _planckian(kelvin * 1.001) - _planckian(kelvin * 0.999)
    across = np.array([along[1], -along[0]]) / np.hypot(*along)
    return across if across[1] > 0 else -across


def white_point(kelvin, tint=0.0):
    """Returns CIE (x, y) of a light of this temperature; a positive tint is a light that is greener, whose picture is made more magenta."""
    u, v = _planckian(kelvin) + _across(kelvin) * (tint / _TINT)
    x, y = 3 * u, 2 * v
    scale = 2 * u - 8 * v + 4
    return x / scale, y / scale


def _gains_at(frame, kelvin, tint):
    """(R, G, B) gains that make this light neutral, G = 1; None where the camera sees none of it in some colour."""
    x, y = white_point(kelvin, tint)
    srgb = np.linalg.inv(SRGB_TO_XYZ.astype(np.float64)) @ np.array([x / y, 1.0, (1 - x - y) / y])
    # The matrix is of colour balanced for daylight: its white point is D65, where the neutral is 1 over daylight's gains.
    neutral = np.linalg.inv(np.asarray(frame.ccm, np.float64)) @ srgb / np.asarray(frame.daylight_gains, np.float64)
    return tuple(neutral[1] / neutral) if neutral.min() > _LEAST * neutral.max() else None


def gains_of(frame, balance):
    """Returns what a white balance means for a Frame: (R, G, B) gains, the smallest 1.

    Raises:
      LowlightError: where the file does not say what daylight is to its camera, or the camera cannot see such a light.
    """
    if balance.name == AS_SHOT_NAME:
        return frame.wb_gains
    gains = balance.values
    if balance.name != "gains":
        if frame.daylight_gains is None:
            raise LowlightError(
                f"{frame.path} does not say what daylight is to its camera, so there is no white balance {balance}; "
                "use as_shot, or gains such as 2.1,1,1.6"
            )
        gains = frame.daylight_gains if balance.name == DAYLIGHT_NAME else _gains_at(frame, *balance.values)
    if gains is None:
        raise LowlightError(f"{frame.path}: its camera sees nothing of a light of {balance} in one of its colours; use another temperature")
    return tuple(float(gain / min(gains)) for gain in gains)


def nearest_temperature(frame):
    """Returns the (kelvin, tint) whose gains are nearest to a Frame's own, in steps of 10 K and of 1; None where it cannot be told."""
    if frame.daylight_gains is None:
        return None
    return _nearest(tuple(frame.wb_gains), tuple(frame.daylight_gains), tuple(np.ravel(frame.ccm).tolist()))


@functools.lru_cache(maxsize=64)
def _nearest(gains, daylight_gains, ccm):
    wanted = np.log(np.array(gains)[[0, 2]] / gains[1])
    from_white = np.linalg.inv(SRGB_TO_XYZ.astype(np.float64) @ np.array(ccm).reshape(3, 3)) / np.array(daylight_gains)[:, None]

    def error(kelvin, tint):
        x, y = white_point(kelvin, tint)
        neutral = from_white @ (x / y, 1.0, (1 - x - y) / y)
        if neutral.min() <= 0:
            return np.inf
        return float(np.sum((np.log(neutral[1] / neutral[[0, 2]]) - wanted) ** 2))

    kelvin, tint, spread, step = 5000.0, 0.0, 3.0, 24.0
    for _ in range(6):  # a finer grid about the best point of the last one
        kelvins = np.clip(kelvin * np.geomspace(1 / spread, spread, 15), WARMEST, COLDEST)
        tints = np.clip(tint + step * np.arange(-7, 8), -MOST_TINT, MOST_TINT)
        kelvin, tint = min(((one, other) for one in kelvins for other in tints), key=lambda point: error(*point))
        spread, step = spread**0.3, step / 4
    return round(float(kelvin), -1), round(float(tint))


def grey_gains(frame, row, column, side=16):
    """Returns the (R, G, B) gains, G = 1, that make a spot of a Frame grey.

    Args:
      frame: a Frame.
      row, column: its middle in the mosaic.
      side: of the spot, photosites.
    Raises:
      LowlightError: for a spot that is black or clipped: there is no colour in it.
    """
    tile = 6 if len(frame.cfa) == 36 else 2
    side = max(side, 2 * tile)
    top, left = (max(0, min(int(middle) - side // 2, size - side)) for middle, size in zip((row, column), frame.mosaic.shape, strict=False))
    spot = frame.mosaic[top : top + side, left : left + side]
    letters = np.array(list(frame.cfa)).reshape(tile, tile)
    letters = letters[
        np.add.outer(top + np.arange(spot.shape[0]), np.zeros(spot.shape[1], int)) % tile,
        np.add.outer(np.zeros(spot.shape[0], int), left + np.arange(spot.shape[1])) % tile,
    ]
    light = [float(spot[letters == letter].mean()) - frame.black_level[color] for color, letter in enumerate("RGB")]
    if min(light) <= 0 or (spot >= frame.white_level).any():
        raise LowlightError(
            f"{frame.path}: this spot is {'clipped' if min(light) > 0 else 'black'}, so its colour says nothing; "
            "take a grey one that is brighter than black and darker than white"
        )
    return of_gains([light[1] / value for value in light]).values


@dataclasses.dataclass(frozen=True)
class PictureFrame(Frame):
    """The Frame of a finished picture that is balanced anew, or is a part of one.

    Attributes:
      base: uint16 [H, W, 3], the picture that lies on the mosaic; None to read it from the file when it is asked for.
      recorded_gains: (R, G, B) gains that it was put on the sensor with.
    """

    base: np.ndarray | None = None
    recorded_gains: tuple = ()

    def plain(self, gain):
        """As Frame.plain: where the gains were changed, the picture's light in the camera's colours, times that change."""
        picture = read_picture(self.path) if self.base is None else self.base
        if self.wb_gains == self.recorded_gains:
            return picture if gain == 1 else exposed_codes(gain)[picture]
        ccm = np.asarray(self.ccm, np.float64)
        matrix = ccm @ np.diag(np.asarray(self.wb_gains) / np.asarray(self.recorded_gains)) @ np.linalg.inv(ccm)
        table, matrix = srgb_to_linear(np.arange(65536, dtype=np.float32) / 65535).numpy(), matrix.T.astype(np.float32) * np.float32(gain)
        plain = np.empty_like(picture)
        for row in range(0, len(picture), _ROWS):
            light = np.clip(table[picture[row : row + _ROWS]] @ matrix, 0, 1)
            plain[row : row + _ROWS] = np.rint(linear_to_srgb(light).numpy() * 65535)
        return plain


def with_base(frame, base=None):
    """Returns a finished picture's Frame as a PictureFrame whose picture is `base`, or its own."""
    if isinstance(frame, PictureFrame):
        return frame if base is None else dataclasses.replace(frame, base=base)
    known = {field.name: getattr(frame, field.name) for field in dataclasses.fields(Frame)}
    return PictureFrame(**known, base=base, recorded_gains=frame.wb_gains)


def check_takes_balance(interface, balance, model):
    """Refuses to balance what a model balances by itself.

    Raises:
      LowlightError: where the model was not trained on white-balanced light.
    """
    if balance != AS_SHOT and not interface.white_balance:
        raise LowlightError(
            f"{model} balances white by itself and is told nothing of it, so there is no white balance {balance}; "
            "use as_shot, or a model such as models/bayer"
        )


def balanced(frame, balance):
    """Returns a Frame with another white balance; the same one where it is as shot.

    Raises:
      LowlightError: as `gains_of`.
    """
    if balance == AS_SHOT:
        return frame
    gains = gains_of(frame, balance)
    frame = frame if frame.kind == "raw" else with_base(frame)
    return dataclasses.replace(frame, wb_gains=gains, notes=(*frame.notes, f"white balance {balance}"))
