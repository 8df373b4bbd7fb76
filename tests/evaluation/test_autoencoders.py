"""The numbers of one autoencoder, where they are known."""

from types import SimpleNamespace

import pytest
import torch

from course_lib import data
from course_lib.evaluation import faces_found
from course_lib.evaluation.autoencoders import scores, under_noise

X = torch.tensor([[0, 255], [255, 0], [255, 255], [0, 0]], dtype=torch.uint8).view(4, 1, 1, 2)


def net(answer, encode=lambda x: x.flatten(1)):
    return SimpleNamespace(encode=encode, decode=lambda z: answer(z.view(-1, 1, 1, 2)))


def test_the_error_is_that_of_pixels_between_0_and_1():
    assert scores(net(lambda x: x), X) == {"MSE": 0.0, "used": 2}
    half = scores(net(lambda x: x / 2), X)
    assert half["MSE"] == pytest.approx(0.125)  # a half, squared, of half of the pixels


def test_only_what_varies_counts_as_used_and_of_a_vae_the_mean():
    first = torch.tensor([1.0, 0.2])  # variances 1/3 and 0.013
    assert scores(net(lambda x: x, lambda x: x.flatten(1) * first), X)["used"] == 1
    vae = net(lambda x: x, lambda x: (x.flatten(1), torch.full((len(x), 2), 9.0)))
    assert scores(vae, X) == {"MSE": 0.0, "used": 2}


def test_noise_takes_from_a_linear_net_what_mixing_takes_and_leaves_no_face():
    x = torch.randint(0, 256, (60, 3, 8, 8), dtype=torch.uint8)
    flat = SimpleNamespace(encode=lambda x: x.flatten(1), decode=lambda z: z.view(-1, 3, 8, 8))
    numbers = under_noise(flat, x, x[:40], a=0.75, n=20)
    assert numbers["left"] == pytest.approx(0.25**2, rel=1e-4) and numbers["found"] == 0.0
    assert numbers["MSE"] == 0.0


def test_codes_from_the_prior_that_are_decoded_to_it_have_its_diversity():
    x = (40 * torch.randn(400, 3, 8, 8) + 128).clamp(0, 255).byte()
    net = SimpleNamespace(
        encode=lambda x: x.flatten(1), decode=lambda z: (40 * z.view(-1, 3, 8, 8) + 128) / 255
    )
    assert under_noise(net, x, x[:200], n=300)["diversity"] == pytest.approx(1.0, abs=0.05)


def test_a_decoder_that_always_shows_a_person_is_found_for_every_random_code():
    x = data.load("faces", "test", 8).x
    person = data.pixels(x[:1])
    assert faces_found.share_found(person)[0] == 1.0
    same = SimpleNamespace(
        encode=lambda x: x.flatten(1)[:, :5], decode=lambda z: person.expand(len(z), -1, -1, -1)
    )
    numbers = under_noise(same, x, x, n=4)
    assert numbers["found"] == 1.0 and numbers["diversity"] == pytest.approx(0.0, abs=1e-9)
