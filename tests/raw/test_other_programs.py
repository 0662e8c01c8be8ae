"""The linear DNG that we write, opened by two raw developers that people use: RawTherapee and darktable, where they are installed.

Both are told to develop neutrally. Their tone curves are their own, so chromaticities are compared, r / (r + g + b) and so on.
"""

import os
import shutil
import subprocess

import numpy as np
import pytest
import tifffile
from charts import colour_chart
from conftest import run_script, write_model
from ideal_model import ideal_model
from maker_table import TABLE, dng_row, maker_row
from raw_builders import write_arw, write_nef

from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import make_enhancer
from lowlight_tf.enhancement.jobs import Job
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.raw.light import Interface

CHART = colour_chart((192, 292))  # RawTherapee 5.9 opens no linear DNG of 96x144
ROWS = {
    "dng": dng_row(CHART),
    "arw": maker_row(write_arw, "a.arw", "ILCE-7SM2", CHART, black=512),
    "nef": maker_row(write_nef, "a.nef", "NIKON D700", CHART, shown=CHART.cropped(2, 0, 288, 192)),
}
# RawTherapee's own words: no automatic exposure or curve, the file's matrix and white balance, no look of a camera profile.
NEUTRAL = """[Exposure]
Auto=false
HistogramMatching=false
Curve=0;
Curve2=0;
[HLRecovery]
Enabled=false
[White Balance]
Enabled=true
Setting=Camera
[Color Management]
InputProfile=(camera)
ToneCurve=false
ApplyLookTable=false
ApplyBaselineExposureOffset=false
ApplyHueSatMap=false
WorkingProfile=ProPhoto
OutputProfile=RTv4_sRGB
OutputProfileIntent=Relative
OutputBPC=false
"""


def _run(program, folder, *arguments):
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_CACHE_HOME": str(folder / "cache")}
    result = subprocess.run([program, *map(str, arguments)], cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    output = folder / "developed.tif"
    assert output.exists(), (result.returncode, result.stdout, result.stderr)
    picture = tifffile.imread(output)
    assert picture.dtype != np.uint8
    return picture / (np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1.0)


def by_rawtherapee(path, folder):
    """Returns RawTherapee's picture, linear sRGB [H, W, 3]. Options: `rawtherapee-cli -h`; the profile's keys: RawPedia, "PP3 files"."""
    (folder / "neutral.pp3").write_text(NEUTRAL)
    coded = _run(
        "rawtherapee-cli", folder, "-q", "-o", folder / "developed.tif", "-p", folder / "neutral.pp3", "-t", "-b16", "-Y", "-c", path
    )
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def by_darktable(path, folder):
    """Returns darktable's picture, linear sRGB [H, W, 3]. Options: its manual, "darktable-cli"; workflow none leaves filmic out."""
    return _run(
        "darktable-cli",
        folder,
        path,
        folder / "developed.tif",
        "--icc-type",
        "LIN_REC709",
        "--apply-custom-presets",
        "0",
        "--core",
        "--configdir",
        folder / "darktable",
        "--cachedir",
        folder / "cache",
        "--library",
        ":memory:",
        "--disable-opencl",
        "--conf",
        "plugins/darkroom/workflow=none",
        "--conf",
        "plugins/imageio/format/tiff/bpp=32",
    )


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """A dict of row -> its linear DNG and its chart: the ideal network's, and for "script" what enhance.py writes without one."""
    folder = tmp_path_factory.mktemp("linear")
    enhance = make_enhancer(
        ideal_model(folder / "model", "bayer"), EnhanceConfig("", str(folder), "dng", 2.0, finish=Finish(1.0, linear=True))
    )
    made = {}
    for name, build in ROWS.items():
        (folder / name).mkdir()
        row = build(folder / name)
        enhance(Job(row.path, folder / f"{name}.dng"))
        made[name] = folder / f"{name}.dng", row.chart
    write_model(folder / "camera", copying=False, interface=Interface(white_balance=True, target="camera_rgb"))
    result = run_script(
        "enhance.py",
        folder / "arw" / "a.arw",
        "--checkpoint_dir=camera",
        "--format=dng",
        "--strength=0",
        "--ratio=2",
        "--result_dir=script",
        cwd=folder,
    )
    assert result.returncode == 0, result.stderr
    return {**made, "script": (folder / "script" / "a.dng", made["arw"][1])}


def _installed(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


@pytest.mark.parametrize("name", [*ROWS, "script"])
@pytest.mark.parametrize(
    "develop",
    [pytest.param(by_rawtherapee, marks=_installed("rawtherapee-cli")), pytest.param(by_darktable, marks=_installed("darktable-cli"))],
)
def test_our_linear_dng_has_our_colours_elsewhere(tmp_path, linear, develop, name):
    path, chart = linear[name]
    found, known = (chart.means(light) for light in (develop(path, tmp_path), chart.light))
    np.testing.assert_allclose(*(colours / colours.sum(axis=1, keepdims=True) for colours in (found, known)), rtol=0.03)


@_installed("darktable-cli")
@pytest.mark.parametrize("name", ["dng_gain_map_of_the_mosaic", "dng_no_balance"])
def test_darktable_agrees_with_the_table_where_libraw_cannot(tmp_path, name):
    """It applies the map, and takes daylight where a file has no balance: the chart's colours, at one brightness."""
    row = TABLE[name](tmp_path)
    found, known = (row.chart.means(light) for light in (by_darktable(row.path, tmp_path), row.chart.light))
    np.testing.assert_allclose(found, known / row.ratio, rtol=0.02)
