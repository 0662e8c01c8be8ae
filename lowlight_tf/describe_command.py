"""What `python -m lowlight_tf describe` takes, and what it calls."""

import argparse

from lowlight_tf.arguments import size
from lowlight_tf.console import output
from lowlight_tf.network import DOWNSAMPLES, HEADS, NETWORK_INPUTS, NETWORKS
from lowlight_tf.raw.cameras import CAMERAS

# Of a network that is described: what train.py's flags of the same names take.
_VARIATIONS = {
    "network": NETWORKS,
    "network_input": NETWORK_INPUTS,
    "base_width": int,
    "downsample": DOWNSAMPLES,
    "pool_window": int,
    "extra_blocks": int,
    "head": HEADS,
    "head_units": int,
    "place_planes": bool,
}


def _describe(options, problems):
    from lowlight_tf.describe import chosen, table

    given = {name: getattr(options, name) for name in _VARIATIONS if getattr(options, name) is not None}
    output(table(*chosen(options.checkpoint_dir, options.camera, given), options.size))


def _renamed(value):
    raise argparse.ArgumentTypeError(f"is called --network here; give --network={value}")


def add_describe(tools):
    """Adds the tool to argparse's subparsers."""
    tool = tools.add_parser("describe", help="dimensions, parameters and multiplications of each block of a network")
    tool.add_argument("--checkpoint_dir", default="", help="folder of a model, or:")
    tool.add_argument("--camera", default="", choices=["", *CAMERAS], help="whose network it is, with these variations:")
    for name, allowed in _VARIATIONS.items():
        kind = {int: {"type": int}, bool: {"action": "store_true", "default": None}}.get(allowed) or {"choices": allowed}
        tool.add_argument(f"--{name}", **kind, help="as train.py's")
    tool.add_argument("--model", type=_renamed, help=argparse.SUPPRESS)  # its name in version 0.1.0
    tool.add_argument("--size", type=size, default=(512, 512), help="of its input, HEIGHTxWIDTH in packed pixels (512x512)")
    tool.set_defaults(run=_describe)
