"""What the stock detector finds, and what the distance of pictures sees, on rendered portraits:
both must put graded corruptions in order (docs/metrics.md has the whole tables)."""

import cv2
import numpy as np
import pytest
import torch

from course_lib import data
from course_lib.evaluation import corruptions, image_quality, stats
from course_lib.evaluation.faces_found import CASCADE, close_up_share, faces_found, share_found

N = 60


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    """(N portraits, N others), in [0, 1]; rendered once for this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("portraits")))
        x = data.pixels(data.load("faces", "test", 2 * N).x)
    return x[:N], x[N:]


def share(x):
    return share_found(x)[0]


# ---- the detector -------------------------------------------------------------------------------


def test_faces_are_found_in_portraits_and_not_in_photographs_of_other_things(portraits):
    assert share(portraits[0]) >= 0.9
    assert share(data.load("photos", "test", N).x) <= 0.15
    assert share(torch.full((4, 3, 64, 64), 0.5)) == 0


def test_bytes_and_floats_and_one_channel_and_any_threads_are_the_same(portraits):
    x = portraits[0][:20]
    expected = faces_found(x)
    assert expected.dtype == torch.bool and expected.shape == (20,)
    assert torch.equal(faces_found((255 * x).round().byte()), expected)
    grey = np.stack([cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in to_bytes(x)])
    assert torch.equal(faces_found(torch.tensor(grey)[:, None]), expected)
    threads = torch.get_num_threads()
    cv2.setNumThreads(4)
    torch.set_num_threads(3 if threads == 1 else 1)
    try:
        assert torch.equal(faces_found(x), expected)
    finally:
        cv2.setNumThreads(1)
        torch.set_num_threads(threads)


def test_large_faces_first_finds_what_one_whole_search_finds(portraits):
    """Also in pictures in which faces are hardly to be seen, so that the second search counts."""
    x = torch.cat([portraits[0][:20], corruptions.noisy(portraits[0], 0.4)])
    grey = [
        cv2.resize(
            cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), (192, 192), interpolation=cv2.INTER_LINEAR_EXACT
        )
        for p in to_bytes(x)
    ]
    wide = [cv2.copyMakeBorder(g, 48, 48, 48, 48, cv2.BORDER_REPLICATE) for g in grey]
    stock = cv2.CascadeClassifier(str(CASCADE))
    boxes = [stock.detectMultiScale(g, 1.1, 3, minSize=(70, 70)) for g in wide]
    assert faces_found(x).tolist() == [len(found) > 0 for found in boxes]
    sides = torch.tensor([found[:, 2].max() for found in boxes if len(found)])
    assert sides.min() < 119 < sides.max(), "some are found by either search"


def to_bytes(x):
    return (255 * x).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def test_a_picture_is_judged_by_itself(portraits):
    """In whatever order and company, so that shares of parts add up."""
    x, order = portraits[0][:20], torch.randperm(20)
    assert torch.equal(faces_found(x[order]), faces_found(x)[order])


def test_wilsons_interval_of_ten_cases(portraits):
    """By hand for 0 of 10: the upper end is z^2 / (10 + z^2), z = 1.96."""
    share, low, high = share_found(torch.zeros(10, 3, 64, 64))
    assert (share, low) == (0, 0) and high == pytest.approx(3.8415 / 13.8415, abs=1e-4)
    share, low, high = share_found(portraits[0])
    assert low < share < high <= 1


@pytest.mark.parametrize(
    ("kind", "strengths", "least"),
    [("blur", (2, 4), 0.3), ("noise", (0.1, 0.4), 0.2), ("shuffled", (32, 8), 0.1)],
)
def test_the_worse_the_pictures_the_fewer_faces(portraits, kind, strengths, least):
    function = corruptions.GRADES[kind][0]
    shares = [share(portraits[1]), *(share(function(portraits[1], s)) for s in strengths)]
    assert shares[-1] < shares[0] - least
    assert all(b <= a + 0.02 for a, b in zip(shares, shares[1:], strict=False)), shares  # one of 60


def test_the_repeated_border_lets_a_face_fill_its_picture():
    x = data.load("closeups", "test", 40).x
    assert share(x) >= 0.6 > 0.3 >= faces_found(x, margin=0).float().mean()


def test_smaller_pictures_hold_faces_too(portraits):
    assert share(data.downsample((255 * portraits[0]).round().byte(), 32)) >= 0.85


# ---- the distance -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", corruptions.GRADES)
def test_the_worse_the_pictures_the_larger_the_distance(portraits, kind):
    real, fake = portraits
    function, _, strengths = corruptions.GRADES[kind]
    if kind == "fewer people":
        strengths = strengths[1:]  # half of them is not seen
    result = [image_quality.sliced_distance(real, function(fake, s)) for s in strengths]
    floor = image_quality.sliced_distance(real, fake)
    distances = [floor["distance"], *(f["distance"] for f in result)]
    assert distances == sorted(distances)
    assert result[-1]["low"] > floor["distance"]


def test_each_level_sees_its_own_detail(portraits):
    real, fake = portraits
    floor = image_quality.sliced_distance(real, fake)
    blurred = image_quality.sliced_distance(real, corruptions.blurred(fake, 1))
    repeated = image_quality.sliced_distance(real, corruptions.repeated(fake, 0.05))
    more = lambda result, level: result[level] - floor[level]
    assert more(blurred, "at 64") > 0.2 and more(blurred, "at 8") < 0.05
    assert more(repeated, "at 8") > 1.5 * more(repeated, "at 64")


def test_the_distance_of_a_shift_and_of_a_stretch_is_known():
    """A shift by s standard deviations moves a patch along a random line by s times a standard
    normal number, whose mean size is sqrt(2 / pi). A line's sum is 1 in the square on average."""
    real = torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    moved = image_quality.sliced_distance(
        real, real + 0.5 * real.std(), n_patches=4, n_directions=900
    )
    assert moved["distance"] == pytest.approx(0.5 * (2 / torch.pi) ** 0.5, rel=0.08)
    stretched = image_quality.sliced_distance(
        real, 3 * real - 2 * real.mean(), n_patches=4, n_directions=900
    )
    assert stretched["distance"] == pytest.approx(2 * (2 / torch.pi) ** 0.5, rel=0.08)


def test_equal_sets_are_at_no_distance_and_the_seed_decides(portraits):
    real, fake = portraits
    same = image_quality.sliced_distance(real, real)
    assert same["distance"] == same["high"] == 0
    assert list(same) == ["distance", "low", "high", "at 64", "at 32", "at 16", "at 8"]
    one, again, other = (image_quality.sliced_distance(real, fake, seed=s) for s in (1, 1, 2))
    assert one == again != other
    assert other["distance"] == pytest.approx(one["distance"], rel=0.3)
    assert image_quality.sliced_distance((255 * real).byte(), (255 * real).byte())["high"] == 0


def test_one_picture_moved_does_not_change_the_distance(portraits):
    real, fake = portraits
    order = torch.randperm(N)
    one, other = (image_quality.sliced_distance(real, f) for f in (fake, fake[order]))
    assert other["distance"] == pytest.approx(one["distance"], abs=0.02)


@pytest.mark.parametrize("shape", [(50, 3, 64, 64), (60, 3, 32, 32), (60, 1, 64, 64)])
def test_sets_that_cannot_be_compared_are_refused_in_words(portraits, shape):
    with pytest.raises(ValueError, match="equally many pictures"):
        image_quality.sliced_distance(portraits[0], torch.zeros(shape))
    with pytest.raises(ValueError, match="at least 40"):
        image_quality.sliced_distance(portraits[0][:39], portraits[0][:39])


def test_the_jackknife_is_the_normal_interval_of_a_mean_and_that_of_a_spread():
    rng = np.random.default_rng(0)
    rows = rng.normal(3, 2, 400)
    value, low, high = stats.jackknife(np.mean, rows)
    assert value == pytest.approx(rows.mean()) and high - value == pytest.approx(value - low)
    widths = [np.subtract(*stats.jackknife(np.mean, rng.normal(3, 2, 400))[:0:-1]) for _ in "12345"]
    assert np.mean(widths) == pytest.approx(2 * 2.093 * 2 / 20, rel=0.2)
    covered = [stats.jackknife(np.std, rng.normal(3, 2, 200)) for _ in range(200)]
    assert 0.9 <= np.mean([low <= 2 <= high for _, low, high in covered]) <= 0.99


def test_the_interval_of_the_distance_covers_what_other_pictures_give():
    """Sixty pairs of samples of the same two kinds: their spread is what one interval says."""
    generator = torch.Generator().manual_seed(1)
    kinds = lambda: (
        torch.rand(2, 60, 1, 8, 8, generator=generator)
        ** torch.tensor([1.0, 2.0]).view(2, 1, 1, 1, 1)
    )
    result = [image_quality.sliced_distance(*kinds(), n_patches=4) for _ in range(60)]
    half = np.mean([f["high"] - f["distance"] for f in result])
    spread = 2.093 * np.std([f["distance"] for f in result])
    assert 0.6 < half / spread < 1.6


def test_a_row_of_a_table_holds_both_with_their_intervals(portraits):
    real, fake = portraits
    row = image_quality.beside(real, fake)
    apart = image_quality.sliced_distance(real, fake)
    assert tuple(row.values()) == (
        *share_found(fake), apart["distance"], apart["low"], apart["high"],
    )  # fmt: skip
    assert list(row)[:4] == ["faces found", "found low", "found high", "distance"]


# ---- the corruptions ----------------------------------------------------------------------------


def test_what_a_corruption_keeps(portraits):
    x = portraits[0][:20]
    for function, _, strengths in corruptions.GRADES.values():
        for strength in strengths:
            made = function(x, strength)
            assert made.shape == x.shape and 0 <= made.min() and made.max() <= 1
    mixed = corruptions.shuffled(x, 16)
    assert torch.equal(mixed.flatten(2).sort(2).values, x.flatten(2).sort(2).values)
    assert not torch.equal(mixed, x)
    torch.testing.assert_close(corruptions.pulled(x, 1)[0], x.mean(0))
    assert len(corruptions.repeated(x, 0.1).unique(dim=0)) == 2
    torch.testing.assert_close(
        (corruptions.noisy(x * 0 + 0.5, 0.1)).std(), torch.tensor(0.1), rtol=0.02, atol=0
    )


def test_in_close_ups_faces_are_found_and_not_in_their_squares():
    x = data.load("closeups", "test", 60).x
    assert close_up_share(x) > 0.85
    assert close_up_share(corruptions.shuffled(data.pixels(x), 8)) < 0.1
