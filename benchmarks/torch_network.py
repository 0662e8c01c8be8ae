"""The SID network in PyTorch, channels_last, written from the protocol: a contender of the benchmark."""

import os

import numpy as np
import torch
import torch.nn.functional as F


def _kernels(values):
    """Our weights as PyTorch's: convolutions [out, in, h, w], up-filters [in, out, h, w], block 10 in pixel_shuffle's order."""
    kernels = {}
    for name, value in values.items():
        if name.startswith("conv10"):
            value = value.reshape(*value.shape[:-1], 4, 3).swapaxes(-1, -2).reshape(value.shape)
        if name.endswith("weights"):
            value = value.transpose(3, 2, 0, 1)
        tensor = torch.from_numpy(np.ascontiguousarray(value))
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
    return F.pixel_shuffle(F.conv2d(x, kernels["conv10/weights"], kernels["conv10/biases"]), 2)


def _planes(array):
    return torch.from_numpy(array.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)


def inference(values, packed, compiled):
    """Returns a function that runs the network on float32 [1, h, w, 4] and returns [1, 2h, 2w, 3]."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    kernels, planes = _kernels(values), _planes(packed)
    function = torch.compile(forward) if compiled else forward

    @torch.inference_mode()
    def run():
        return function(kernels, planes).permute(0, 2, 3, 1).numpy()

    return run


def step(values, packed, target, compiled):
    """Returns a function that makes one step of L1 and Adam and returns its loss."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    kernels = {name: kernel.requires_grad_() for name, kernel in _kernels(values).items()}
    planes, truth = _planes(packed), _planes(target)
    optimizer = torch.optim.Adam(kernels.values(), lr=1e-4)
    function = torch.compile(forward) if compiled else forward

    def run():
        optimizer.zero_grad()
        loss = (function(kernels, planes) - truth).abs().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return run
