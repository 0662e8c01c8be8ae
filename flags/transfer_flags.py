"""Transfer: a model to start from, what of it is trained, and on how many real pairs."""

from absl import flags

from lowlight_tf.training import TRAIN_ONLY

flags.DEFINE_string("init_from", "", "folder of the model to start from, whose network is taken over; where not given: new parameters")
flags.DEFINE_bool("erase_head", False, "let the head of the --init_from model start anew")
flags.DEFINE_enum("train_only", "all", TRAIN_ONLY, "part of the network that is trained; the rest keeps every bit")
flags.DEFINE_float("train_pairs", 0, "number of real pairs to train on, or below 1 the part of them; 0: all", lower_bound=0.0)
