"""Edits of codes, by brute force and on a net whose effect is known."""

import itertools

import pytest
import torch

from course_lib.evaluation import edits
from course_lib.models import ae, vae


class Linear:
    """A net of known effect: the picture of a code z (N, 3) is z times `gain`, as 1x1x3 pixels."""

    gain = torch.tensor([1.0, 4.0, 0.5])

    def encode(self, x):
        return x.flatten(1) / self.gain

    def decode(self, z):
        return (z * self.gain)[:, None, None, :]


@pytest.fixture
def codes():
    return torch.randn(7, 3, generator=torch.Generator().manual_seed(1))


def test_the_code_of_a_vae_is_the_mean_of_its_posterior():
    x = torch.rand(3, 3, 64, 64)
    model, plain = vae.VAE(z_dim=4, width=4).eval(), ae.convolutional(width=4, z_dim=4).eval()
    torch.testing.assert_close(edits.code(model, x), model.encode(x)[0])
    torch.testing.assert_close(edits.code(plain, x), plain.encode(x))


def test_halfway_lies_between_a_code_and_the_one_before_it(codes):
    middle = edits.halfway(codes)
    for i in range(len(codes)):
        torch.testing.assert_close(middle[i], (codes[i] + codes[i - 1]) / 2)


def test_blend_and_edit_and_swap_leave_the_codes_as_they_were(codes):
    before, noise = codes.clone(), torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(edits.blend(codes, noise, 0.25), 0.75 * codes + 0.25 * noise)
    edited, swapped = edits.edit(codes, 1, -3.0), edits.swap(codes, 2)
    torch.testing.assert_close(edited[:, 1], -3 * before[:, 1])
    torch.testing.assert_close(swapped[1:, 2], before[:-1, 2])
    assert swapped[0, 2] == before[-1, 2]
    assert torch.equal(edited[:, [0, 2]], before[:, [0, 2]])
    assert torch.equal(swapped[:, :2], before[:, :2]) and torch.equal(codes, before)


def test_principal_directions_are_as_long_as_the_spread_along_them(codes):
    rows = edits.principal(codes)
    torch.testing.assert_close(rows.T @ rows, codes.T.cov())
    lengths = rows.norm(dim=1)
    assert lengths.tolist() == sorted(lengths.tolist(), reverse=True)
    along = (codes - codes.mean(0)) @ (rows[0] / lengths[0])
    torch.testing.assert_close(along.std(), lengths[0])


def test_change_is_measured_per_unit_of_length_and_is_unknown_where_nothing_changed(codes):
    codes[2, 1] = 0.0
    moved, per_length = edits.change(Linear(), codes, edits.edit(codes, 1, 2.0))
    torch.testing.assert_close(moved, 4 * codes[:, 1].abs() / 3**0.5)
    assert per_length.isnan().tolist() == [i == 2 for i in range(7)] and moved[2] == 0
    torch.testing.assert_close(per_length[:2], torch.full((2,), 4 / 3**0.5))


def test_ways_are_compared_in_grey_levels_a_row_a_picture(codes):
    ways = {"doubled": edits.edit(codes, 1, 2.0), "moved": codes + torch.tensor([0.5, 0, 0])}
    table = edits.compare(Linear(), codes, ways)
    assert table.edit.tolist() == ["doubled"] * 7 + ["moved"] * 7
    moved = table[table.edit == "moved"]
    assert moved.length.tolist() == pytest.approx([0.5] * 7)
    assert moved.change.tolist() == pytest.approx([255 * 0.5 / 3**0.5] * 7, rel=1e-4)
    assert moved["per unit"].tolist() == pytest.approx([255 / 3**0.5] * 7, rel=1e-4)


def test_the_strongest_element_changes_the_picture_most(codes):
    assert edits.strongest_element(Linear(), codes.abs() + 1) == 1


def test_rows_hold_the_original_first_and_the_doubled_element_last(codes):
    x, noise = Linear().decode(codes), torch.ones(3)
    made = edits.rows(Linear(), x, noise, 0)
    expected = [codes, codes, *((1 - a) * codes + a for a in (0.2, 0.5, 0.8)), codes.clone()]
    expected[-1][:, 0] *= 2
    torch.testing.assert_close(made, torch.stack([Linear().decode(c) for c in expected]))


def test_left_is_the_mean_over_all_pairs():
    pictures = torch.rand(3, 5, 2, 4, 4)
    pairs = list(itertools.permutations(range(5), 2))
    means = [sum((p[i] - p[j]).square().sum() for i, j in pairs) / len(pairs) for p in pictures]
    torch.testing.assert_close(edits.left(pictures), torch.stack(means) / means[0])


def test_the_interval_of_what_is_left_holds_it_and_is_narrower_with_more_people():
    x = torch.rand(80, 1, 4, 4)
    noisy = 0.5 * x + 0.1 * torch.rand(80, 1, 4, 4)
    widths = []
    for n in (10, 80):
        low, high = edits.left_interval(torch.stack([x[:n], noisy[:n], x[:n] * 0]))
        share = edits.left(torch.stack([x[:n], noisy[:n]]))[1]
        assert low[0] == high[0] == 1 and low[2] == high[2] == 0 and low[1] < share < high[1]
        widths.append(float(high[1] - low[1]))
    assert widths[1] < widths[0] / 1.5


def test_nearest_finds_a_picture_that_was_changed_a_little():
    x = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
    points = x[[31, 4]].float() / 255 + 0.02
    distance, place = edits.nearest(points, x)
    assert place.tolist() == [31, 4]
    torch.testing.assert_close(distance, torch.full((2,), 0.02), atol=1e-4, rtol=0)
    torch.testing.assert_close(edits.distance_to(points[:1], x[31] / 255), distance[:1])
