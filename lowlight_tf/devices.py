"""What is set before TensorFlow starts."""

from lowlight_tf.console import quiet_stderr


def prepare_devices():
    """Loads TensorFlow and lets it take a GPU's memory as it needs it, not all of it at once: others may use that GPU too.

    To be called before TensorFlow has started its devices. Without a GPU it changes nothing.
    """
    with quiet_stderr():  # TensorFlow's loader talks about GPUs it does not find
        import tensorflow as tf
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
