"""The order of a prepared set: fixed, mixed, each split's own; its version and its counts."""

# ruff: noqa: F811, I001 (fixtures are imported, and arguments have their names)
import json
import os

import numpy as np
import pytest
from small_sets import NAMES, contents, picture, write_celeba, write_tree
from small_sets import call, celeba, clean  # noqa: F401  fixtures

from course_lib import data
from data_scripts import common, prepare_celeba, prepare_imagenet, prepared_set, summary

SIZES = {f"class{c}": 60 + 10 * c for c in range(10)}  # 60 to 150 pictures, 1,050 in all


@pytest.fixture
def ten_classes(tmp_path, monkeypatch):
    """A tree of ten classes of several sizes, prepared as tens-32 in the test's cache."""
    monkeypatch.setattr(prepared_set, "BATCH", 512)
    picture(0, (32, 32)).save(tmp_path / "one.JPEG")
    for split in ("train", "val"):
        for name, n in SIZES.items():
            (tmp_path / "tens" / split / name).mkdir(parents=True)
            for i in range(n):
                os.link(tmp_path / "one.JPEG", tmp_path / "tens" / split / name / f"{i:03d}.JPEG")
    assert prepare_imagenet.main(["--source", str(tmp_path / "tens"), "--size", "32"]) == 0


def test_the_first_500_hold_all_ten_classes_in_proportion(ten_classes):
    for split in ("train", "test"):
        y = data.load("tens-32", split).y
        share = y.bincount() / len(y)
        assert y.bincount().tolist() == list(SIZES.values()), "none lost, none twice"
        for n in (100, 500):
            first = data.load("tens-32", split, n).y.bincount(minlength=10)
            assert first.min() > 0
            chi_squared = ((first - n * share) ** 2 / (n * share)).sum()
            assert chi_squared < 21.7  # 9 degrees of freedom: 1 % of random orders lie above


def test_counts_of_classes_are_printed_and_kept(ten_classes, capsys, tmp_path):
    assert prepare_imagenet.main(["--source", str(tmp_path / "tens"), "--size", "32"]) == 0
    about = json.loads((tmp_path / "cache/data/tens-32/about.json").read_text())
    assert about["splits"]["train"]["counts"] == SIZES
    assert "class0 60, class1 70, class2 80" in capsys.readouterr().out


def test_counts_of_attributes_are_printed_and_kept(call, tmp_path):
    attributes = write_celeba(tmp_path / "source", n=20)
    _, text, _ = call(prepare_celeba)
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    counts = about["splits"]["train"]["counts"]
    assert counts == dict(zip(NAMES, attributes[:18].sum(0).tolist(), strict=True))
    assert f"Smiling {counts['Smiling']}, Young {counts['Young']}" in text


def test_of_many_classes_the_fewest_and_the_most_are_printed():
    counts = {f"class{i}": 700 + i for i in range(1000)}
    assert summary.in_words(counts) == "1,000 classes of 700 to 1,699"


def test_the_order_is_the_same_with_every_version_of_numpy():
    """A run that is taken up later must go on in the order that it began with."""
    assert prepared_set.shuffled("abcdefghij") == list("ciejbghdaf")
    assert sorted(prepared_set.shuffled(range(1000))) == list(range(1000))


def test_each_split_is_shuffled_on_its_own(celeba, call, tmp_path):
    """Adding a picture to one split leaves the other as it was."""
    write = lambda n: write_celeba(tmp_path / f"with{n}", n=9 + n, partition="0" * n + "2" * 9)
    result = {}
    for n in (8, 9):
        labels = write(n)
        options = ["--source", str(tmp_path / f"with{n}"), "--out", str(tmp_path / f"out{n}")]
        assert prepare_celeba.main([*options, "--skip-checks"]) == 0
        result[n] = np.load(tmp_path / f"out{n}" / "test_y.npy")
        np.testing.assert_array_equal(result[n], prepared_set.shuffled(labels[n:]))
        assert not np.array_equal(result[n], labels[n:])


# ---- the version --------------------------------------------------------------------------------


def forget_version(out):
    """Make a set look as one of the first version does."""
    about = json.loads((out / "about.json").read_text())
    del about["version"]
    (out / "about.json").write_text(json.dumps(about))


def test_a_set_of_the_old_version_is_prepared_anew_and_that_is_said(call, tmp_path):
    out = tmp_path / "out"
    write_tree(tmp_path / "source")
    call(prepare_imagenet)
    whole = contents(out)
    forget_version(out)
    code, text, _ = call(prepare_imagenet)
    assert code == 0 and f"{out}: the prepared set is of another version" in text
    assert "prepared anew" in text and contents(out) == whole
    assert "nothing to do" in call(prepare_imagenet)[1]


def test_a_set_of_the_old_version_stays_until_it_can_be_prepared_anew(call, tmp_path):
    write_tree(tmp_path / "source")
    call(prepare_imagenet)
    forget_version(tmp_path / "out")
    before = contents(tmp_path / "out")
    bad = tmp_path / "source" / "train" / "n01440764" / "n01440764_1.JPEG"
    bad.write_bytes(b"")
    assert call(prepare_imagenet)[0] == 1
    assert contents(tmp_path / "out") == before


def test_what_another_version_began_is_not_continued(celeba, call, tmp_path, monkeypatch):
    call(prepare_celeba)
    whole, out = contents(tmp_path / "out"), tmp_path / "out"
    for path in out.iterdir():
        path.unlink()

    def die(*_):
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(common, "PREPARED_VERSION", 1)
        patch.setattr(prepared_set, "shuffled", list)
        patch.setattr(prepared_set, "finish", die)
        call(prepare_celeba)
    assert (out / "progress.json").exists()
    code, text, _ = call(prepare_celeba)
    assert code == 0 and "continues" not in text and contents(out) == whole
