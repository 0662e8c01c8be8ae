"""A new run that starts from a trained model: which network it has, what is loaded, what starts anew, what is trained."""

import dataclasses

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.console import say
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.network import HEAD_UNITS, model
from lowlight_tf.network.sid import initial_value

_FREE = ("target", "white_balance", "signed")  # other values change what the same layers see and return: a start all the same


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What a run starts from, and which part of it is trained.

    Attributes:
      init_from: folder of the model whose parameters the first step starts from; "" for random ones.
      erase_head: let the head start anew.
      train_only: one of training.TRAIN_ONLY; what is not trained keeps every bit.
    """

    init_from: str = ""
    erase_head: bool = False
    train_only: str = "all"


def is_head(name):
    """Tells whether a parameter belongs to the head."""
    return name.startswith("head")


def is_decoder(name):
    """Tells whether a parameter belongs to the way up: blocks 6 to 9 with their up-filters, extra blocks, block 10 and the head."""
    return not name.startswith(("conv1_", "conv2_", "conv3_", "conv4_", "conv5_", "down"))


def trainable_names(params, transfer, freeze_up_filters=False):
    """Returns the names of the parameters that a run with this Transfer trains; of the up-filters none where they are frozen."""
    belongs = {"all": lambda name: True, "decoder": is_decoder, "head": is_head}[transfer.train_only]
    return [name for name in params if belongs(name) and not (freeze_up_filters and name.startswith("up"))]


def erase_head(params, seed=0):
    """Gives the head's parameters, in place, the values they start from: the network's output is what it is without a head.

    Args:
      params: parameters of a network with a head.
      seed: as for `sid.initialize_parameters`.
    Returns:
      The names that were erased.
    """
    erased = [name for name in params if is_head(name)]
    for name in erased:
        params[name].assign(initial_value(name, params[name].shape.as_list(), seed))
    return erased


def start_network(transfer, camera, given):
    """Returns the network and interface of a run that starts from a model: the model's own, with a head where one is asked for.

    Args:
      transfer: a Transfer with init_from.
      camera: the Camera to train for.
      given: {field of the network's config or the interface: value} that the user asked for; "network" may name one of network.NETWORKS.
    Returns:
      The network's config and its Interface.
    Raises:
      LowlightError: where init_from holds no model, one of another camera, another network, or no head to erase.
      UsageError: where only a head is to be trained and there is none.
    """
    source = transfer.init_from
    config = checkpoint.read_config(source)
    found_camera, network, interface = model.from_description(config, source)
    checkpoint.check_shapes(source, model.parameter_shapes(network))
    if (found_camera.cfa, found_camera.pack_order) != (camera.cfa, camera.pack_order):
        raise LowlightError(
            f"--init_from={source} holds a model of --camera={found_camera.name}, whose sensor is not of the kind of "
            f"{camera.name}'s; name another --init_from or --camera"
        )
    if any(found_camera.black_offsets):
        say(f"The black offsets of {source} are not taken over: calibrate what comes out.")
    name = given.get("network", model.network_name(network))
    if name != model.network_name(network):
        raise LowlightError(f"--init_from={source} holds a model of --network={model.network_name(network)}, not of {name}")
    had_head = getattr(network, "head", "none") == "fc"
    if transfer.erase_head and not had_head:
        raise LowlightError(f"--erase_head: the model in {source} has no head to erase; leave it out (--head=fc adds one)")
    if given.get("head") == "fc" and not had_head:
        network = dataclasses.replace(network, head="fc", head_units=given.get("head_units", HEAD_UNITS))
    interface = dataclasses.replace(interface, **{field: given[field] for field in _FREE if field in given})
    for field, wanted in given.items():
        found = getattr(interface if hasattr(interface, field) else network, field, None)
        if field != "network" and found != wanted:
            raise LowlightError(
                f"--init_from={source} holds a network with {field}={found}, not {wanted}; leave --{field} out or name another --init_from"
            )
    if transfer.train_only == "head" and getattr(network, "head", "none") == "none":
        raise UsageError(f"--train_only=head, but the network in {source} has no head; add one with --head=fc")
    return network, interface


def load_start(params, transfer, seed):
    """Loads the parameters that a run starts from, in place.

    Args:
      params: the run's parameters, as initialised; a head that the model in transfer.init_from lacks keeps its values.
      transfer: a Transfer with init_from.
      seed: of an erased head.
    Returns:
      dict of what was done, for config.json: init_from, from_step, and the names loaded, erased and added.
    Raises:
      LowlightError: where there is no checkpoint, or it does not fit.
    """
    _, network, _ = model.from_description(checkpoint.read_config(transfer.init_from), transfer.init_from)
    known = {name: parameter for name, parameter in params.items() if getattr(network, "head", "none") == "fc" or not is_head(name)}
    step = checkpoint.load_parameters(transfer.init_from, known)
    erased = erase_head(params, seed) if transfer.erase_head else []
    return {
        "init_from": str(transfer.init_from),
        "from_step": step,
        "loaded": [name for name in known if name not in erased],
        "erased": erased,
        "added": [name for name in params if name not in known],
    }


def _counted(names, params):
    size = sum(params[name].shape.num_elements() for name in names)
    return f"{len(names)} tensors ({size:,} parameters)" if names else "nothing"


def describe_parts(params, trainable, start, transfer):
    """Returns config.json's `transfer`: what `load_start` did, and which parameters are trained and which frozen."""
    return start | {
        "train_only": transfer.train_only,
        "trained": list(trainable),
        "frozen": [name for name in params if name not in set(trainable)],
    }


def tell_parts(parts, params):
    """Says what was loaded, erased, added, frozen and trained."""
    say(
        f"From step {parts['from_step']} of {parts['init_from']}: "
        + "; ".join(f"{what} {_counted(parts[what], params)}" for what in ("loaded", "erased", "added", "frozen", "trained"))
        + "."
    )
