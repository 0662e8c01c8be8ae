"""The page that benchmarks.gpu writes, from what is kept of its parts. Pure functions of that dict."""

import statistics

from benchmarks.gpu_speed import ALONE, OURS, SAME_BATCH, SHARED


def duration(seconds):
    """Returns a time in words.

    >>> duration(0.01234), duration(1.5)
    ('12.3 ms', '1.50 s')
    """
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def _tests(result):
    counts = {name: list(result["outcomes"].values()).count(name) for name in ("passed", "failed", "skipped")}
    lines = ["; ".join(f"{count} {name}" for name, count in counts.items() if count) + ".", "", "| test | outcome | why |", "|---|---|---|"]
    return lines + [f"| {name} | {outcome} | {result['why'].get(name, '')} |" for name, outcome in result["outcomes"].items()]


def _recipe(result):
    first, last = result["loss"]
    return [
        f"`python -m benchmarks.train_models bayer` ran for {result['minutes']:g} minutes on the photographs at hand: "
        f"{result['steps']} steps, mean loss {first:.4f} in the first tenth of them and {last:.4f} in the last. "
        f"`ship` made {result['bytes']} bytes of it."
    ]


def _replicas(result):
    examples = {ALONE: 1, SAME_BATCH: 2, SHARED: 2}
    lines = [
        "SID's own network, float32. Each replica has an example of its own.",
        "",
        "| | steps a second | examples a second | losses apart |",
    ]
    lines.append("|---|---|---|---|")
    for name, row in result["rows"].items():
        rate = 1 / statistics.median(row["seconds"])
        apart = "" if name == ALONE else f"{result['apart'][name]:.0e}"
        lines.append(f"| {name} | {rate:.2f} | {examples[name] * rate:.2f} | {apart} |")
    return lines + _left_out([result])


def _left_out(results):
    """Returns a line for each contender that was not timed and each reason, with the cases for which it holds."""
    found = {}
    for result in results:
        case = result["case"]
        for name, why in result["left_out"].items():
            found.setdefault((name, why), []).append(f"{case['network']} {case['precision']}")
    return [f"\n{name} was not timed ({', '.join(cases)}): {why}." for (name, why), cases in found.items()]


def _speed(results):
    """Returns the lines of one kind and size: a table row for each network, precision and contender."""
    lines = [
        "| network | precision | | median | minimum | ours / this, median of pairs | peak memory | output apart |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        case = result["case"]
        ours = result["rows"][OURS]["seconds"]
        for name, row in result["rows"].items():
            seconds = row["seconds"]
            ratio = statistics.median(a / b for a, b in zip(ours, seconds, strict=True))
            lines.append(
                f"| {case['network']} | {case['precision']} | {name} | {duration(statistics.median(seconds))} | {duration(min(seconds))} "
                f"| {ratio:.2f} | {row['gib']:.2f} GiB | {result['apart'][name]:.0e} |"
            )
    return lines + _left_out(results)


def _title(kind, size):
    height, width = size
    return f"A frame of {2 * height}x{2 * width}" if kind == "frame" else f"A training step, {height}x{width} packed, batch 1"


def page(kept, missing):
    """Returns the page.

    Args:
      kept: {"settings": {...}, "done": {part: result}, "failed": {part: why}}, as benchmarks.gpu keeps it.
      missing: names of the parts that were not reached.
    """
    settings, done = kept["settings"], kept["done"]
    lines = [
        f"# Measured on {settings['device']}",
        "",
        f"Written by `make gpu`, which is `python -m benchmarks.gpu`; sizes: {settings['sizes']}. {settings['machine']}.",
        "",
    ]
    lines += [
        f"{settings['rounds']} rounds taking turns, each contender in its own process; its output is compared with ours before. "
        "sid: SID's own network, width 32, random weights. bayer: the network of models/bayer, width 16. "
        "float32 is computed as both libraries do by themselves, which on a GPU that has it means TF32 in convolutions. "
        f"A frame's time is from an array to an array, copies to the device and back included. Peak memory: {settings['memory']}.",
        "",
    ]
    for name, write in (("tests", _tests), ("recipe", _recipe), ("replicas", _replicas)):
        if name in done:
            result = done[name]
            lines += [f"## {name.capitalize()}", "", *([f"Left out: {result['why_not']}."] if "why_not" in result else write(result)), ""]
    cases = [result for result in done.values() if "case" in result and result["case"]["kind"] != "replicas"]
    for title in dict.fromkeys(_title(result["case"]["kind"], result["case"]["size"]) for result in cases):
        group = [result for result in cases if _title(result["case"]["kind"], result["case"]["size"]) == title]
        lines += [f"## {title}", "", *_speed(group), ""]
    if kept["failed"] or missing:
        lines += ["## Not measured", "", *(f"- {name}: {why}" for name, why in kept["failed"].items())]
        lines += [*(f"- {name}: not reached yet; the same command goes on with it" for name in missing), ""]
    return "\n".join(lines)
