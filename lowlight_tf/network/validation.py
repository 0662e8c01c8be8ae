"""A model that config.json describes, checked as what a stranger wrote: types, ranges, and whether its parts belong together."""

import dataclasses
import math
import types
import typing

from lowlight_tf.network.denoise20 import Denoise20Config
from lowlight_tf.network.sid import NetworkConfig

_MOST_TEXT = 200
MOST_OFFSET = 64  # counts: more is another black level
# The largest that a field may be: beyond these no machine holds the network, and every size is reckoned from them.
_MOST = {"base_width": 1024, "head_units": 4096, "input_channels": 64, "upscale": 4, "black_level": 2**24, "white_level": 2**24}


def _fits(value, kind):
    """Tells whether a value is of a field's type; a bool is no number, and every number is finite."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return any(_fits(value, part) for part in typing.get_args(kind))
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind) if isinstance(kind, type) else True


def check_fields(config):
    """Checks each field of a config: its type, and its size where that decides how much is made.

    Raises:
      ValueError: naming the first field that is wrong.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if not _fits(value, field.type):
            raise ValueError(f"{field.name} is {str(value)[:50]!r}; expected {getattr(field.type, '__name__', field.type)}")
        if isinstance(value, str) and len(value) > _MOST_TEXT:
            raise ValueError(f"{field.name} has {len(value)} letters; expected {_MOST_TEXT} at most")
        if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= _MOST.get(field.name, 2**31):
            raise ValueError(f"{field.name} is {value}; expected 0 to {_MOST.get(field.name, 2**31)}")


def _numbers(values, count, low, high):
    """Tells whether a value is `count` numbers (None: any count) from low to high."""
    return (
        isinstance(values, tuple)
        and (count is None or len(values) == count)
        and all(_fits(value, float) and low <= value <= high for value in values)
    )


def _check_packing(camera):
    """Checks that a camera's packing order takes every photosite of the CFA's tile once, and each channel the same colour everywhere."""
    if len(camera.cfa) not in (4, 36) or set(camera.cfa) != set("RGB"):
        raise ValueError(f"cfa is {camera.cfa!r}; expected 4 or 36 letters of R, G and B")
    tile, order = {4: 2, 36: 6}[len(camera.cfa)], camera.pack_order
    cells = {4: 1, 36: 4}[len(camera.cfa)]
    whole = (
        isinstance(order, tuple)
        and len(order) == cells
        and all(
            isinstance(cell, tuple) and len(cell) == tile * tile // cells and all(_numbers(place, 2, 0, tile - 1) for place in cell)
            for cell in order
        )
    )
    places = [tuple(place) for cell in order for place in cell] if whole else []
    if sorted(places) != [(row, column) for row in range(tile) for column in range(tile)] or not all(
        type(number) is int for place in places for number in place
    ):
        raise ValueError("pack_order does not take every photosite of the CFA's tile once")
    colors = [[camera.cfa[row * tile + column] for row, column in cell] for cell in order]
    if any(cell != colors[0] for cell in colors) or (tile == 2 and sorted(colors[0][1::2]) != ["G", "G"]):
        raise ValueError("pack_order gives a channel photosites of several colours")


def check_camera(camera):
    """Checks what config.json says of a camera.

    Raises:
      ValueError: saying what is wrong.
    """
    check_fields(camera)
    _check_packing(camera)
    if not camera.folder or set(camera.folder) & set("/\\\0") or camera.folder.startswith("."):
        raise ValueError(f"folder is {camera.folder!r}; expected a folder's plain name")
    black, white = camera.levels
    if not _numbers(camera.black_offsets, 4, -MOST_OFFSET, MOST_OFFSET):
        raise ValueError(f"black_offsets is {str(camera.black_offsets)[:50]}; expected 4 numbers from -{MOST_OFFSET} to {MOST_OFFSET}")
    if (camera.black_level is None) != (camera.white_level is None) or white <= black:
        raise ValueError(f"levels are {camera.black_level} and {camera.white_level}; expected white above black, or neither")
    matrix = camera.xyz_to_camera
    if matrix and not (len(matrix) == 3 and all(_numbers(row, 3, -100, 100) for row in matrix)):
        raise ValueError("xyz_to_camera is no matrix of 3 rows of 3 numbers")
    if not _numbers(camera.exposure_ratios, None, 1, 10000) or not camera.exposure_ratios:
        raise ValueError("exposure_ratios are no numbers from 1 to 10000")


def check_model(camera, network, interface):
    """Checks that a camera, a network's config and an Interface are whole, and belong together.

    Raises:
      ValueError: saying what is wrong.
    """
    check_camera(camera)
    check_fields(network)
    check_fields(interface)
    if network.upscale not in (1, camera.upscale):
        raise ValueError(f"upscale is {network.upscale}; expected 1, or {camera.upscale} with this CFA")
    channels = 3 if network.upscale == 1 else camera.channels + interface.more_channels
    if network.input_channels != channels:
        raise ValueError(f"input_channels is {network.input_channels}; expected {channels} with this CFA and interface")
    if isinstance(network, Denoise20Config) and not _numbers(network.channel_colors, channels, 0, 2):
        raise ValueError(f"channel_colors is {network.channel_colors!r}; expected {channels} of 0, 1 and 2")
    if isinstance(network, NetworkConfig) and network.base_width < 1:
        raise ValueError("base_width is 0; expected 1 or more")
