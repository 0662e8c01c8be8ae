"""A camera is a row of data: its colour filter array (CFA), its levels, the order in which its mosaic is packed; and which files fit it."""

import dataclasses

import numpy as np

from lowlight_tf.errors import LowlightError

# How far a file's black level may lie from its camera's row: drift and firmware make a few counts, another camera hundreds.
_BLACK_TOLERANCE = 64

# SID's order for X-Trans, a row for each packed channel: the (row, column) in the 6x6 tile that feeds the tile's four cells,
# top left, top right, bottom left, bottom right. From pack_raw of the original Fuji scripts.
_XTRANS_SOURCES = (
    ((0, 0), (0, 4), (3, 1), (3, 3)),  # 0 R
    ((0, 2), (0, 5), (3, 2), (3, 5)),  # 1 G
    ((0, 1), (0, 3), (3, 0), (3, 4)),  # 2 B
    ((1, 2), (2, 5), (5, 2), (4, 5)),  # 3 R
    ((2, 2), (1, 5), (4, 2), (5, 5)),  # 4 B
    ((1, 0), (1, 3), (4, 0), (4, 3)),  # 5 G
    ((1, 1), (1, 4), (4, 1), (4, 4)),  # 6 G
    ((2, 0), (2, 3), (5, 0), (5, 3)),  # 7 G
    ((2, 1), (2, 4), (5, 1), (5, 4)),  # 8 G
)


@dataclasses.dataclass(frozen=True)
class Camera:
    """What the code needs to know of a camera.

    Attributes:
      name: what `--camera` takes.
      folder: the camera's folder in SID's layout, and the prefix of its list files.
      cfa: colours of one CFA tile in row-major order, e.g. "RGGB", 4 or 36 letters, in the phase the packing expects.
      pack_order: for each cell of the tile (row-major), the (row, column) in the tile of each packed channel.
      black_level, white_level: sensor counts, or None to take them from each file.
      make, model, xyz_to_camera: the sensor that photographs are simulated for; the matrix goes from CIE XYZ (D65) to camera colour.
      exposure_ratios: those that simulated pairs draw from; SID's for both of its cameras.
      black_offsets: counts that are added to the black levels of a frame's R, G, B and second G: what `calibrate` found on pairs.
    """

    name: str
    folder: str
    cfa: str
    pack_order: tuple
    black_level: int | None = None
    white_level: int | None = None
    make: str = ""
    model: str = ""
    xyz_to_camera: tuple = ()
    exposure_ratios: tuple = (100, 250, 300)
    black_offsets: tuple = (0.0, 0.0, 0.0, 0.0)

    @property
    def levels(self):
        """(black, white) counts that a simulated frame is recorded with; the A7S II's where the row leaves them to each file."""
        return self.black_level or 512, self.white_level or 16383

    def with_offsets(self, black_level):
        """Adds the row's black_offsets to 4 black levels."""
        return tuple(level + offset for level, offset in zip(black_level, self.black_offsets, strict=True))

    @property
    def tile(self):
        """Side of the CFA's period in photosites: 2 for Bayer, 6 for X-Trans."""
        return {4: 2, 36: 6}[len(self.cfa)]

    @property
    def cells(self):
        """Packed pixels along one side of a tile: 1 for Bayer, 2 for X-Trans."""
        return {1: 1, 4: 2}[len(self.pack_order)]

    @property
    def channels(self):
        """Packed channels: 4 for Bayer, 9 for X-Trans."""
        return len(self.pack_order[0])

    @property
    def upscale(self):
        """Mosaic pixels along one side of a packed pixel: 2 for Bayer, 3 for X-Trans."""
        return self.tile // self.cells

    @property
    def gather_order(self):
        """Positions in a flattened tile, ordered by cell and channel: a permutation of range(tile * tile)."""
        return tuple(row * self.tile + column for cell in self.pack_order for row, column in cell)

    @property
    def channel_colors(self):
        """Index into (R, G, B, second G) of each packed channel; the second G is the one in a Bayer tile's blue row."""
        colors = ["RGB".index(self.cfa[row * self.tile + column]) for row, column in self.pack_order[0]]
        if self.tile == 2:
            colors[-1] = 3
        return tuple(colors)


# Colour matrices: Adobe's ColorMatrix for D65, as dcraw and LibRaw list them for the two cameras of SID.
_BAYER = {
    "cfa": "RGGB",
    "pack_order": (((0, 0), (0, 1), (1, 1), (1, 0)),),
    "make": "Sony",
    "model": "ILCE-7SM2",
    "xyz_to_camera": ((0.5838, -0.1430, -0.0246), (-0.3497, 1.1477, 0.2297), (-0.0748, 0.1885, 0.5778)),
}
_XTRANS = {
    "cfa": "RBGBRGGGRGGBGGBGGRBRGRBGGGBGGRGGRGGB",
    "pack_order": tuple(zip(*_XTRANS_SOURCES, strict=True)),
    "make": "Fujifilm",
    "model": "X-T2",
    "xyz_to_camera": ((1.1434, -0.4948, -0.1210), (-0.3746, 1.2042, 0.1903), (-0.0666, 0.1479, 0.5235)),
}

CAMERAS = {
    camera.name: camera
    for camera in (
        Camera("sony", "Sony", black_level=512, white_level=16383, **_BAYER),  # SID's Sony A7S II
        Camera("fuji", "Fuji", black_level=1024, white_level=16383, **_XTRANS),  # SID's Fuji X-T2
        Camera("bayer", "Bayer", **_BAYER),  # any Bayer camera, levels from its files
        Camera("xtrans", "XTrans", **_XTRANS),  # any X-Trans camera, levels from its files
    )
}


def tile_colors(cfa):
    """Returns a CFA's letters as int [tile, tile] indices into R, G, B, second G; the second G is the one in a Bayer tile's blue row.

    >>> tile_colors("GRBG").tolist()
    [[1, 0], [2, 3]]
    """
    tile = {4: 2, 36: 6}[len(cfa)]
    colors = np.reshape(["RGB".index(letter) for letter in cfa], [tile, tile])
    if tile == 2:
        blue_row = (colors == 2).any(axis=1, keepdims=True)
        colors = np.where(blue_row & (colors == 1), 3, colors)
    return colors


def cfa_offset(cfa, camera):
    """Finds where a mosaic's CFA first stands in the phase that `camera` is packed in.

    Args:
      cfa: colours of the top-left tile of a mosaic in row-major order, e.g. "GBRG".
      camera: a Camera.
    Returns:
      (row, column), each in range(camera.tile), of the first whole tile in the camera's own phase; None where the CFA is another.

    >>> cfa_offset("RGGB", CAMERAS["sony"]), cfa_offset("GBRG", CAMERAS["sony"]), cfa_offset("RGBW", CAMERAS["sony"])
    ((0, 0), (1, 0), None)
    """
    tile = camera.tile
    if len(cfa) != tile * tile:
        return None
    for row in range(tile):
        for column in range(tile):
            shifted = "".join(cfa[(row + y) % tile * tile + (column + x) % tile] for y in range(tile) for x in range(tile))
            if shifted == camera.cfa:
                return row, column
    return None


def cfa_kind(cfa):
    """Returns what a CFA's letters are called: "Bayer" or "X-Trans"."""
    return "X-Trans" if len(cfa) == 36 else "Bayer"


def generic_camera(path, cfa):
    """Returns the Camera, bayer or xtrans, that any file of a CFA fits.

    Raises:
      LowlightError: for a CFA that is neither.
    """
    found = next((CAMERAS[name] for name in ("bayer", "xtrans") if cfa_offset(cfa, CAMERAS[name]) is not None), None)
    if found is None:
        raise LowlightError(f"{path} has the CFA {cfa}, which is neither Bayer's nor X-Trans' as it is known here; no model fits it")
    return found


def check_cfa(path, cfa, camera, remedy="name a model of {kind} cameras with --checkpoint_dir"):
    """Returns `cfa_offset`; refuses a file whose CFA is another.

    Args:
      path: the file, for the message.
      cfa: its letters.
      camera: the model's Camera.
      remedy: what to do about it; {kind} stands for the file's kind of CFA, {generic} for the generic camera's name.
    Raises:
      LowlightError: where the model is of another CFA.
    """
    offset = cfa_offset(cfa, camera)
    if offset is None:
        advice = remedy.format(kind=cfa_kind(cfa), generic=generic_camera(path, cfa).name)
        raise LowlightError(f"{path} is {cfa_kind(cfa)}, the model is of {cfa_kind(camera.cfa)} cameras; {advice}")
    return offset


def is_of_another(black_level, camera):
    """Tells whether a file with these black levels, 4 counts, must be of another camera; False where the row leaves them to each file."""
    return camera.black_level is not None and max(abs(level - camera.black_level) for level in black_level) > _BLACK_TOLERANCE
