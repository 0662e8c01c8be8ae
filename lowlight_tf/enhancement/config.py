"""What enhance.py is asked for."""

import dataclasses

from lowlight_tf.pictures import SUFFIXES
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.raw.shutter import Exposure
from lowlight_tf.raw.white_balance import AS_SHOT, WhiteBalance


@dataclasses.dataclass(frozen=True)
class EnhanceConfig:
    """What is asked for.

    Attributes:
      checkpoint_dir: the model's folder; "" for the one that ships for a photograph's sensor.
      result_dir: where results go.
      kind: a key of pictures.SUFFIXES.
      ratio: exposure ratio; 0.0 to choose it for each frame.
      target_exposure: an Exposure that decides the ratio, or None.
      finish: a Finish.
      auto_strength: choose finish.strength for each frame.
      jpeg_quality: of JPEGs, 1 to 100.
      overwrite: make results again that are there; files that lowlight_tf did not write stay.
      memory_limit: bytes of resident memory; 0 for half of what is free.
      ratio_sheet: write a sheet of ratios to choose from instead of the picture.
      report: write a page of the run's pictures too.
      mixed_precision: run the network in bfloat16.
      quality: how the network is run, one of network.QUALITIES.
      white_balance: a WhiteBalance.
    """

    checkpoint_dir: str
    result_dir: str
    kind: str = "jpeg"
    ratio: float = 0.0
    target_exposure: Exposure | None = None
    finish: Finish = dataclasses.field(default_factory=Finish)
    auto_strength: bool = False
    jpeg_quality: int = 95
    overwrite: bool = False
    memory_limit: int = 0
    ratio_sheet: bool = False
    report: bool = False
    mixed_precision: bool = False
    quality: str = "normal"
    white_balance: WhiteBalance = AS_SHOT

    @property
    def suffix(self):
        """What the names of results end with."""
        return "_ratios.jpg" if self.ratio_sheet else SUFFIXES[self.kind]

    def of(self, asked):
        """Returns the EnhanceConfig of one photograph, of whom a PhotoSettings is asked; of all that have None, this one."""
        if asked is None:
            return self
        finish = dataclasses.replace(self.finish, strength=1.0 if asked.strength is None else asked.strength, stops=asked.exposure)
        return dataclasses.replace(
            self,
            checkpoint_dir=asked.model,
            ratio=asked.ratio,
            target_exposure=None,
            finish=finish,
            auto_strength=asked.strength is None,
            white_balance=asked.white_balance,
        )
