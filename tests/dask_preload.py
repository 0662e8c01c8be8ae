"""What a Dask worker of test_beam_on_dask.py loads before it takes work: it tells how far it is, and stops where the test wants to kill it.

MARKS is a folder of files that tell of what has happened, ROLE the worker's name: `victim` or `survivor`.
"""

import os
import pathlib
import time

_PATIENCE = 300  # seconds; a test that is in order never waits so long
_MARKS, _ROLE = pathlib.Path(os.environ["MARKS"]), os.environ["ROLE"]


def _mark(name):
    (_MARKS / name).touch()


def _wait_for(name):
    end = time.monotonic() + _PATIENCE
    while not (_MARKS / name).exists() and time.monotonic() < end:
        time.sleep(0.02)


def dask_setup(worker):
    """Wraps what is done for an element. Functions are pickled by their names, so the job finds these."""
    import lowlight_tf.enhancement.beam
    import lowlight_tf.simulation.beam  # noqa: F401  (TensorFlow is loaded before the scheduler knows of the worker)
    from lowlight_tf import beam_jobs, files

    do, put, begun = beam_jobs._attempt_and_note, files._put, []

    def do_and_tell(element, work, name, notes):
        begun.append(element)
        _mark(f"{_ROLE} began {len(begun)}")
        if len(begun) == 1:
            _wait_for("victim began 1")
            _wait_for("survivor began 1")
        elif _ROLE == "survivor":
            _wait_for("victim is in the middle")
        lines = do(element, work, name, notes)
        with open(_MARKS / f"done by {_ROLE}", "a", errors="surrogateescape") as log:
            log.write(f"{name(element)}\n")
        return lines

    def put_or_stop(temporary, path, may_replace):
        if _ROLE == "victim" and len(begun) == 2:
            _mark("victim is in the middle")
            time.sleep(_PATIENCE)  # the file is written and has not its name yet
        put(temporary, path, may_replace)

    beam_jobs._attempt_and_note, files._put = do_and_tell, put_or_stop
