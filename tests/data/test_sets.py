"""What load promises of embedded, prepared and missing sets."""

import errno
import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import atomic, data
from course_lib.data import embedded, sets
from course_lib.data.faces import render
from course_lib.data.faces.factors import FACTORS, attributes
from course_lib.paths import PREPARED_VERSION, cache_root

EMBEDDED = {
    "mnist": (1, 28, 28),
    "larochelle": (1, 28, 28),
    "photos": (3, 64, 64),
    "faces": (3, 64, 64),
    "closeups": (3, 32, 32),
}


@pytest.fixture(autouse=True)
def forget():
    """load remembers the embedded sets; forget() makes it what it is in a new process."""

    def clear():
        for function in (embedded.photos, embedded.faces, embedded.closeups):
            function.cache_clear()

    clear()
    return clear


def splits(name):
    """Those that a set has: MNIST's publishers made no validation split."""
    return {"mnist": ("train", "test"), "larochelle": ("test",)}.get(name, sets.SPLITS)


# ---- embedded sets ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_sets_are_bytes_with_labels_and_a_name(name):
    result = data.load(name, "test", 12)
    assert result.x.shape == (12, *EMBEDDED[name]) and result.x.dtype == torch.uint8
    assert result.x.float().std() > 20, "pictures, not a flat colour"
    if name in ("faces", "closeups"):
        assert result.y.shape == (12, len(result.names)) and result.y.dtype == torch.uint8
        assert {"Bangs", "Smiling"} < set(result.names) and result.y.max() == 1
    else:
        assert result.y.shape == (12,) and result.y.dtype == torch.int64
        assert result.y.max() < len(result.names)


@pytest.mark.parametrize("name", EMBEDDED)
def test_about_is_the_hash_of_what_is_there(name):
    result = data.load(name, "test", 9)
    sha = hashlib.sha256(result.x.numpy().tobytes() + result.y.numpy().tobytes()).hexdigest()
    assert result.about == {"data": name, "split": "test", "n": 9, "sha256": sha}
    assert data.digest(result.x, result.y) == sha != data.load(name, "test", 8).about["sha256"]


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_same_bytes_every_time_and_others_in_every_split(name, forget):
    first = {s: data.load(name, s, 10).about["sha256"] for s in splits(name)}
    forget()
    assert {s: data.load(name, s, 10).about["sha256"] for s in splits(name)} == first
    assert len(set(first.values())) == len(first)


@pytest.mark.parametrize("name", EMBEDDED)
def test_no_picture_is_in_two_splits(name):
    n = None if name in ("mnist", "larochelle") else 60
    seen = [{p.numpy().tobytes() for p in data.load(name, s, n).x} for s in splits(name)]
    assert len(set.union(*seen)) == sum(map(len, seen))


def test_photos_of_the_splits_come_from_columns_apart(monkeypatch):
    """Each column of the photographs carries its own number; the crops say where they were."""
    column = np.arange(640) * 255 // 639
    photo = np.broadcast_to(column[None, :, None], (427, 640, 3)).astype(np.uint8)
    photos = SimpleNamespace(images=[photo, photo])
    monkeypatch.setattr("sklearn.datasets.load_sample_images", lambda: photos)
    for split, first, last in [("train", 0, 399), ("val", 400, 479), ("test", 480, 639)]:
        x = data.load("photos", split, 80).x
        low, high = int(x.min()), int(x.max())
        assert column[first] <= low and high <= column[last]
        assert high - low > 0.85 * (column[last] - column[first]), "columns are left out"


def test_photos_and_faces_come_in_any_number_and_begin_alike():
    assert torch.equal(data.load("photos", "train", 20).x[:7], data.load("photos", "train", 7).x)
    assert len(data.load("faces", "train", 3).x) == 3


def test_face_factors_are_those_behind_the_pictures():
    result, factors = data.load("faces", "test", 8), data.face_factors("test", 8)
    assert factors.shape == (8, len(FACTORS))
    assert torch.equal(result.x, render.render(factors))
    assert torch.equal(result.y, attributes(factors))
    assert {"Eyeglasses", "Young"} < set(result.names)


@pytest.mark.parametrize("name", ["faces", "closeups"])
def test_faces_are_rendered_once_and_kept_whole(name, monkeypatch, forget):
    first = data.load(name, "val", 6)
    (file,) = (cache_root() / "data" / name).iterdir()  # no half-written one beside it
    assert file.name.startswith("val-6-") and file.suffix == ".npy"
    forget()
    monkeypatch.setattr(render, "render", lambda *a: pytest.fail("rendered again"))
    assert torch.equal(data.load(name, "val", 6).x, first.x)


def test_faces_of_another_renderer_are_rendered_anew(monkeypatch, tmp_path, forget):
    """Each of the renderer's files counts."""
    source = Path(render.__file__).parent
    shutil.copytree(source, tmp_path / "faces")
    data.load("faces", "val", 3)
    for changed in ("canvas.py", "parts.py", "hair.py", "factors.py", "render.py"):
        with open(tmp_path / "faces" / changed, "a") as file:
            file.write("# another\n")
        forget()
        monkeypatch.setattr(render, "__file__", str(tmp_path / "faces" / "render.py"))
        data.load("faces", "val", 3)
    assert len(list((cache_root() / "data" / "faces").iterdir())) == 6


def test_a_cache_that_takes_nothing_costs_time_and_not_the_pictures(monkeypatch):
    def full(part, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "replace", full)
    with pytest.warns(
        UserWarning, match=r"faces.val-4-.*npy: No space left.*COURSE_CACHE"
    ) as message:
        result = data.load("faces", "val", 4)
    assert len(message) == 1 and torch.equal(result.x, render.render(data.face_factors("val", 4)))
    assert not list((cache_root() / "data" / "faces").iterdir()), "a .part is left"


def test_faces_broken_off_while_written_are_rendered_again(monkeypatch):
    def die(part, path):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(atomic.os, "replace", die)
        data.load("faces", "val", 4)
    assert not list((cache_root() / "data" / "faces").glob("*.npy"))
    assert len(data.load("faces", "val", 4).x) == 4


@pytest.mark.parametrize("end", [-100, 0])
def test_a_damaged_file_of_faces_is_rendered_again(end, forget):
    first = data.load("faces", "val", 4).x
    (file,) = (cache_root() / "data" / "faces").iterdir()
    file.write_bytes(file.read_bytes()[:end])
    forget()
    assert torch.equal(data.load("faces", "val", 4).x, first)


def test_an_unknown_split_is_said():
    with pytest.raises(ValueError, match="split is 'tets'; there are train, val, test"):
        data.load("mnist", "tets")


# ---- prepared sets ------------------------------------------------------------------------------


def prepare(name="tiny", n=7, attributes=False):
    """A prepared set by the contract; (x, y) of its one split, train."""
    folder = cache_root() / "data" / name
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, 3, 8, 8), np.uint8)
    y = rng.integers(0, 2, (n, 2), np.uint8) if attributes else rng.integers(0, 2, n)
    np.save(folder / "train_x.npy", x)
    np.save(folder / "train_y.npy", y)
    sha = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
    about = {
        "version": PREPARED_VERSION,
        "name": name,
        "source": "a test",
        "names": ["a", "b"],
        "recipe": "none",
        "splits": {"train": {"n": n, "sha256": sha}},
    }
    (folder / "about.json").write_text(json.dumps(about))
    return x, y


@pytest.mark.parametrize("attributes", [False, True])
def test_a_prepared_set_is_opened_as_it_lies(attributes):
    x, y = prepare(attributes=attributes)
    result = data.load("tiny")
    assert np.array_equal(result.x, x) and np.array_equal(result.y, y)
    assert result.x.dtype == torch.uint8 and result.names == ["a", "b"]
    assert result.y.dtype == (torch.uint8 if attributes else torch.int64)
    assert result.about["sha256"] == data.digest(result.x, result.y) and result.about["n"] == 7


def test_a_prepared_set_is_mapped_not_read(monkeypatch):
    modes, load = [], np.load
    monkeypatch.setattr(sets.np, "load", lambda *a, **k: modes.append(k) or load(*a, **k))
    prepare()
    result = data.load("tiny")
    assert modes == [{"mmap_mode": "c"}] * 2
    before = (cache_root() / "data" / "tiny" / "train_x.npy").read_bytes()
    result.x.zero_()  # copy-on-write: the file stays
    assert (cache_root() / "data" / "tiny" / "train_x.npy").read_bytes() == before


def test_a_part_of_a_prepared_set_has_a_hash_of_its_own():
    prepare()
    part, whole = data.load("tiny", n=4), data.load("tiny", n=7)
    assert part.about["n"] == 4 and part.about["sha256"] == data.digest(part.x, part.y)
    assert part.about["sha256"] != whole.about["sha256"] == data.load("tiny").about["sha256"]


def test_a_prepared_set_without_the_split_says_which_it_has():
    prepare()
    with pytest.raises(ValueError, match="tiny has no split 'val'; it has train"):
        data.load("tiny", "val")


COMMANDS = {
    "celeba": "prepare_celeba --source FOLDER`",
    "celeba-32": "prepare_celeba --source FOLDER --size 32`",
    "imagenette-64": "prepare_imagenet --source FOLDER --name imagenette --size 64`",
    "imagenet-32": "prepare_imagenet --source FOLDER --name imagenet --size 32`",
}


@pytest.mark.parametrize(("name", "command"), COMMANDS.items())
def test_a_missing_set_names_its_command(name, command):
    with pytest.raises(data.DataMissing) as error:
        data.load(name, "train")
    assert f"The data set '{name}' is not prepared" in str(error.value)
    assert f"`python -m data_scripts.{command}" in str(error.value)


@pytest.mark.parametrize(("name", "command"), COMMANDS.items())
@pytest.mark.parametrize("version", [None, 1, 99])
def test_a_set_of_another_version_is_noticed_with_its_command(name, command, version):
    """The first version kept class trees sorted by class: its first pictures are of one class."""
    prepare(name)
    path = cache_root() / "data" / name / "about.json"
    about = json.loads(path.read_text())
    del about["version"]
    path.write_text(json.dumps(about if version is None else about | {"version": version}))
    with pytest.raises(data.DataMissing, match="another version") as error:
        data.load(name)
    assert f"`python -m data_scripts.{command}" in str(error.value)
    prepared = [path.name for path in path.parent.iterdir()]
    assert len(prepared) == 3, "loading deletes nothing"


@pytest.mark.parametrize("damage", ["cut", "empty", "no array", "gone"])
def test_a_damaged_array_names_its_file_and_the_command(damage):
    prepare("celeba")
    path = cache_root() / "data" / "celeba" / "train_x.npy"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "no array":
        path.write_bytes(b"not an array")
    else:
        path.unlink()
    with pytest.raises(data.DataMissing, match=r"train_x\.npy.*prepare_celeba"):
        data.load("celeba")


def test_a_disk_that_fails_for_a_moment_is_no_damage(monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error", "train_x.npy")

    prepare("celeba")
    monkeypatch.setattr(sets.np, "load", fail)
    with pytest.raises(OSError, match="Input/output error") as error:
        data.load("celeba")
    assert not isinstance(error.value, data.DataMissing)


def test_an_array_of_another_length_than_about_says_is_refused():
    x, _ = prepare("celeba")
    np.save(cache_root() / "data" / "celeba" / "train_x.npy", x[:5])
    with pytest.raises(data.DataMissing, match="5 pictures, 7 labels; .*says 7.*prepare_celeba"):
        data.load("celeba")


@pytest.mark.parametrize("text", ["{", "{}", "[]", "\xff", '{"splits": 3}'])
def test_a_damaged_about_names_its_file_and_the_command(text):
    prepare("celeba")
    (cache_root() / "data" / "celeba" / "about.json").write_text(text, encoding="latin1")
    with pytest.raises(data.DataMissing, match=r"about\.json.*prepare_celeba"):
        data.load("celeba")


# ---- small things -------------------------------------------------------------------------------


def test_pixels_are_floats_from_0_to_1():
    assert data.pixels(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx(
        [0, 0.2, 1]
    )


def test_in_batches_is_the_function_of_all():
    x = torch.randint(0, 256, (13, 1, 4, 4), dtype=torch.uint8)
    mean = lambda p: p.flatten(1).mean(1)
    torch.testing.assert_close(data.in_batches(mean, x, size=5), mean(data.pixels(x)))


def test_binarised_pictures_are_drawn_once_with_their_grey_values():
    x = torch.tensor([0, 51, 128, 255], dtype=torch.uint8).expand(20_000, 4).view(-1, 1, 2, 2)
    result = data.binarise(x, 3)
    assert result.shape == x.shape and result.dtype == torch.uint8
    assert set(result.unique().tolist()) == {0, 255}
    share = data.pixels(result).mean(0).flatten().tolist()
    assert share == pytest.approx([0, 51 / 255, 128 / 255, 1], abs=0.015)
    assert share[0] == 0 and share[3] == 1


def test_binarised_pictures_depend_on_their_seed_alone():
    x = data.load("mnist", "test", 50).x
    first = data.binarise(x, 0)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert torch.equal(data.binarise(x, 0), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(data.binarise(x, 1), first)


# ---- real sets ----------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "shape", "names"),
    [("celeba", (3, 64, 64), 40), ("imagenette-64", (3, 64, 64), 10)],
)
def test_a_real_set_opens_and_is_what_its_hash_says(name, shape, names, real):
    result = real(name, "test")
    assert result.x.shape[1:] == shape and len(result.names) == names
    assert result.about["sha256"] == data.digest(result.x, result.y)
    other = real(name, "train", 50)
    assert len(other.x) == 50 and other.about["n"] == 50
    assert 0.1 < data.pixels(result.x[:200]).mean() < 0.7


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("n", [0, -3])
def test_no_pictures_are_refused(name, n):
    with pytest.raises(ValueError, match=f"n is {n}"):
        data.load(name, "train", n)


@pytest.mark.parametrize(("pictures", "size"), [(5, 0), (0, 4)])
def test_batches_of_nothing_are_refused(pictures, size):
    with pytest.raises(ValueError, match="nothing to train on"):
        data.Batches(torch.zeros(pictures, 1, 2, 2, dtype=torch.uint8), size=size)


def test_smaller_pictures_are_means_over_squares():
    x = torch.randint(0, 256, (2001, 3, 8, 8), dtype=torch.uint8)
    small = data.downsample(x, 4)
    assert small.dtype == torch.uint8 and small.shape == (2001, 3, 4, 4)
    for i, c, row, column in [(0, 0, 0, 0), (1000, 2, 3, 1), (2000, 1, 2, 3)]:
        square = x[i, c, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert abs(float(small[i, c, row, column]) - square.float().mean()) <= 0.5
    assert torch.equal(data.downsample(x, 8), x)
    with pytest.raises(ValueError, match="8 cannot be averaged to side 3"):
        data.downsample(x, 3)
