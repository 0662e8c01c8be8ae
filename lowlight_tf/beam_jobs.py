"""One element a file on Apache Beam, on whatever runner: what the simulation's and the enhancement's jobs share.

The workers need this package with its requirements, and must see all files by the same paths: a shared disk.
"""

import contextlib
import functools
import hashlib
import importlib
import io
import os
import pickle
import re
import shlex
import shutil

from lowlight_tf.console import visible
from lowlight_tf.errors import LowlightError, OutputError, UsageError, first_line
from lowlight_tf.files import atomic_path, sweep, temporary_path
from lowlight_tf.stages import line_of

RUNNERS = ("DirectRunner", "DaskRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")  # the best known; any other goes, too
_DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"  # Beam has it and does not list it
_PACKAGES = {"DaskRunner": "dask distributed", "DataflowRunner": "'apache-beam[gcp]'", "InteractiveRunner": "'apache-beam[interactive]'"}
_PARTITIONS = ("--dask_npartitions", "--dask_partition_size")
_MOST_TASKS = 10_000  # Dask's scheduler takes about a millisecond for each


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


def _listed_runners(beam):
    """Returns {name in lower case: full name of the class} of what Beam has."""
    listed = (*beam.options.pipeline_options.StandardOptions.ALL_KNOWN_RUNNERS, _DASK)
    return {path.rpartition(".")[2].lower(): path for path in listed}


def _load_runner(path, is_listed):
    """Imports a runner's class.

    Raises:
      LowlightError: where a package is missing. UsageError: where there is no such class.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # without its packages a runner's module fails in many ways
        gone = error.name if isinstance(error, ModuleNotFoundError) else ""
        if not is_listed and gone and f"{module}.".startswith(f"{gone}."):
            raise UsageError(f"there is no module {module} that holds a Beam runner; check its name, or install what has it") from error
        if packages := _PACKAGES.get(name) or gone.partition(".")[0]:
            raise LowlightError(f"the {name} needs more than Apache Beam; run: pip install {packages}") from error
        raise LowlightError(f"the {name} cannot be loaded: {first_line(error)}") from error
    if found is None:
        raise UsageError(f"the module {module} has no Beam runner {name}; check its name")
    return found


def find_runner(name):
    """Finds a Beam runner by its name, and imports Beam and it.

    Args:
      name: as Beam takes it: FlinkRunner, flink, or the full name of a class, such as my_package.MyRunner.
    Returns:
      the full name of its class.
    Raises:
      LowlightError: where Beam is missing, or a package that the runner needs. UsageError: where there is no such runner.
    """
    beam = load_beam()
    listed = _listed_runners(beam)
    path = listed.get(name.lower()) or listed.get(f"{name.lower()}runner") or name
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", path):
        raise UsageError(f"Beam has no runner {name!r}; expected one such as {', '.join(RUNNERS)}, or the full name of a runner's class")
    found = _load_runner(path, path in listed.values())
    if not (isinstance(found, type) and issubclass(found, beam.runners.runner.PipelineRunner)):
        raise UsageError(f"{name} is no Beam runner; expected a class made from apache_beam.runners.PipelineRunner")
    return path


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


def _attempt_and_note(element, work, name, notes):
    """Does the work on an element; where its file cannot be used, writes the side list's line into a file of its own.

    A runner may do an element twice; its line is then in the same file. Beam's own sink of text is not used: under the DaskRunner it
    has each worker do all of the work once more (see docs/decisions/many_machines.md).
    """
    for line in _attempt(element, work, name):
        named = hashlib.sha256(line.split(b"\t")[0]).hexdigest()
        with atomic_path(notes / f"{named}.line") as temporary:
            temporary.write_bytes(line)
    return ()


@functools.lru_cache(maxsize=1)
def _unpacked(functions):
    return pickle.loads(functions)


def _unpack_and_attempt(element, functions, notes):
    """As `_attempt_and_note`, of what only workers unpickle: Dask's scheduler would else load TensorFlow with the functions' modules."""
    return _attempt_and_note(pickle.loads(element), *_unpacked(functions), notes)


def _noted_lines(notes):
    """Returns the lines in the files, sorted. What a killed worker had half written begins with a dot, and has been written again."""
    return sorted(note.read_bytes() for note in notes.glob("[!.]*.line"))


def _spread(path, arguments, count):
    """Adds how Dask divides the elements: one a task. The DaskRunner's own choice is 128, so that a small job is a single worker's."""
    if path != _DASK or any(argument.startswith(_PARTITIONS) for argument in arguments):
        return arguments
    return [*arguments, f"--dask_partition_size={-(-count // _MOST_TASKS)}"]


def _pipeline_options(beam, path, arguments):
    """Parses a runner's options.

    Raises:
      UsageError: where a value is none that the option takes.
    """
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            options = beam.options.pipeline_options.PipelineOptions([*arguments, f"--runner={path}"])
            options.get_all_options(retain_unknown_options=True)
            return options
        except SystemExit as error:
            raise UsageError(f"--beam_args: {said.getvalue().strip().rpartition('error: ')[2]}") from error


def _said(error):
    """Returns the line that says most of what a runner raises: our own, or the last one that is no link to a page."""
    line = (str(error).strip() or type(error).__name__).splitlines()[-1][:300]
    if error.__cause__ is not None and (isinstance(error.__cause__, LowlightError) or line.startswith("http")):
        return _said(error.__cause__)
    return line


def _run(beam, elements, attempt, options):
    """Runs the pipeline to its end, and leaves no connection to a scheduler behind."""
    pipeline = beam.Pipeline(options=options)
    try:
        with pipeline:
            _ = pipeline | beam.Create(elements) | beam.Reshuffle() | beam.FlatMap(*attempt)
    finally:
        client = getattr(getattr(pipeline, "result", None), "client", None)  # Dask's
        if client is not None:
            client.close()


def run_elements(elements, work, name, skipped, runner, arguments):
    """Does a piece of work for each element on a Beam runner.

    Args:
      elements: list of values that pickle, with all paths absolute.
      work: function of an element that pickles; it raises a LowlightError where a file cannot be used.
      name: function of an element that pickles; what the side list calls it.
      skipped: pathlib.Path of the side list, a line "<name><tab><reason>" for each element that failed; written anew.
      runner: as of `find_runner`.
      arguments: list of the runner's own options, such as "--flink_master=host:8081".
    Returns:
      list of the reasons, by name.
    Raises:
      LowlightError: where the runner fails, or `skipped` is a file of something else. UsageError: as `find_runner`, and for a bad option.
    """
    beam, path = load_beam(), find_runner(runner)
    options = _pipeline_options(beam, path, _spread(path, arguments, len(elements)))
    _remove_side_list(skipped)
    sweep(skipped.parent)
    notes = temporary_path(skipped)
    try:
        _run(beam, [pickle.dumps(element) for element in elements], (_unpack_and_attempt, pickle.dumps((work, name)), notes), options)
        lines = _noted_lines(notes)
    except Exception as error:  # whatever a runner raises, a person wants its last line
        raise LowlightError(
            f"the {path.rpartition('.')[2]} failed: {_said(error)}; check --beam_args, then run the same "
            "command again: it goes on from what is done"
        ) from error
    finally:
        shutil.rmtree(notes, ignore_errors=True)
    with atomic_path(skipped) as temporary:
        temporary.write_bytes(b"".join(line + b"\n" for line in lines))
    return [os.fsdecode(line).split("\t", 1)[1] for line in lines]
