"""The SID network in PyTorch, channels_last, written from the protocol: a contender of the benchmark."""

import os

import numpy as np
import torch
import torch.nn.functional as F


def _kernels(values, device):
    """Our weights as PyTorch's: convolutions [out, in, h, w], up-filters [in, out, h, w], block 10 in pixel_shuffle's order."""
    kernels = {}
    for name, value in values.items():
        if name.startswith("conv10"):
            value = value.reshape(*value.shape[:-1], 4, 3).swapaxes(-1, -2).reshape(value.shape)
        if name.endswith("weights"):
            value = value.transpose(3, 2, 0, 1)
        tensor = torch.from_numpy(np.ascontiguousarray(value)).to(device)
        kernels[name] = tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
    return kernels


def forward(kernels, packed):
    """float32 [B, 4, h, w] -> [B, 3, 2h, 2w]; h and w multiples of 16."""

    def conv(x, name):
        return F.leaky_relu(F.conv2d(x, kernels[f"{name}/weights"], kernels[f"{name}/biases"], padding=1), 0.2)

    skips, x = [], packed
    for level in (1, 2, 3, 4):
        x = conv(conv(x, f"conv{level}_1"), f"conv{level}_2")
        skips.append(x)
        x = F.max_pool2d(x, 2)
    x = conv(conv(x, "conv5_1"), "conv5_2")
    for level in (6, 7, 8, 9):
        x = torch.cat([F.conv_transpose2d(x, kernels[f"up{level}/weights"], stride=2), skips.pop()], 1)
        x = conv(conv(x, f"conv{level}_1"), f"conv{level}_2")
    block = 1
    while f"extra{block}_1/weights" in kernels:
        x = conv(conv(x, f"extra{block}_1"), f"extra{block}_2")
        block += 1
    return F.pixel_shuffle(F.conv2d(x, kernels["conv10/weights"], kernels["conv10/biases"]), 2)


def _planes(array):
    return torch.from_numpy(array.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)


def _prepared(compiled, device, narrow):
    """Returns the forward pass, computed in bfloat16 where `narrow`; PyTorch's context for that casts weights and inputs."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.backends.cudnn.benchmark = True  # the fastest algorithm is looked for, as TensorFlow does by itself

    def run(kernels, planes):
        with torch.autocast(device, torch.bfloat16, enabled=narrow):
            return forward(kernels, planes)

    return torch.compile(run) if compiled else run


def inference(values, packed, compiled, device="cpu", narrow=False):
    """Returns a function that runs the network on float32 [1, h, w, C] and returns the picture as an array [1, 2h, 2w, 3].

    Args:
      values: our parameters, {name: array}.
      packed: float32 [1, h, w, C].
      compiled: by torch.compile.
      device: "cpu" or "cuda".
      narrow: compute in bfloat16.
    """
    kernels, planes = _kernels(values, device), _planes(packed)
    function = _prepared(compiled, device, narrow)

    @torch.inference_mode()
    def run():
        return function(kernels, planes.to(device)).permute(0, 2, 3, 1).float().cpu().numpy()

    return run


def step(values, packed, target, compiled, device="cpu", narrow=False):
    """Returns a function that makes one step of L1 and Adam and returns its loss; arguments as for `inference`."""
    kernels = {name: kernel.requires_grad_() for name, kernel in _kernels(values, device).items()}
    planes, truth = _planes(packed).to(device), _planes(target).to(device)
    optimizer = torch.optim.Adam(kernels.values(), lr=1e-4)
    function = _prepared(compiled, device, narrow)

    def run():
        optimizer.zero_grad()
        loss = (function(kernels, planes).float() - truth).abs().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return run
