"""The ways to come to a model with a few real pairs that the study compares. Without TensorFlow, so that the tool can name them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Strategy:
    """A way to come to a model with a few real pairs.

    Attributes:
      label: for tables and plots.
      pretrained: start from the simulated model; else from random parameters.
      train_only: which part is trained; "" for nothing.
      rate: what the study's learning rate is multiplied by.
    """

    label: str
    pretrained: bool = True
    train_only: str = ""
    rate: float = 1.0


STRATEGIES = {
    "zero_shot": Strategy("pretrained, no real pair"),
    "head": Strategy("pretrained, head adapted", train_only="head", rate=10.0),  # a few hundred weights behind frozen ones bear it
    "decoder": Strategy("pretrained, decoder adapted", train_only="decoder"),
    "all": Strategy("pretrained, all adapted", train_only="all"),
    "scratch": Strategy("from scratch", pretrained=False, train_only="all"),
}
