"""What training minimises."""

import tensorflow as tf


def l1(output, target):
    """Mean absolute difference of the unclipped output and the target.

    Args:
      output, target: float32 [B, H, W, 3].
    Returns:
      float32 scalar.
    Reference: Chen et al., CVPR 2018, section 4.2.
    """
    return tf.reduce_mean(tf.abs(output - target))
