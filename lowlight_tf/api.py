"""What programs call: a model that is loaded once and applied to photographs or arrays, and low light simulated for one picture."""

import dataclasses
import math
import os
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from lowlight_tf import DEFAULT_MODEL, memory
from lowlight_tf.enhancement import engine
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import make_developer
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import UsageError
from lowlight_tf.isp import CAMERA_NOISES
from lowlight_tf.isp.capture import expose_picture, random_capture
from lowlight_tf.isp.color import srgb_to_camera_matrix, srgb_to_linear
from lowlight_tf.network import QUALITIES
from lowlight_tf.pictures import MOST_STRENGTH
from lowlight_tf.pictures.finishing import Finish, color_matrix
from lowlight_tf.raw.cameras import CAMERAS, Camera
from lowlight_tf.raw.raw_file import RawImage
from lowlight_tf.raw.raw_frame import frame_of
from lowlight_tf.raw.shutter import parse_exposure

OUTPUTS = ("uint8", "uint16", "linear")
_NAME = pathlib.Path("the mosaic")  # what messages call what came from no file
_MOST_RATIO, _MOST_STOPS = 10000, 8
_LONG_SECONDS = 10.0  # of simulated scenes, as of SID's


def _number(name: str, value: float | str, low: float, high: float) -> float:
    """Returns a number from `low` to `high`; refuses others."""
    within = isinstance(value, (int, float, np.number)) and math.isfinite(value) and low <= value <= high
    if not within:
        raise UsageError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}" + ("" if name == "stops" else ', or "auto"'))
    return float(value)


def _config(ratio: float | str, target_exposure: str, strength: float | str, stops: float, output: str, memory_limit: int) -> EnhanceConfig:
    """Returns what enhance.py would be asked for."""
    if output not in OUTPUTS:
        raise UsageError(f"output is {output!r}; expected one of {', '.join(OUTPUTS)}")
    if target_exposure and ratio != "auto":
        raise UsageError("ratio and target_exposure say the same thing; give one of them")
    auto = isinstance(strength, str) and strength == "auto"
    finish = Finish(
        1.0 if auto else _number("strength", strength, 0, MOST_STRENGTH),
        _number("stops", stops, -_MOST_STOPS, _MOST_STOPS),
        linear=output == "linear",
        eight_bits=output == "uint8",
    )
    is_auto_ratio = isinstance(ratio, str) and ratio == "auto"
    return EnhanceConfig(
        checkpoint_dir="",
        result_dir="",
        ratio=0.0 if is_auto_ratio else _number("ratio", ratio, 1e-3, _MOST_RATIO),
        target_exposure=parse_exposure(target_exposure) if target_exposure else None,
        finish=finish,
        auto_strength=auto,
        memory_limit=memory_limit,
    )


def _mosaic_of(mosaic: npt.ArrayLike) -> np.ndarray:
    counts = np.asarray(mosaic)
    if counts.ndim != 2 or counts.dtype != np.uint16:
        raise UsageError(f"the mosaic is {counts.dtype} {list(counts.shape)}; expected uint16 [H, W], sensor counts")
    return counts


class Model:
    """A model that makes bright pictures of dark photographs; `load` makes one.

    Attributes:
      camera: the Camera whose CFA it is of.
      network: its network's config.
      step: how many steps it was trained for.
    """

    def __init__(self, loaded: engine.Model):
        self._loaded = loaded

    @property
    def camera(self) -> Camera:
        return self._loaded.camera

    @property
    def network(self) -> object:
        return self._loaded.network

    @property
    def step(self) -> int:
        return self._loaded.step

    def __call__(
        self,
        photograph: str | os.PathLike | RawImage,
        *,
        ratio: float | str = "auto",
        target_exposure: str = "",
        strength: float | str = "auto",
        stops: float = 0.0,
        output: str = "uint8",
        memory_limit: int = 0,
    ) -> np.ndarray:
        """Makes a photograph bright and clean: the pixels that enhance.py writes.

        Args:
          photograph: a path of a raw file, JPEG, PNG or TIFF, or a RawImage, which stays as it is.
          ratio: what the light is multiplied by, up to 10,000, or "auto": by the frame's brightness and noise.
          target_exposure: what the result is to be exposed like instead, such as "10s f/4 ISO200".
          strength: 1 for the network's picture, 0 for the plain rendering, in between for a blend; above 1, to 2, it smooths more; or
            "auto": by the frame's noise.
          stops: exposure of the result, -8 to 8; 1 doubles its light.
          output: "uint8", "uint16", or "linear" for float32.
          memory_limit: bytes that the process may take; 0 for half of what is free.
        Returns:
          [H, W, 3], upright: uint8 or uint16 sRGB; or float32 linear light of sRGB primaries, 1 at white. Colours beyond sRGB are
          outside [0, 1] there.
        Raises:
          UsageError: for options out of range. LowlightError: for a photograph that cannot be read, has another CFA than the model, or
          shows nothing.
        """
        develop = make_developer(self._loaded, _config(ratio, target_exposure, strength, stops, output, memory_limit))
        with memory.limited(memory_limit):
            if isinstance(photograph, RawImage):  # a copy: defects are filled in place
                frame = frame_of(dataclasses.replace(photograph, mosaic=_mosaic_of(photograph.mosaic).copy()), _NAME, self.camera)
            else:
                frame = read_frame(pathlib.Path(photograph), self.camera)
            picture = develop(frame).picture
        if output != "linear":
            return picture
        return picture / np.float32(65535) @ color_matrix(self._loaded.target, frame.ccm).T

    def develop(
        self,
        mosaic: npt.ArrayLike,
        *,
        cfa: str,
        black_level: float | tuple,
        white_level: float,
        wb_gains: tuple = (1.0, 1.0, 1.0),
        ccm: npt.ArrayLike | None = None,
        **options: Any,
    ) -> np.ndarray:
        """As a call with a file, for sensor counts that come from elsewhere.

        Args:
          mosaic: uint16 [H, W], sensor counts.
          cfa: colours of its top-left tile in row-major order: 4 letters (Bayer) or 36 (X-Trans).
          black_level: counts, one number or 4 for R, G, B and the second G; a calibrated model adds its camera's black_offsets.
          white_level: counts at saturation.
          wb_gains: as-shot (R, G, B) gains.
          ccm: [3, 3], white-balanced camera colour -> linear sRGB; None for a camera whose colours are sRGB's.
          **options: those of a call.
        Returns:
          as a call.
        Raises:
          as a call.
        """
        levels = np.broadcast_to(np.asarray(black_level, np.float64), [4])
        matrix = np.eye(3, dtype=np.float32) if ccm is None else np.asarray(ccm, np.float32)
        raw = RawImage(
            _mosaic_of(mosaic),
            cfa,
            tuple(map(float, levels)),
            int(white_level),
            tuple(map(float, wb_gains)),
            matrix,
            exposure_seconds=0.0,
            iso=0.0,
        )
        return self(raw, **options)


def load(folder: str | os.PathLike = DEFAULT_MODEL, mixed_precision: bool = False, quality: str = "normal") -> Model:
    """Loads a model.

    Args:
      folder: of a trained, imported or shipped model; the one that ships where none is named.
      mixed_precision: run it in bfloat16.
      quality: "normal"; "fast", the narrower model in FOLDER_fast; or "best", which takes four times as long.
    Raises:
      LowlightError: where there is no whole model. UsageError: for another quality.
    """
    if quality not in QUALITIES:
        raise UsageError(f"quality is {quality!r}; expected one of {', '.join(QUALITIES)}")
    return Model(engine.load_model(str(folder), mixed_precision, quality))


def _light(picture: npt.ArrayLike) -> tf.Tensor:
    """Returns linear light, float32 [H, W, 3], of an sRGB picture of 8 or 16 bits or of floats."""
    values = np.asarray(picture)
    whites = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
    if values.ndim != 3 or values.shape[2] != 3 or values.dtype.name not in whites:
        raise UsageError(f"the picture is {values.dtype} {list(values.shape)}; expected [H, W, 3], uint8, uint16, or floats from 0 to 1")
    return srgb_to_linear(tf.constant(np.clip(values / np.float32(whites[values.dtype.name]), 0, 1), tf.float32))


def simulate(
    picture: npt.ArrayLike, camera: str = "sony", *, ratio: float | None = None, noise: str = "physical", seed: int = 0
) -> tuple[RawImage, np.ndarray]:
    """Takes a bright picture again with a camera in low light. What is drawn at random is what training draws.

    Args:
      picture: [H, W, 3] sRGB: uint8, uint16, or floats from 0 to 1.
      camera: a key of CAMERAS.
      ratio: how many times shorter the exposure is; None for one of the camera's: 100, 250, 300.
      noise: "physical", "gaussian" or "poisson".
      seed: the same seed gives the same light and the same noise.
    Returns:
      short: a RawImage, the short exposure.
      target: float32 [H, W, 3] in [0, 1], the long exposure, coded as LibRaw codes its renderings: what a network is trained to return.
    Raises:
      UsageError: for an unknown camera or kind of noise, or a picture of another form.
    """
    if camera not in CAMERAS or noise not in CAMERA_NOISES:
        wrong, allowed = (camera, CAMERAS) if camera not in CAMERAS else (noise, CAMERA_NOISES)
        raise UsageError(f"{wrong!r} is not known; expected one of {', '.join(allowed)}")
    row, light = CAMERAS[camera], _light(picture)
    capture = random_capture(tf.constant([seed, 0], tf.int64), row, noise)
    if ratio is not None:
        capture = dataclasses.replace(capture, exposure_ratio=tf.constant(_number("ratio", ratio, 1, _MOST_RATIO), tf.float32))
    counts, target = expose_picture(light, capture, row)
    black, white = row.levels
    short = RawImage(
        counts.numpy(),
        row.cfa,
        (float(black),) * 4,
        white,
        tuple(map(float, capture.wb_gains)),
        np.linalg.inv(srgb_to_camera_matrix(row.xyz_to_camera)).astype(np.float32),
        exposure_seconds=_LONG_SECONDS / float(capture.exposure_ratio),
        iso=0.0,
    )
    return short, target.numpy()
