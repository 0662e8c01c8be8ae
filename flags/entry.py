"""What every entry script does around its one library call: presets, --help, errors as one line, exit codes."""

import contextlib
import math
import os
import pathlib
import re
import shlex
import signal
import sys

from absl import flags

from lowlight_tf.console import flush_output, ignore_interrupts, interrupt, prepare_streams, warn
from lowlight_tf.devices import prepare_devices
from lowlight_tf.errors import LowlightError, Problems, UsageError

FLAGS = flags.FLAGS
PRESETS = pathlib.Path(__file__).parent
_RENAMED = {"model": "network"}  # a flag of train.py in version 0.1.0 -> what it is called now
# Two ways to say one thing: naming one on the command line takes the other's preset away.
_ALTERNATIVES = (("steps", "epochs"), ("decay_step", "decay_epoch"))


def read_preset(name):
    """Returns the flags in flags/<name>.flags as arguments; none where there is no such file."""
    path = PRESETS / f"{name}.flags"
    return shlex.split(path.read_text(), comments=True) if path.is_file() else []


def _parse(arguments):
    try:
        rest = FLAGS(arguments)
    except flags.UnrecognizedFlagError as error:
        name = _RENAMED.get(error.flagname)
        if name in FLAGS:
            value = str(error.flagvalue).partition("=")[2] or FLAGS[name].default
            raise UsageError(f"--{error.flagname} is called --{name} here; give --{name}={value}") from error
        raise UsageError(f"{' '.join(str(error).split())}; see --help") from error
    except flags.Error as error:
        raise UsageError(f"{' '.join(str(error).split())}; see --help") from error
    for name in FLAGS:
        value = FLAGS[name].value
        if isinstance(value, float) and not math.isfinite(value):  # no bound refuses a NaN: it is neither below nor above
            raise UsageError(f"--{name}={value} is no finite number; expected one such as {FLAGS[name].default or 1.0}")
    return rest


def parse(argv, preset_names, takes_files=False):
    """Parses flags: defaults, then the presets in turn, then the command line, each winning over what came before.

    Args:
      argv: the program's arguments, with its name first.
      preset_names: function without arguments, called once the command line is parsed, that names the presets it asks for.
      takes_files: arguments that are no flags are files, and may stand before, between and after flags.
    Returns:
      list of the arguments that are no flags.
    Raises:
      UsageError: for an unknown flag, a bad value, or an argument that is no flag where none is expected.
    """
    FLAGS.set_gnu_getopt(takes_files)
    rest = _parse(argv)
    if len(rest) > 1 and not takes_files:
        raise UsageError(f"unexpected argument {rest[1]!r}; every option is a flag, such as --camera=sony; see --help")
    given = {name for name in FLAGS if FLAGS[name].present}
    for pair in _ALTERNATIVES:
        if given.issuperset(pair):
            raise UsageError(f"--{pair[0]} and --{pair[1]} say the same thing; give one of them")
        if given & set(pair):
            given |= set(pair)
    preset = []
    for argument in (argument for name in preset_names() for argument in read_preset(name)):
        name = argument.lstrip("-").split("=")[0]
        name = name if name in FLAGS else name.removeprefix("no")
        if name in FLAGS and name not in given:
            preset.append(argument)
    return _parse([argv[0], *preset, *argv[1:]])[1:]


def _as_called(text):
    """Names the programs in a text as they were called: as scripts of a checkout, or as the commands of an installed package."""
    return text if sys.argv[0].endswith(".py") else re.sub(r"python (\w+)\.py", r"lowlight-\1", text)


def _help(description, modules):
    lines = [_as_called(description)]
    if "dataset" in FLAGS:
        lines.append(f"Presets that --camera and --dataset choose are in {PRESETS}/*.flags; any flag here wins over them.")
    for module in modules:
        lines.append("")
        lines.append(module.__doc__.splitlines()[0].rstrip("."))
        for flag in FLAGS.flags_by_module_dict().get(module.__name__, []):
            default = "" if flag.default in ("", None) else f" [{flag.default}]"
            lines.append(f"  --{flag.name:22} {flag.help}{default}")
    return "\n".join(lines)


def run(main, *, description, modules, preset_names, check=lambda: None, interrupted=lambda: 130, takes_files=False):
    """Runs an entry script and exits.

    Args:
      main: function of Problems that does the work, or of the files named and Problems where it takes files; what it returns, where that
        is not 0 or None, is the exit code.
      description: the first lines of --help.
      modules: the modules whose flags the script has, in the order of --help.
      preset_names: see `parse`.
      check: refuses flags that do not go together; called before TensorFlow is loaded, with the files named where it takes files.
      interrupted: function without arguments that returns the exit code after Ctrl-C or SIGTERM outside the parts that save by themselves.
      takes_files: see `parse`.
    """
    signal.signal(signal.SIGTERM, interrupt)
    prepare_streams()
    problems = Problems()
    try:
        if {"--help", "-h", "--helpfull"} & set(sys.argv[1:]):
            with contextlib.suppress(OSError):
                print(_help(description, modules))
            sys.exit(0 if flush_output() else 1)
        files = parse(sys.argv, preset_names, takes_files)
        check(files) if takes_files else check()
        prepare_devices()
        code = (main(files, problems) if takes_files else main(problems)) or (1 if problems.messages else 0)
    except LowlightError as error:
        warn(f"error: {_as_called(str(error))}")
        code = 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        ignore_interrupts()
        warn("Interrupted. What was finished is kept; run the same command again to go on.")
        code = interrupted()
    if problems.messages:
        warn(*problems.summary())
    flush_output()
    # Not sys.exit: threads of tf.data and collectives may still hold the interpreter when a run was cut short.
    os._exit(code)
