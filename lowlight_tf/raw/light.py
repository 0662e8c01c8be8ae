"""Counts -> a network's input: normalise, white-balance, amplify, code, and say how noisy the frame is. Training, test, enhancement and
exports all come through here, so that a network sees the same light whoever runs it.

What a model's input and output are is its `Interface`, which config.json keeps. SID's own is the default.
"""

import dataclasses
import math

import tensorflow as tf

from lowlight_tf.isp.color import signed_bt709
from lowlight_tf.isp.demosaic import packed_demosaic
from lowlight_tf.raw import CURVES, SKIPS, TARGETS, packing

_LEAST_VARIANCE = 1e-20  # of the range, squared: a frame without read noise has a logarithm all the same


@dataclasses.dataclass(frozen=True)
class Interface:
    """What a network is fed and what its output means.

    Attributes:
      white_balance: the light is multiplied by the as-shot gains before it is amplified; SID's own is not.
      signed: counts below black are negative light; SID's own is cut off there.
      curve: "linear" light, SID's own, or "bt709" for light coded as the target is: noise is nearly as strong in shadows as in highlights.
      noise_planes: two more input channels, `noise_planes`, that say how noisy the amplified frame is.
      skip: what the network's output is added to: "none"; "demosaic", a fixed linear demosaicing of its own input; or "mosaic", the same
        demosaicing of its input after the network's correction to the mosaic: noise is taken off where it is, one number a photosite.
      target: "srgb", SID's finished picture, or "camera_rgb", white-balanced camera colour that the file's own matrix finishes; both are
        coded with the curve of LibRaw's renderings.
    """

    white_balance: bool = False
    signed: bool = False
    curve: str = "linear"
    noise_planes: bool = False
    skip: str = "none"
    target: str = "srgb"

    def __post_init__(self):
        for name, values in {"curve": CURVES, "skip": SKIPS, "target": TARGETS}.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(values)}")
        if self.skip != "none" and self.curve != "bt709":
            raise ValueError(f"skip is {self.skip!r} with linear light, and the target is coded; expected curve 'bt709' with it")

    @property
    def more_channels(self):
        """Input channels beside those of the light."""
        return 2 if self.noise_planes else 0


SID = Interface()


def code(light, interface):
    """Applies the interface's curve to amplified light: float32 [...], at most 1 -> the same shape, at most 1; zero stays zero."""
    return light if interface.curve == "linear" else signed_bt709(light)


def noise_channels(ratio, shot, read):
    """Says how noisy an amplified frame is: a tenth of the binary logarithms of the variance that a unit of light brings, and of the
    variance in the dark, both of the range from black to white.

    Args:
      ratio: exposure ratio.
      shot: the variance that a unit of light brings to the frame itself: K counts an electron / counts from black to white.
      read: the frame's standard deviation in the dark, of the range from black to white.
    Returns:
      float32 [2]: 0.1 log2(ratio shot) and 0.1 log2((ratio read)^2), about -3 to 0.
    """
    ratio, shot, read = (tf.cast(value, tf.float32) for value in (ratio, shot, read))
    variances = tf.stack([ratio * shot, (ratio * read) ** 2])
    return tf.math.log(tf.maximum(variances, _LEAST_VARIANCE)) * (0.1 / math.log(2))


def with_noise_planes(light, channels):
    """Appends the two `noise_channels` to float32 [..., h, w, C] as constant planes."""
    return tf.concat([light, tf.broadcast_to(channels, tf.concat([tf.shape(light)[:-1], [2]], 0))], axis=-1)


def amplified(light, ratio, interface, channels=None):
    """Linear light -> what a network sees of it.

    Args:
      light: float32 [..., h, w, C], 0 at black and 1 at white, white-balanced where the interface asks for it.
      ratio: exposure ratio.
      interface: an Interface.
      channels: `noise_channels`, where interface.noise_planes.
    Returns:
      float32 [..., h, w, C + interface.more_channels]: coded light, at most 1, and negative where it is signed.
    """
    coded = code(packing.amplify(light, ratio), interface)
    return with_noise_planes(coded, channels) if interface.noise_planes else coded


def packed_input(packed, camera, interface, *, black_level, white_level, wb_gains, ratio, noise=None):
    """Packed counts -> what a network that takes packed light sees of them.

    Args:
      packed: [..., h, w, C] counts, any number type.
      camera: a Camera.
      interface: an Interface.
      black_level, white_level: [4] and scalar counts.
      wb_gains: [3] as-shot gains of R, G, B; unused without interface.white_balance.
      ratio: exposure ratio.
      noise: (shot, read) noise of the whole frame, as for `noise_channels`; needed with interface.noise_planes.
    Returns:
      As `amplified`.
    """
    light = packing.normalise(packed, camera, black_level, white_level, interface.signed)
    if interface.white_balance:
        light = packing.white_balance(light, camera, wb_gains)
    channels = None
    if interface.noise_planes:
        if noise is None:
            raise ValueError("the interface has noise planes; expected noise=(shot, read)")
        channels = noise_channels(ratio, *noise)
    return amplified(light, ratio, interface, channels)


def rgb_input(rgb, levels, interface, wb_gains, ratio):
    """As `packed_input`, for counts that a sensor with all three colours everywhere would record.

    Args:
      rgb: [..., 3] counts.
      levels: black and white, counts.
      interface: an Interface without noise planes.
      wb_gains: [3].
      ratio: exposure ratio.
    Returns:
      float32 [..., 3].
    """
    black, white = levels
    linear = (tf.cast(rgb, tf.float32) - black) / (white - black)
    linear = linear if interface.signed else tf.maximum(linear, 0.0)
    return amplified(linear * (wb_gains if interface.white_balance else 1.0), ratio, interface)


def network_input(packed, camera, interface, input_channels, **facts):
    """As `packed_input`, for a network of `input_channels`: full-resolution RGB where it takes that."""
    return packing.with_channels(packed_input(packed, camera, interface, **facts), camera, input_channels)


def frame_input(packed, frame, ratio, camera, interface, input_channels, noise=None):
    """`network_input` of what knows its levels and gains.

    Args:
      packed: [..., h, w, C], the frame's packed counts, all of them or a part.
      frame: a Frame.
      ratio, camera, interface, input_channels, noise: as for `network_input`.
    """
    return network_input(
        packed,
        camera,
        interface,
        input_channels,
        black_level=frame.black_level,
        white_level=frame.white_level,
        wb_gains=frame.wb_gains if interface.white_balance else None,
        ratio=ratio,
        noise=noise,
    )


def base(inputs, camera, correction=0.0):
    """Returns what a network's picture is a correction to where the interface has a skip.

    Args:
      inputs: float32 [B, h, w, C], what the network sees.
      camera: a Camera.
      correction: float32 [B, h, w, camera.channels], added to the coded light, with skip "mosaic".
    Returns:
      float32 [B, h * camera.upscale, w * camera.upscale, 3], the input's light demosaiced, coded as it is.
    """
    return packed_demosaic(inputs[..., : camera.channels] + correction, camera)
