"""The numbers of one autoencoder, where they are known."""

from types import SimpleNamespace

import pytest
import torch

from course_lib.evaluation.autoencoders import scores

X = torch.tensor([[0, 255], [255, 0], [255, 255], [0, 0]], dtype=torch.uint8).view(4, 1, 1, 2)


def net(answer, encode=lambda x: x.flatten(1)):
    return SimpleNamespace(encode=encode, decode=lambda z: answer(z.view(-1, 1, 1, 2)))


def test_the_error_is_that_of_pixels_between_0_and_1():
    assert scores(net(lambda x: x), X) == {"MSE": 0.0, "used": 2}
    assert scores(net(lambda x: x / 2), X)["MSE"] == pytest.approx(
        0.125
    )  # a half, squared, of half


def test_only_what_varies_counts_as_used_and_of_a_vae_the_mean():
    first = torch.tensor([1.0, 0.2])  # variances 1/3 and 0.013
    assert scores(net(lambda x: x, lambda x: x.flatten(1) * first), X)["used"] == 1
    vae = net(lambda x: x, lambda x: (x.flatten(1), torch.full((len(x), 2), 9.0)))
    assert scores(vae, X) == {"MSE": 0.0, "used": 2}
