"""Products of float32 matrices on a CPU: by oneDNN in place of MKL where that is as exact."""

import contextlib
import functools

import torch


@contextlib.contextmanager
def onednn(wanted=True):
    """In here a CPU multiplies float32 matrices by oneDNN, not MKL, if that costs no digits.

    On AMD's processors MKL has kernels for AVX2 alone; oneDNN's are for AVX-512, and twice as quick
    where the sides of the matrices are hundreds. torch's switch is named after bfloat16: it allows
    that, and oneDNN makes use of it on processors with AMX, where the switch is left alone.
    """
    if not (wanted and onednn_is_exact()):
        yield
        return
    with _allowed():
        yield


@functools.cache
def onednn_is_exact():
    """Whether a product by oneDNN has the digits of float32 on this processor, as a trial shows."""
    a = torch.linspace(0.5, 1.5, 256 * 256).view(256, 256)
    with _allowed():
        error = (a @ a - a.double() @ a.double()).abs().max()
    return bool(error < 1e-5 * len(a))  # bfloat16 is off by a hundred times as much


@contextlib.contextmanager
def _allowed():
    matmul = torch.backends.mkldnn.matmul
    before, matmul.fp32_precision = matmul.fp32_precision, "bf16"
    try:
        yield
    finally:
        matmul.fp32_precision = before
