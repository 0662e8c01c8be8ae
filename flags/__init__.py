"""absl flags and presets -> frozen configs -> one library call. The package below knows nothing of flags.

A checkout has this folder at its top, and an installed package has it as lowlight_tf.flags: so its modules import each other relatively.
"""
