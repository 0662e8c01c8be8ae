"""A few of the real pairs: the same ones for the same number, whatever the seed, and fewer are always among more.

Reference for what a handful should be: Jin et al., "Lighting Every Darkness in Two Pairs", ICCV 2023 (LED): few scenes, every ratio.
"""

import collections
import hashlib

from lowlight_tf.errors import LowlightError


def _key(text):
    return hashlib.sha256(text.encode()).hexdigest()


def in_order(pairs):
    """Orders pairs so that any beginning of the list has as many scenes as it can, and their exposure ratios in turn.

    Scenes come in an order that their ids alone decide; the second pair of a scene comes after the first of every other.

    Args:
      pairs: list of sid.Pair.
    Returns:
      The same pairs in another order.
    """
    scenes = collections.defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: _key(pair.name)):
        scenes[pair.id].append(pair)
    order, chosen, used = sorted(scenes, key=_key), [], collections.Counter()
    while len(chosen) < len(pairs):
        for scene in order:
            if scenes[scene]:
                pair = min(scenes[scene], key=lambda pair: used[pair.ratio_label])
                scenes[scene].remove(pair)
                used[pair.ratio_label] += 1
                chosen.append(pair)
    return chosen


def choose(pairs, wanted):
    """Chooses some of the pairs.

    Args:
      pairs: list of sid.Pair.
      wanted: how many, or below 1 which part of them; 0 for all.
    Returns:
      list of sid.Pair, in the order that they came in.
    Raises:
      LowlightError: where more are wanted than there are.
    """
    if not wanted:
        return pairs
    count = max(1, round(wanted * len(pairs))) if wanted < 1 else int(wanted)
    if count > len(pairs):
        raise LowlightError(f"{count} training pairs are asked for and there are {len(pairs)}; use {len(pairs)} or less")
    chosen = {pair.short for pair in in_order(pairs)[:count]}
    return [pair for pair in pairs if pair.short in chosen]
