"""A raw file of any camera -> Frame: what the file says and what the frame shows, decided once for the network and the plain rendering."""

import numpy as np

from lowlight_tf.isp.denoise import noise_patches
from lowlight_tf.isp.noise_estimate import measure_noise
from lowlight_tf.pictures.metadata import completed, read_metadata
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import cfa_offset, check_cfa, generic_camera, is_of_another
from lowlight_tf.raw.defects import find_defects
from lowlight_tf.raw.frame import Frame, check_levels, check_size
from lowlight_tf.raw.gain_maps import apply_gain_maps
from lowlight_tf.raw.raw_file import read_raw
from lowlight_tf.raw.raw_levels import even_black, file_black, saturation

_QUANTISATION = 12**-0.5  # counts: the noise of rounding, below which no read noise is


def _black(raw, camera):
    """Chooses the black levels: the camera's row as in its training, else the file's or its masked borders'; and notes.

    The pattern of a DNG is taken out of the mosaic, in place.
    """
    is_stranger = is_of_another(raw.black_level, camera)
    if camera.black_level is not None and not is_stranger:
        black, note = (float(camera.black_level),) * 4, ""
    else:
        black, note = file_black(raw)
    if any(camera.black_offsets) and not is_stranger:
        note = f"black {' '.join(f'{level:.4g}' for level in camera.with_offsets(black))}, as the camera's pairs show"
    stranger = is_stranger and f"the model is of camera {camera.name}, this file of another: colours may be off"
    return black, tuple(filter(None, (stranger, note)))


def _white(raw, camera, black, path):
    """Chooses the white level: the smaller one of the file's and, where the file is its row's, the camera's."""
    is_cameras = camera.white_level is not None and not is_of_another(raw.black_level, camera)
    white = float(min(camera.white_level, raw.white_level) if is_cameras else raw.white_level)
    check_levels(path, black, white)
    return white


def _noise(raw, camera, black, white):
    """Returns (shot, read) noise of the range from black to white: by the file's NoiseProfile, or as the frame shows it."""
    if raw.dng.noise:
        return raw.dng.noise[0], max(float(np.sqrt(raw.dng.noise[1])), _QUANTISATION / (white - float(np.mean(black))))
    offset = cfa_offset(raw.cfa, camera)
    patches = packing.pack(np.stack(noise_patches(raw.mosaic, camera.tile, camera.upscale)), camera, offset).numpy()
    return measure_noise(np.concatenate(patches, axis=1), camera, black, white)


def _fill_defects(raw, black, noise):
    """Fills hot and dead photosites in place; says in words how many there were, "" for none."""
    rows, columns, fill, found = find_defects(raw.mosaic, raw.colors, black, *noise)
    raw.mosaic[rows, columns] = fill
    if found > len(rows):
        return f"{found} photosites stand out, too many for defects: none was filled"
    return f"{found} defective photosites filled" if found else ""


def _cropped(raw):
    """Returns the DNG's DefaultCrop of the mosaic, the CFA that it begins with, and its (row, column) in the visible area."""
    if raw.dng.crop is None:
        return raw.mosaic, raw.cfa, (0, 0)
    (top, left, height, width), colors = raw.dng.crop, np.reshape(list(raw.cfa), raw.colors.shape)
    top, left = top - raw.origin[0], left - raw.origin[1]
    if min(top, left) < 0 or top + height > raw.mosaic.shape[0] or left + width > raw.mosaic.shape[1]:
        return raw.mosaic, raw.cfa, (0, 0)
    turned = np.roll(colors, (-(top % len(colors)), -(left % len(colors))), axis=(0, 1))
    return np.ascontiguousarray(raw.mosaic[top : top + height, left : left + width]), "".join(turned.ravel()), (top, left)


def _applied(raw, size, defects, levels):
    """Says in words what was done to the counts."""
    words = " ".join(f"{level:.4g}" for level in levels)
    done = [
        f"black levels {words} of the colours evened out" if max(levels) - min(levels) >= 1 else "",
        defects,
        "noise by the file's NoiseProfile" if raw.dng.noise else "",
        f"{len(raw.dng.gain_maps)} gain maps applied" if raw.dng.gain_maps else "",
        f"cropped from {raw.mosaic.shape[1]}x{raw.mosaic.shape[0]} as the file asks" if size != raw.mosaic.shape else "",
        f"BaselineExposure {raw.dng.stops:+.3g} stops" if raw.dng.stops else "",
        "stretched to square pixels" if max(raw.aspect) > 1 else "",
    ]
    return tuple(filter(None, done))


def frame_of(raw, path, camera):
    """Makes a Frame of a decoded raw file.

    Args:
      raw: its RawImage, whose mosaic is changed.
      path: the file.
      camera: the model's Camera.
    Raises:
      LowlightError: for a file that is smaller than a CFA tile, or has another CFA than the model.
    """
    check_cfa(path, raw.cfa, camera)
    check_size(path, raw.mosaic.shape, camera)
    levels, notes = _black(raw, camera)
    white = _white(raw, camera, levels, path)
    black, lower = even_black(raw.mosaic, raw.colors, levels)
    black = black if is_of_another(raw.black_level, camera) else camera.with_offsets(black)
    white -= lower
    noise, span = _noise(raw, camera, black, white), white - float(np.mean(black))
    defects = _fill_defects(raw, black, [value * span for value in noise])
    saturated = saturation(raw.mosaic, raw.colors, black, white, noise[0] * span)
    if saturated is not None:
        white, notes = float(saturated), (*notes, f"it saturates at {saturated + lower}, though the file says {raw.white_level}")
    active = raw.dng.active_area[2:] if raw.dng.active_area else raw.mosaic.shape
    apply_gain_maps(raw.mosaic, raw.colors, raw.dng.gain_maps, black, white, raw.origin, active)
    mosaic, cfa, origin = _cropped(raw)
    check_size(path, mosaic.shape, camera)
    gains, scale = tuple(gain / min(raw.wb_gains) for gain in raw.wb_gains), span / (white - float(np.mean(black)))
    noise = noise[0] * scale, noise[1] * scale  # of the range to where it saturates
    return Frame(
        path,
        "raw",
        mosaic,
        cfa,
        check_cfa(path, cfa, camera),
        black,
        white,
        gains,
        raw.ccm,
        raw.flip,
        completed(read_metadata(path), raw),
        raw.notes + notes,
        light_gain=2.0**raw.dng.stops,
        noise=noise,
        noise_profile=noise if raw.dng.noise else None,
        visible_size=raw.mosaic.shape,
        origin=origin,
        aspect=raw.aspect,
        applied=_applied(raw, mosaic.shape, defects, levels),
        daylight_gains=raw.daylight_gains,
    )


def read_raw_frame(path, camera=None):
    """Reads a raw file as a Frame.

    Args:
      path: the file.
      camera: the model's Camera; None for the generic one of the file's CFA.
    Raises:
      NotRawError: for what is no raw file. LowlightError: as `read_raw` and `frame_of`.
    """
    raw = read_raw(path)
    return frame_of(raw, path, camera or generic_camera(path, raw.cfa))
