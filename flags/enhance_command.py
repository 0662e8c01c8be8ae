"""Enhances dark photographs: python enhance.py IMG.ARW, several files, globs or folders.

Each becomes a bright, clean picture in results/enhanced. See --help.
"""

from absl import flags

from lowlight_tf.errors import UsageError

from . import enhance_flags, entry

FLAGS = flags.FLAGS


def _run(files, problems):
    settings = enhance_flags.settings()
    config = enhance_flags.enhance_config(settings)
    if settings and not files:
        if not settings.folder:
            raise UsageError(f"{FLAGS.settings} does not say where its photographs lie; name them, or their folder")
        files = [settings.folder]
    if FLAGS.beam_runner:
        from lowlight_tf.enhancement.beam import enhance_on_beam

        enhance_on_beam(files, config, problems, FLAGS.beam_runner, enhance_flags.beam_arguments())
    else:
        from lowlight_tf.enhancement.enhance import enhance

        enhance(files, config, problems, settings)


def _check(files):
    if not files and not FLAGS.settings:
        raise UsageError("no photographs are named; give files, globs or folders: python enhance.py IMG.ARW")
    enhance_flags.check()


def main():
    """Runs enhance.py, or lowlight-enhance where the package is installed, and exits."""
    entry.run(_run, description=__doc__, modules=[enhance_flags], preset_names=lambda: [], check=_check, takes_files=True)
