"""One element a file on Apache Beam, on whatever runner: what the simulation's and the enhancement's jobs share.

The workers need this package with its requirements, and must see all files by the same paths: a shared disk.
"""

import os
import re
import shlex

from lowlight_tf.console import visible
from lowlight_tf.errors import LowlightError, OutputError, UsageError
from lowlight_tf.stages import line_of

RUNNERS = ("DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")


def runner_arguments(text):
    """Splits a runner's own options as a shell does.

    Raises:
      UsageError: for an open quote, or a runner named among them.

    >>> runner_arguments("--flink_master=host:8081 --parallelism=16")
    ['--flink_master=host:8081', '--parallelism=16']
    """
    try:
        arguments = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--beam_args={text}: {str(error).lower()}") from error
    if any(argument.split("=")[0] == "--runner" for argument in arguments):
        raise UsageError("--beam_args names a --runner; it has a flag of its own")
    return arguments


def load_beam():
    """Imports Apache Beam, which is optional.

    Raises:
      LowlightError: where it is missing.
    """
    try:
        import apache_beam
    except ModuleNotFoundError as error:
        raise LowlightError("a Beam runner needs Apache Beam; run: pip install apache-beam") from error
    return apache_beam


def _cell(value):
    """A cell of a table that spreadsheets open, and that programs read: control characters are spelt out, bytes that are no UTF-8 stay what
    they are, and no name is taken for a formula."""
    text = "".join(letter if "\udc80" <= letter <= "\udcff" else visible(letter) for letter in str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _attempt(element, work, name):
    """Does the work on an element; yields a line for the side list where its file cannot be used, else nothing."""
    try:
        with line_of(name(element)):
            work(element)
    except OutputError:
        raise  # the next element would fail the same way
    except LowlightError as error:
        yield os.fsencode(f"{_cell(name(element))}\t{_cell(error)}")


def _remove_side_list(path):
    """Removes what an earlier job wrote.

    Raises:
      LowlightError: where the file is no such list.
    """
    try:
        if not all(re.fullmatch(rb"[^\t]+\t[^\t]+", line) for line in path.read_bytes().splitlines()):
            raise LowlightError(f"{path} is no list of an earlier job and stays; name another folder for the results, or move it")
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def run_elements(elements, work, name, skipped, runner, arguments):
    """Does a piece of work for each element on a Beam runner.

    Args:
      elements: list of values that pickle, with all paths absolute.
      work: function of an element that pickles; it raises a LowlightError where a file cannot be used.
      name: function of an element that pickles; what the side list calls it.
      skipped: pathlib.Path of the side list, a line "<name><tab><reason>" for each element that failed; written anew.
      runner: one of RUNNERS.
      arguments: list of the runner's own options, such as "--flink_master=host:8081".
    Returns:
      list of the reasons, by name.
    Raises:
      LowlightError: where the runner fails, or `skipped` is a file of something else.
    """
    beam = load_beam()
    _remove_side_list(skipped)
    try:
        options = beam.options.pipeline_options.PipelineOptions([*arguments, f"--runner={runner}"])
        with beam.Pipeline(options=options) as pipeline:
            failures = pipeline | beam.Create(elements) | beam.Reshuffle() | beam.FlatMap(_attempt, work, name)
            # A file's name need not be UTF-8, so lines are bytes.
            failures | beam.io.WriteToText(str(skipped), shard_name_template="", coder=beam.coders.BytesCoder())
    except Exception as error:  # whatever a runner raises, a person wants its last line
        raise LowlightError(
            f"the {runner} failed: {str(error).strip().splitlines()[-1][:300]}; check --beam_args, then run the same "
            "command again: it goes on from what is done"
        ) from error
    return [os.fsdecode(line).split("\t", 1)[1] for line in sorted(skipped.read_bytes().splitlines())]
