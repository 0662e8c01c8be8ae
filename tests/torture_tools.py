"""The commands that are tortured, at tiny sizes, and what makes the files that they read."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Tool:
    """A command, and what it leaves.

    Attributes:
      command: (module, arguments): "train" for train.py, "lowlight_tf" for the tools.
      inputs: names of functions here that make what it reads.
      results: folders whose files are compared.
      left_out: pattern of files that are not: they hold times.
      there_already: what the tool may say, with exit code 1, where an earlier run had finished after all.
    """

    command: tuple
    inputs: tuple
    results: tuple
    left_out: str = r"events/.*"
    there_already: str = ""


_SMALL = ("--patch_size=16", "--base_width=2", "--save_every=2", "--picture_every=2")
TOOLS = {
    "ship": Tool(("lowlight_tf", "ship", "--checkpoint_dir=model", "--output=small"), ("model",), ("small",)),
    "simulate": Tool(
        ("lowlight_tf", "simulate", "--input=photos", "--output=data", "--camera=sony", "--ratios=100", "--workers=1"),
        ("photos",),
        ("data",),
    ),
    "enhance": Tool(
        ("enhance", "frames", "--checkpoint_dir=model", "--result_dir=out", "--report"),
        ("model", "frames"),
        ("out",),
        left_out=r"report\.html",
    ),
    "export": Tool(
        ("lowlight_tf", "export", "--checkpoint_dir=model", "--format=saved_model", "--output=exported", "--overwrite"),
        ("model", "exported"),
        ("exported",),
        left_out=r"fingerprint\.pb|saved_model\.pb",
    ),
    "train": Tool(
        ("train", "--camera=sony", "--data_dir=set", "--checkpoint_dir=trained", "--steps=4", "--validate_every=4", *_SMALL),
        ("set",),
        ("trained", "cache"),
    ),
    "test": Tool(("test", "--checkpoint_dir=model", "--data_dir=set", "--result_dir=scored"), ("model", "set"), ("scored",)),
    "transfer_study": Tool(
        (
            "lowlight_tf",
            "transfer_study",
            "--camera=sony",
            "--init_from=model",
            "--data_dir=set",
            "--pairs=0,1",
            "--strategies=zero_shot,all",
            "--steps=2",
            "--patch_size=16",
        ),
        ("model", "set"),
        ("study",),
        left_out=r"models/[^/]*/events/.*",
    ),
    "import_slim": Tool(
        ("lowlight_tf", "import_slim", "--camera=sony", "--slim_checkpoint=slim/model.ckpt", "--checkpoint_dir=imported"),
        ("slim",),
        ("imported",),
        there_already="holds a model already",
    ),
}


def make_model(folder):
    from conftest import write_model

    write_model(folder / "model", "sony", base_width=2, copying=False)


def make_set(folder):
    from conftest import write_pairs

    write_pairs(folder / "set", ids=("00001", "10001", "20001"))


def make_frames(folder):
    from conftest import write_frame

    for name in ("a", "b"):
        write_frame(folder / "frames" / f"{name}.dng", scale=300, seed=ord(name))


def make_photos(folder):
    import numpy as np
    from PIL import Image

    (folder / "photos").mkdir()
    Image.fromarray(np.random.RandomState(0).randint(0, 255, (48, 60, 3)).astype(np.uint8)).save(folder / "photos" / "a.png")


def make_exported(folder):
    """A SavedModel of ours of an earlier day, which is to be replaced."""
    (folder / "exported" / "assets").mkdir(parents=True)
    (folder / "exported" / "assets" / "lowlight_tf.json").write_text("{}")
    (folder / "exported" / "old").write_text("the old one")


def make_slim(folder):
    import numpy as np
    import tensorflow as tf

    from lowlight_tf.checkpoints.slim_checkpoint import slim_name
    from lowlight_tf.network.sid import NetworkConfig, parameter_shapes

    (folder / "slim").mkdir()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [
            tf.compat.v1.Variable(np.full(shape, 0.5, np.float32), name=slim_name(name))
            for name, shape in parameter_shapes(NetworkConfig()).items()
        ]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables).save(session, str(folder / "slim" / "model.ckpt"), write_meta_graph=False)


MAKERS = {"model": make_model, "set": make_set, "frames": make_frames, "photos": make_photos, "exported": make_exported, "slim": make_slim}
