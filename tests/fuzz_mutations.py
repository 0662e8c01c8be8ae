"""Damage that knows a file's format: TIFF directories, JSON trees, archives of arrays, lists; and bytes, for all others."""

import io
import json
import struct
import zipfile

import numpy as np

_TREE_VALUES = (
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    7,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\0\x1b[2J",
    "../..",
    [],
    [[]],
    [1, "a"],
    {},
    {"a": 1},
    [[0, 0]] * 40,
    "9" * 400,
)
_TIFF_TYPES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 99)


def mutate_bytes(content, rng):
    """Damages a file as disks, cards and people do: bits, blocks, cuts, and above all the header, where sizes and offsets are."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(min(len(content), rng.choice((64, 512, 4096, len(content)))) or 1)
        kind = rng.choice((0, 0, 0, 1, 1, 2, 2, 2, 3, 4, 5))  # shifts and cuts spoil everything behind them: fewer
        if kind == 0:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[place] = rng.choice((0, 1, 127, 128, 255))
        elif kind == 2:
            number = rng.choice((0, 1, 65535, 2**31 - 1, 2**32 - 1, len(content)))
            content[place : place + 4] = number.to_bytes(4, rng.choice(("little", "big")))
        elif kind == 3:
            content[place : place + rng.randrange(1, 200)] = b""
        elif kind == 4:
            content[place:place] = rng.randbytes(rng.randrange(1, 200))
        else:
            del content[rng.randrange(len(content)) + 1 :]
        if not content:
            break
    return bytes(content)


def _directories(content, start):
    """Finds the TIFF directories of a file: (byte order, offsets of their entries), those of EXIF in a JPEG too."""
    order = "<" if content[start : start + 2] == b"II" else ">"
    waiting, entries, seen = [struct.unpack_from(order + "I", content, start + 4)[0]], [], set()
    while waiting and len(seen) < 20:
        offset = waiting.pop()
        if offset in seen or start + offset + 2 > len(content):
            continue
        seen.add(offset)
        number = min(struct.unpack_from(order + "H", content, start + offset)[0], 100)
        for place in range(start + offset + 2, start + offset + 2 + 12 * number, 12):
            if place + 12 > len(content):
                break
            tag, _, _, value = struct.unpack_from(order + "HHII", content, place)
            entries.append(place)
            if tag in (330, 34665, 34853):
                waiting.append(value)
    return order, entries


def mutate_tiff(content, rng):
    """Changes entries of directories: tag, type, count, or value. Other files as `mutate_bytes`."""
    start = 0 if content[:2] in (b"II", b"MM") else content.find(b"Exif\0\0", 0, 4096) + 6
    if start == 5:
        return mutate_bytes(content, rng)
    try:
        order, entries = _directories(content, start)
    except struct.error:
        return mutate_bytes(content, rng)
    content = bytearray(content)
    for place in rng.sample(entries, min(len(entries), rng.choice((1, 1, 2, 4)))):
        other = struct.unpack_from(order + "H", content, rng.choice(entries))[0]
        numbers = (0, 1, 2, 255, 65535, 65536, 2**31 - 1, 2**32 - 1, len(content) - 1, rng.randrange(2**32))
        what = rng.randrange(4)
        if what == 0:
            struct.pack_into(order + "H", content, place, other)
        elif what == 1:
            struct.pack_into(order + "H", content, place + 2, rng.choice(_TIFF_TYPES))
        else:
            struct.pack_into(order + "I", content, place + 4 * (what - 1), rng.choice(numbers))
    return bytes(content)


def mutate_tree(value, rng):
    """Replaces, removes or doubles something in a JSON value."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {other: part for other, part in value.items() if other != name} | ({"more": 1} if rng.random() < 0.5 else {})
        return value | {name: mutate_tree(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [*value[:place], mutate_tree(value[place], rng), *value[place + rng.randrange(2) :]]
    return rng.choice(_TREE_VALUES)


def mutate_json(content, rng):
    """Changes values, or now and then the text."""
    if rng.random() < 0.2:
        return rng.choice((mutate_bytes(content, rng), b"[" * 10**5, content.decode().encode("utf-16"), b"\xef\xbb\xbf" + content))
    value = json.loads(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = mutate_tree(value, rng)
    return json.dumps(value).encode()


def mutate_archive(content, rng):
    """Changes an archive's arrays: their headers, types, names and compression; or its bytes."""
    if rng.random() < 0.4:
        return mutate_bytes(content, rng)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chosen, changed = rng.choice(sorted(members)), io.BytesIO()
    kind = rng.randrange(6)
    if kind == 0:
        del members[chosen]
    elif kind == 1:
        members[rng.choice(("../x.npy", "x.npy", "step.npy", "a/b.npy"))] = members[chosen]
    elif kind == 2:
        np.save(
            buffer := io.BytesIO(),
            rng.choice(
                (
                    np.zeros(3),
                    np.zeros([2, 2], np.complex64),
                    np.array("x"),
                    np.array(np.nan),
                    np.zeros(2, "datetime64[s]"),
                    np.zeros(1, [("a", "f4")]),
                    np.full(1, np.inf),
                )
            ),
        )
        members[chosen] = buffer.getvalue()
    elif kind == 3:
        members[chosen] = members[chosen].replace(b"(", rng.choice((b"(9999999, ", b"(-1, ", b"((", b"[", b"(1e9, ")), 1)
    else:
        members[chosen] = mutate_bytes(members[chosen], rng)
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(changed, "w", method) as archive:
        for name, part in members.items():
            archive.writestr(name, part)
    content = bytearray(changed.getvalue())
    if rng.random() < 0.3:  # the directory at the end, where methods and sizes are said
        place = rng.randrange(max(len(content) - 400, 0), len(content))
        content[place] = rng.randrange(256)
    return bytes(content)


def mutate_lines(content, rng):
    """Changes lines of a list: words exchanged, doubled, emptied; or its bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(content, rng)
    lines = content.decode().splitlines()
    line = rng.randrange(len(lines))
    words = lines[line].split(" ")
    words[rng.randrange(len(words))] = rng.choice(
        (
            "",
            "..",
            "/etc/passwd",
            "./Sony/short/1_00_0s.ARW",
            "9" * 300,
            "\t",
            "é",
            "\0",
            "=1+1",
            words[0],
            "./Sony/short/00001_00_1e400s.ARW",
            "./Sony/long/00001_00_0.0s.ARW",
        )
    )
    lines[line] = " ".join(words)
    return "\n".join(lines).encode()
