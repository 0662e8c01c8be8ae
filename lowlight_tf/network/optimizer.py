"""Adam over a dict of parameters, its state a dict of variables beside them; and two ways to calm a training."""

import tensorflow as tf

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def initialize_adam(params):
    """Creates Adam's state.

    Args:
      params: dict from name to tf.Variable.
    Returns:
      dict with `<name>/m` and `<name>/v` (zeros of the parameter's shape) for each parameter, and `t`, int64 scalar, the updates made.
    """
    state = {"t": tf.Variable(0, dtype=tf.int64, name="t")}
    for name, parameter in params.items():
        state[f"{name}/m"] = tf.Variable(tf.zeros(parameter.shape), name=f"{name}/m")
        state[f"{name}/v"] = tf.Variable(tf.zeros(parameter.shape), name=f"{name}/v")
    return state


def adam_update(params, state, gradients, learning_rate):
    """Makes one update in place. Parameters without a gradient (frozen ones) keep every bit.

    Args:
      params: dict from name to tf.Variable.
      state: from `initialize_adam(params)`.
      gradients: dict from name to tensor, for the parameters to train.
      learning_rate: float32 scalar.
    Returns:
      None: in a tf.function the updates run in program order.

    Reference: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1 in the efficient form at the end of
    its section 2 (learning rate scaled by sqrt(1 - beta2^t) / (1 - beta1^t)), as TF1's AdamOptimizer; ResourceApplyAdam is its fused form.
    """
    t = state["t"].assign_add(1, read_value=True)
    beta1_power = tf.cast(tf.pow(tf.constant(BETA1, tf.float64), tf.cast(t, tf.float64)), tf.float32)
    beta2_power = tf.cast(tf.pow(tf.constant(BETA2, tf.float64), tf.cast(t, tf.float64)), tf.float32)
    for name, gradient in gradients.items():
        tf.raw_ops.ResourceApplyAdam(
            var=params[name].handle,
            m=state[f"{name}/m"].handle,
            v=state[f"{name}/v"].handle,
            beta1_power=beta1_power,
            beta2_power=beta2_power,
            lr=learning_rate,
            beta1=BETA1,
            beta2=BETA2,
            epsilon=EPSILON,
            grad=gradient,
        )


def clip_gradients(gradients, most):
    """Shortens gradients, all by one factor, so that their common norm is at most `most`: dict from name to tensor, the same again.

    Reference: Pascanu, Mikolov and Bengio, "On the Difficulty of Training Recurrent Neural Networks", ICML 2013, section 3.2.
    """
    factor = most / tf.maximum(tf.linalg.global_norm(list(gradients.values())), most)
    return {name: factor * gradient for name, gradient in gradients.items()}


def initialize_averages(params):
    """Creates what `update_averages` keeps: dict from name to a variable of the parameter's value."""
    return {name: tf.Variable(parameter, name=f"{name}/average") for name, parameter in params.items()}


def update_averages(averages, params, updates, decay):
    """Moves running means of the parameters towards them, in place: mean += (1 - d) (parameter - mean).

    d is `decay` once many updates were made, and smaller before: a mean that began at random weights would keep them for long.

    Args:
      averages: from `initialize_averages(params)`.
      params: dict from name to tf.Variable, just updated.
      updates: int64 scalar, Adam's t.
      decay: in [0, 1).
    Reference: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; the exponential form is TF1's
    ExponentialMovingAverage with num_updates.
    """
    t = tf.cast(updates, tf.float32)
    share = 1 - tf.minimum(decay, (1 + t) / (10 + t))
    for name, average in averages.items():
        tf.raw_ops.AssignAddVariableOp(resource=average.handle, value=share * (params[name] - average))
