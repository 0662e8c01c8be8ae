"""Transfer: a model to start from, what of it is trained, and on how many real pairs."""

from absl import flags

flags.DEFINE_string("init_from", "", "start from the model in this folder, whose network is taken over")
flags.DEFINE_bool("erase_head", False, "let that model's head start anew")
flags.DEFINE_enum("train_only", "all", ["all", "decoder", "head"], "which part is trained; the rest keeps every bit")
flags.DEFINE_float("train_pairs", 0, "how many real pairs, or below 1 which part of them; fewer are among more; 0: all", lower_bound=0.0)
