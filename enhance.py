"""Enhances dark photographs: python enhance.py IMG.ARW, several files, globs or folders.

Each becomes a bright, clean picture in results/enhanced. See --help.
"""

from absl import flags

from flags import enhance_flags, entry
from lowlight_tf.errors import UsageError

FLAGS = flags.FLAGS


def main(files, problems):
    config = enhance_flags.enhance_config()
    if FLAGS.beam_runner:
        from lowlight_tf.enhancement_beam import enhance_on_beam
        enhance_on_beam(files, config, problems, FLAGS.beam_runner, enhance_flags.beam_arguments())
    else:
        from lowlight_tf.enhancement import enhance
        enhance(files, config, problems)


def check(files):
    if not files:
        raise UsageError("no photographs are named; give files, globs or folders: python enhance.py IMG.ARW")
    enhance_flags.check()


if __name__ == "__main__":
    entry.run(main, description=__doc__, modules=[enhance_flags], preset_names=lambda: [], check=check, takes_files=True)
