"""What this machine computes with, and what is set before TensorFlow starts."""

import pathlib
import platform

from lowlight_tf.console import quiet_stderr

_CPU_FACTS = pathlib.Path("/proc/cpuinfo")  # Linux only


def _fact(name):
    lines = _CPU_FACTS.read_text(errors="replace").splitlines() if _CPU_FACTS.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


def processor():
    """Returns what the system calls its processor, such as "Intel(R) Xeon(R) Processor" or "AMD EPYC"; "" where it does not say."""
    return _fact("model name") or platform.processor()


def is_intel():
    """Tells whether Intel made the processor: what the system calls it need not say so, on a virtual machine for one."""
    return _fact("vendor_id") == "GenuineIntel" or "intel" in processor().lower()


def prepare_devices():
    """Loads TensorFlow and lets it take a GPU's memory as it needs it, not all of it at once: others may use that GPU too.

    To be called before TensorFlow has started its devices. Without a GPU it changes nothing.
    """
    with quiet_stderr():  # TensorFlow's loader talks about GPUs it does not find
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)


def limit_threads(per_operation):
    """Lets each operation use so many threads, 0 for all; operations still run side by side. To be called before TensorFlow's first.

    Small convolutions gain nothing from sharing each one: on two cores a training step of four patches of 64 packed pixels at base width 16
    took 46 ms with two threads an operation and 33 ms with one, while two ran side by side. The order of sums, and so the last bits of
    results, depends on it.
    """
    if per_operation:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(per_operation)
