"""Look inside: the device, and the layers and parameters of a model."""

import pandas as pd
import torch
from torch.nn.utils.parametrize import is_parametrized
from torch.utils.flop_counter import FlopCounterMode

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def layer_table(model, *inputs):
    """A DataFrame (layer, output shape, parameters), a row a layer, from one pass of the inputs."""
    rows, hooks = [], []
    for name, layer in model.named_modules():
        parametrization = ".parametrizations." in f"{name}."  # a norm of weights, no layer
        if not parametrization and (not list(layer.children()) or is_parametrized(layer)):
            hooks.append(layer.register_forward_hook(_row_writer(name, rows)))
    model.eval()
    with torch.no_grad():
        model(*inputs)
    for hook in hooks:
        hook.remove()
    return pd.DataFrame(rows)


def _row_writer(name, rows):
    def write(layer, inputs, output):
        count = sum(p.numel() for p in layer.parameters())
        shape = " x ".join(str(size) for size in output.shape[1:])
        kind = f"{type(layer).__name__.removeprefix('Parametrized')} ({name})"
        rows.append({"layer": kind, "output shape": shape, "parameters": count})

    return write


def count_parameters(model):
    """How many numbers are trained."""
    return sum(p.numel() for p in model.parameters())


def multiply_adds(loss, model, x):
    """Million multiply-adds of loss(model, x)["loss"] and of its gradients."""
    with FlopCounterMode(display=False) as counter:
        loss(model, x)["loss"].backward()
    return counter.get_total_flops() / 2e6
