"""Readers of a code that took no part in the game: generators whose information is known."""

import math

import pytest
import torch
from torch import nn

from course_lib.evaluation import code_readers


class Signs(nn.Module):
    """Grey noise; a code of two changes the brightness (`plain`), or a pattern of single pixels
    that every square of four averages away (`fine`)."""

    def __init__(self, plain=0.0, fine=0.0):
        super().__init__()
        self.z_dim, self.plain, self.fine = 4, plain, fine
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, z, c):
        sign = (c[:, 0] - c[:, 1]).view(-1, 1, 1, 1)
        board = torch.ones(32, 32)
        board[::2, ::2] = board[1::2, 1::2] = -1.0
        grey = 0.5 + 0.05 * z[:, :1, None, None].tanh()
        x = grey + self.plain * sign + self.fine * sign * board + 0 * self.anchor
        return x.expand(-1, 3, 32, 32).clamp(0, 1)

    @torch.no_grad()
    def generate(self, c):
        return self(torch.randn(len(c), self.z_dim), c)


REAL = torch.rand(20, 3, 32, 32)


def test_a_plain_code_survives_blur_and_noise_and_a_fine_one_does_not():
    plain = code_readers.scores(Signs(plain=0.2), REAL, n_codes=2, n=800)
    fine = code_readers.scores(Signs(fine=0.05), REAL, n_codes=2, n=800)
    most = math.log(2)
    assert all(plain[k] > 0.5 * most for k in code_readers.CHANGES)
    assert fine["as generated"] > 0.5 * most and fine["blurred"] < 0.1 * most
    assert plain["noise_share"] < 0.1 < fine["noise_share"] and plain["diversity"] > 0


def test_generated_pictures_come_with_their_codes_and_leave_the_random_state():
    x, codes = code_readers.generated(Signs(plain=0.2), 2, 5)
    assert codes.tolist() == [0, 1, 0, 1, 0] and ((x.mean((1, 2, 3)) > 0.5) == (codes == 0)).all()
    before = torch.get_rng_state()
    code_readers.fresh_bound((x, codes), (x, codes), epochs=1)
    assert torch.equal(before, torch.get_rng_state())


def test_the_bound_of_a_reader_is_log_n_less_its_cross_entropy():
    x, codes = torch.zeros(4, 1, 2, 2), torch.tensor([0, 1, 2, 0])
    assert code_readers.bound_of(lambda p: torch.zeros(len(p), 3), x, codes) == pytest.approx(
        0, abs=1e-6
    )
    wrong = lambda p: torch.tensor([9.0, 0.0, 0.0]).expand(len(p), 3)
    assert code_readers.bound_of(wrong, x, codes) < -3


def test_blur_keeps_the_mean_of_each_square_and_noise_stays_in_range():
    x = torch.rand(2, 3, 32, 32)
    blurred = code_readers.blurred(x)
    assert blurred.shape == x.shape
    torch.testing.assert_close(blurred[0, 0, :4, :4], x[0, 0, :4, :4].mean().expand(4, 4))
    noisy = code_readers.noisy(x, 0.5)
    assert noisy.min() >= 0 and noisy.max() <= 1 and not torch.equal(noisy, x)
