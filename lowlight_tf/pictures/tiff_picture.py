"""A TIFF's picture: the largest of its pages, whatever colours it is stored in."""

import logging

import numpy as np
import tifffile
from tifffile import PHOTOMETRIC

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.color_profile import lab_to_srgb

# It also logs what it raises, and what it meets in raw files, which are none of its own.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
_LAB = (PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB)
_SAMPLES = {
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.SEPARATED: 4,
    PHOTOMETRIC.YCBCR: 3,
    PHOTOMETRIC.CIELAB: 3,
    PHOTOMETRIC.ICCLAB: 3,
}
_SENSOR = (PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW)
_REFUSED_VALUES = {
    "f": "floating point, which says neither what is white nor whether it is linear",
    "i": "signed integers",
    "u": "integers of more than 16 bits",
    "c": "complex numbers",
}
_ORIENTATION, _PROFILE, _EXTRA_SAMPLES, _INK_SET = 274, 34675, 338, 332
_MASK = 4  # a bit of NewSubfileType: the page is no picture, but tells where one is
_ASSOCIATED, _UNASSOCIATED, _CMYK = 1, 2, 1  # values of ExtraSamples and InkSet
_JPEG = (6, 7)  # compressions whose decoder makes RGB of YCbCr


def _all_pages(pages):
    for page in pages:
        yield page
        if page.pages is not None:
            yield from _all_pages(page.pages)


def _pictures(tiff):
    """Lists the pages that show something, those of sub-directories too."""
    return [
        page
        for page in _all_pages(tiff.pages)
        if page.photometric != PHOTOMETRIC.MASK and not int(page.subfiletype) & _MASK and page.imagewidth * page.imagelength > 0
    ]


def _largest(pages):
    return max(pages, key=lambda page: page.imagewidth * page.imagelength)


def _value(page, tag, default=None):
    found = page.tags.get(tag)
    return default if found is None else found.value


def tiff_size(path):
    """Reads (height, width) of a TIFF's largest page from its directories; (0, 0) where it has none."""
    with tifffile.TiffFile(path) as tiff:
        pages = _pictures(tiff)
        page = _largest(pages) if pages else None
        return (page.imagelength, page.imagewidth) if page else (0, 0)


def is_finished(path, grey=True):
    """Tells a finished picture from a raw file in a TIFF's disguise, by its directories alone.

    LibRaw takes nearly every grey TIFF of 16 bits for a mosaic, so it cannot be asked first there. It opens no other finished TIFF, even
    with a camera's names in it.

    Args:
      path: a TIFF.
      grey: whether a grey page may be a finished picture. Old digital backs stored their mosaics so.
    Returns:
      True for a grey picture: where no page is a sensor's, and the pages are most of the file, for raw files may have the mosaic in a
      private tag, beside a thumbnail's page. False where LibRaw is to be asked.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            if not len(tiff.pages):
                return True  # nothing is in it; `read_tiff` says so
            pages = _pictures(tiff)
            if any(page.photometric in _SENSOR for page in pages):
                return False
            largest = _largest(pages)
            stored = sum(sum(page.databytecounts) for page in pages)
            says_grey = largest.photometric in _GREY and "PhotometricInterpretation" in largest.tags  # a CR2's raw page says nothing
            return grey and says_grey and 2 * stored > tiff.filehandle.size
    except Exception:  # tifffile raises whatever the place of the damage does  # noqa: BLE001
        return False


def _check(page, path):
    """Refuses by name what cannot become RGB."""
    kind = getattr(page.photometric, "name", str(page.photometric))
    if page.photometric in _SENSOR:
        raise LowlightError(
            f"{path} holds a sensor's values ({kind}) and no finished picture; expected RGB, or a raw file that LibRaw "
            "can open, under a raw file's name"
        )
    if page.photometric not in _SAMPLES:
        raise LowlightError(f"{path} is a {kind} TIFF; save it again as 8-bit or 16-bit RGB")
    if page.dtype is None or page.dtype.kind not in "ub" or page.dtype.itemsize > 2:
        kind = page.dtype.kind if page.dtype else ""
        raise LowlightError(f"{path} holds {_REFUSED_VALUES.get(kind, 'values of no known type')}; save it again as 8-bit or 16-bit sRGB")
    if not 0 <= page.samplesperpixel - _SAMPLES[page.photometric] <= 1:
        raise LowlightError(f"{path} holds {page.samplesperpixel} channels ({kind}); expected RGB, grey or CMYK, with one of alpha at most")
    if page.photometric == PHOTOMETRIC.YCBCR and page.compression not in _JPEG:
        raise LowlightError(f"{path} holds YCbCr without JPEG compression; save it again as RGB")
    if page.photometric == PHOTOMETRIC.SEPARATED and _value(page, _INK_SET, _CMYK) != _CMYK:
        raise LowlightError(f"{path} is separated into inks other than CMYK; save it again as RGB")


def _channels_last(page):
    """Decodes a page: [H, W, C]."""
    values = page.asarray()
    if page.samplesperpixel > 1 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        values = np.moveaxis(values, 0, -1)
    return values.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)


def _to_16_bits(values, bits):
    """Scales integers of 1 to 16 bits so that their largest value becomes 65535: uint16."""
    if bits in (8, 16):
        return values.astype(np.uint16) * np.uint16(257 if bits == 8 else 1)
    return np.round(np.arange(1 << bits) * (65535 / ((1 << bits) - 1))).astype(np.uint16)[values.astype(np.uint16)]


def _of_palette(values, page):
    colors = np.asarray(page.colormap, np.uint16)
    return (colors if colors.max() > 255 else colors * np.uint16(257))[:, values[..., 0]].transpose(1, 2, 0)


def _of_lab(values, page):
    """Reads L*a*b* by TIFF 6.0, section 23 (a* and b* signed), or as ICC profiles store it (a* and b* with an offset)."""
    bits, signed = page.bitspersample, page.photometric == PHOTOMETRIC.CIELAB
    unit = 1 if bits == 8 else 256
    if signed:
        chroma = values[..., 1:].view(np.int8 if bits == 8 else np.int16).astype(np.float32)
    else:
        chroma = values[..., 1:].astype(np.float32) - 128 * unit
    white = 65280 if not signed and bits == 16 else (1 << bits) - 1
    return lab_to_srgb(np.concatenate([values[..., :1].astype(np.float32) * (100 / white), chroma / unit], axis=-1))


def _without_alpha(values, page, notes):
    """Takes the channel beyond the colours away; where it is alpha, what it hides becomes black, as a frame's border is."""
    colors = _SAMPLES[page.photometric]
    if page.samplesperpixel == colors:
        return values
    kind = np.ravel(_value(page, _EXTRA_SAMPLES, 0))[0]
    hidden = values[..., colors] < values.dtype.type((1 << page.bitspersample) - 1)
    if kind == _UNASSOCIATED and hidden.any() and page.photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.MINISBLACK):
        notes.append("transparent parts made black")
        return over_black(values)
    notes.append("alpha left out" if kind in (_ASSOCIATED, _UNASSOCIATED) else "a channel beside the colours left out")
    return np.ascontiguousarray(values[..., :colors])


def over_black(values):
    """Lays a picture with alpha, uint8 or uint16 [H, W, C + 1], on black: [H, W, C] of the same type."""
    colors = np.empty_like(values[..., :-1])
    most = np.iinfo(values.dtype).max
    for row in range(0, len(values), 256):  # a whole frame in 64 bits would take a gigabyte
        strip = values[row : row + 256].astype(np.uint64)
        colors[row : row + 256] = (strip[..., :-1] * strip[..., -1:] + most // 2) // most
    return colors


def read_tiff(path):
    """Reads the largest page of a TIFF.

    Args:
      path: a TIFF.
    Returns:
      (uint16 [H, W, C], an ICC profile's bytes or None, the page's orientation as EXIF counts or None, list of notes): C is 3 of RGB, 1 of
      grey, or 4 of CMYK, which always has a profile.
    Raises:
      LowlightError: for what cannot become RGB. Whatever tifffile raises for a damaged file.
    """
    with tifffile.TiffFile(path) as tiff:
        pages = _pictures(tiff)
        if not pages:
            raise LowlightError(f"{path} holds no picture (a TIFF without pages); make it again or leave it out")
        page, notes = _largest(pages), []
        _check(page, path)
        profile = _value(page, _PROFILE)
        if page.photometric == PHOTOMETRIC.SEPARATED and not profile:
            raise LowlightError(f"{path} is CMYK without a colour profile; save it again as sRGB")
        if sum(other.shape == page.shape for other in pages) > 1:
            notes.append("the first of several pages of its size")
        values = _without_alpha(_channels_last(page), page, notes)
        orientation = _value(page, _ORIENTATION)
        if page.photometric in _LAB:
            return _of_lab(values, page), None, orientation, notes
        if page.photometric == PHOTOMETRIC.PALETTE:
            return _of_palette(values, page), profile, orientation, notes
        values = _to_16_bits(values, page.bitspersample)
        return 65535 - values if page.photometric == PHOTOMETRIC.MINISWHITE else values, profile, orientation, notes
