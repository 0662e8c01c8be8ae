"""Enhances dark photographs: python enhance.py IMG.ARW, several files, globs or folders.

Each becomes a bright, clean picture in results/enhanced. See --help.
"""

from flags import enhance_flags, entry
from lowlight_tf.errors import UsageError


def main(files, problems):
    from lowlight_tf.enhancement import enhance
    enhance(files, enhance_flags.enhance_config(), problems)


def check(files):
    if not files:
        raise UsageError("no photographs are named; give files, globs or folders: python enhance.py IMG.ARW")
    enhance_flags.check()


if __name__ == "__main__":
    entry.run(main, description=__doc__, modules=[enhance_flags], preset_names=lambda: [], check=check, takes_files=True)
