"""What enhance.py takes beside the network: its start, part by part, and a folder of small frames.

    python -m benchmarks.startup          # make bench runs it too; ROUNDS of the start (7)

The start is timed in processes of their own, which take turns with `python -c "import tensorflow"`. The small frames run in one process:
all stages as enhance.py runs them, then the network alone on the same inputs, in turns.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUNDS = int(os.environ.get("ROUNDS", "7"))
FRAMES, SIZE = 100, (384, 512)
MANY_ROUNDS = 3
PARTS = (
    "Python started",
    "imports before TensorFlow",
    "import tensorflow",
    "imports after it",
    "photographs listed",
    "model loaded",
    "first file decoded",
    "network traced and run, picture finished",
    "result written",
)


def prepare(folder):
    """Writes FRAMES small raw files into folder/many, and one into folder/one."""
    import numpy as np

    from benchmarks.raw_files import write_raw

    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    for number in range(FRAMES + 1):
        rng = np.random.RandomState(number)
        light = 40 * (1 + np.sin(columns / 37 + number) * np.cos(rows / 23))
        counts = 512 + rng.poisson(light) + rng.normal(0, 3, SIZE)
        path = folder / "many" / f"{number}.dng" if number < FRAMES else folder / "one" / "a.dng"
        path.parent.mkdir(exist_ok=True)
        write_raw(path, counts)


def _note_before_and_after(owner, name, before, after, notes):
    """Has the time noted when a function is called and when it returns; "" for not."""
    function = getattr(owner, name)

    def noting(*given, **named):
        notes[before] = time.monotonic()
        result = function(*given, **named)
        notes[after] = time.monotonic()
        return result

    setattr(owner, name, noting)


def start(folder):
    """Runs enhance.py on one frame in this process; writes when each of PARTS was done into folder/notes.json."""
    notes = {PARTS[0]: time.monotonic()}
    from flags import enhance_command, entry

    _note_before_and_after(entry, "prepare_devices", PARTS[1], PARTS[2], notes)
    run = enhance_command._run

    def run_with_notes(files, problems):
        from lowlight_tf.enhancement import enhance, shipped_model

        notes[PARTS[3]] = time.monotonic()
        _note_before_and_after(shipped_model, "load_model", PARTS[4], PARTS[5], notes)
        for stage, part in (("decode", PARTS[6]), ("develop", PARTS[7]), ("encode", PARTS[8])):
            _note_before_and_after(enhance._Stages, stage, "", part, notes)
        run(files, problems)
        (folder / "notes.json").write_text(json.dumps(notes))

    enhance_command._run = run_with_notes
    sys.argv = [str(ROOT / "enhance.py"), str(folder / "one"), f"--result_dir={folder / 'result'}", "--overwrite"]
    enhance_command.main()


def many(folder):
    """Enhances the small frames; prints seconds of wall and of CPU time: of all stages, and of the network alone."""
    import dataclasses

    from lowlight_tf import DEFAULT_MODEL
    from lowlight_tf.devices import prepare_devices

    prepare_devices()
    from lowlight_tf.enhancement import enhance
    from lowlight_tf.enhancement.config import EnhanceConfig
    from lowlight_tf.enhancement.engine import load_model
    from lowlight_tf.enhancement.jobs import plan_jobs
    from lowlight_tf.errors import Problems
    from lowlight_tf.pictures.finishing import Finish
    from lowlight_tf.stages import run_stages

    config = EnhanceConfig(str(DEFAULT_MODEL), str(folder / "result"), auto_strength=True, overwrite=True, finish=Finish(eight_bits=True))
    loaded, inputs, spent, problems = load_model(DEFAULT_MODEL), {}, {}, Problems()
    enhance.say = lambda *lines: None
    jobs = plan_jobs([str(folder / "many")], config.result_dir, config.suffix, problems, overwrite=True)

    def kept(given):
        inputs[len(inputs) % FRAMES] = given
        return loaded.run(given)

    stages = enhance._Stages(dataclasses.replace(loaded, run_once=kept), config, FRAMES, enhance.tqdm(disable=True), None)

    def timed(name):
        function = getattr(stages, name)

        def run(item):
            before = time.thread_time()
            result = function(item)
            spent[name] = spent.get(name, 0.0) + time.thread_time() - before
            return result

        return run

    def everything():
        run_stages(jobs, timed("decode"), timed("develop"), timed("encode"), problems)

    def network():
        for number in range(FRAMES):
            loaded.run(inputs[number]).numpy()

    def measured(work):
        wall, cpu = time.monotonic(), time.process_time()
        work()
        return time.monotonic() - wall, time.process_time() - cpu

    run_stages(jobs[:3], stages.decode, stages.develop, stages.encode, problems)
    inputs.clear()
    rounds = []
    for _ in range(MANY_ROUNDS):
        spent.clear()
        rounds.append((*measured(everything), *measured(network), *spent.values()))
    if problems.messages:
        sys.exit("\n".join(problems.messages))
    print(json.dumps([statistics.median(column) for column in zip(*rounds, strict=True)]))


def _child(what, folder):
    command = [sys.executable, "-m", "benchmarks.startup", what, str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # a user has compiled modules
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def _print_start(folder):
    _child("start", folder)  # the disk's cache, and compiled modules
    rows, alone = [], []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", "import tensorflow"], stderr=subprocess.DEVNULL, check=True)
        alone.append(time.monotonic() - begun)
        begun = time.monotonic()
        _child("start", folder)
        notes = json.loads((folder / "notes.json").read_text())
        rows.append([notes[part] - begun for part in PARTS])
    before = [[0.0, *row[:-1]] for row in rows]
    print("| part | its time, ms | since the call, ms |\n|---|---|---|")
    for number, part in enumerate(PARTS):
        own = statistics.median(row[number] - earlier[number] for row, earlier in zip(rows, before, strict=True))
        print(f"| {part} | {1000 * own:.0f} | {1000 * statistics.median(row[number] for row in rows):.0f} |")
    print(f'\n`python -c "import tensorflow"`: {1000 * statistics.median(alone):.0f} ms. enhance.py, beyond its own import of it:')
    for number, what in ((5, "until the first file is in work"), (6, "until it is in the network"), (8, "until its result is there")):
        more = statistics.median(row[number] - (row[2] - row[1]) for row in rows)
        print(f"{what} {more:.2f} s" + ("." if number == 8 else ","))


def _print_many(folder):
    wall, cpu, network_wall, network_cpu, *stages = json.loads(_child("many", folder).splitlines()[-1])
    print(f"{FRAMES} raw files of {SIZE[1]}x{SIZE[0]}, medians of {MANY_ROUNDS} rounds:\n")
    print("| what | seconds | CPU seconds |\n|---|---|---|")
    print(f"| all stages | {wall:.2f} | {cpu:.2f} |\n| the network alone | {network_wall:.2f} | {network_cpu:.2f} |")
    print(f"\nNot network: {1 - network_wall / wall:.0%} of the time, {1 - network_cpu / cpu:.0%} of CPU time.")
    own = ", ".join(f"{name} {value:.2f}" for name, value in zip(("decode", "develop", "encode"), stages, strict=True))
    print(f"CPU seconds of each stage's own thread: {own}.")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        _child("prepare", folder)
        print(f"enhance.py with the model that ships, {ROUNDS} rounds; load average {os.getloadavg()[0]:.1f} before.\n")
        _print_start(folder)
        print()
        _print_many(folder)


if __name__ == "__main__":
    {"prepare": prepare, "start": start, "many": many}[sys.argv[1]](pathlib.Path(sys.argv[2])) if sys.argv[1:] else main()
