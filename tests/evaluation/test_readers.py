"""What a reader of factors learns from and is asked about, of close-ups and of photographs."""

import json

import numpy as np
import torch

from course_lib.data import inputs
from course_lib.data.faces.factors import CLOSE_UP_FACTORS
from course_lib.evaluation import judge, readers
from course_lib.paths import PREPARED_VERSION, cache_root


def test_close_ups_come_with_their_factors_and_with_pairs_that_differ_in_one():
    asked = readers.of_closeups(n_learn=6, n=4, n_pairs=2)
    assert asked.names == list(CLOSE_UP_FACTORS) and asked.recipe is judge.factor_recipe
    x, f = asked.tensors
    assert x.shape == (6, 3, 32, 32) and f.shape == (6, 10) and asked.known.shape == (4, 10)
    assert torch.equal(asked.known, inputs.tensor("closeups/test/4:factors"))
    assert torch.equal(asked.said(f), f)
    assert list(asked.pairs) == list(range(10))
    for low, high in asked.pairs.values():
        assert low.shape == high.shape == (2, 3, 32, 32) and not torch.equal(low, high)


def prepared_celeba(y, names):
    """A prepared set "celeba" with the 0/1 attributes {split: (N, A)}; its pictures."""
    folder, splits, made = cache_root() / "data" / "celeba", {}, {}
    folder.mkdir(parents=True)
    for split, table in y.items():
        shape = (len(table), 3, 64, 64)
        made[split] = np.random.default_rng(len(table)).integers(0, 256, shape, np.uint8)
        np.save(folder / f"{split}_x.npy", made[split])
        np.save(folder / f"{split}_y.npy", table)
        splits[split] = {"n": len(table), "sha256": "of a test"}
    about = {"version": PREPARED_VERSION, "name": "celeba", "source": "a test", "recipe": "none"}
    (folder / "about.json").write_text(json.dumps(about | {"names": names, "splits": splits}))
    return made


def test_photographs_come_with_attributes_and_pairs_without_and_with_them():
    of_test = np.array([[0, 1], [1, 1], [0, 1], [0, 0]], np.uint8)
    prepared_celeba({"train": np.eye(2, dtype=np.uint8), "test": of_test}, ["Smiling", "Young"])
    x = inputs.tensor("celeba/test:x:side=32")
    asked = readers.of_photographs(x)
    assert asked.names == ["Smiling", "Young"] and asked.recipe is judge.recipe
    pictures, y = asked.tensors
    assert pictures.shape == (2, 3, 32, 32) and y.tolist() == [[1, 0], [0, 1]]
    assert asked.known.tolist() == of_test.tolist() and asked.known.dtype == torch.float32
    assert asked.said(torch.zeros(1)).item() == 0.5  # logits become chances
    without, having = asked.pairs[0]
    assert torch.equal(without, x[:1]) and torch.equal(having, x[1:2])
    without, having = asked.pairs[1]
    assert torch.equal(without, x[3:]) and torch.equal(having, x[:1]), "as many of both"


def test_what_is_explained_is_the_least_over_the_copies():
    asked = readers.of_closeups(n_learn=1, n=50, n_pairs=1)
    f = asked.known
    read = lambda p: p[:, :10]  # "pictures" that are their factors
    half, wrong = f * 0.5, -9 * f
    table = readers.explained(read, asked, f, [f, half])
    assert table.factor.tolist() == asked.names and table.real.tolist() == [1.0] * 10
    wanted = 1 - 0.25 * f.square().mean(0) / f.var(0, correction=0)
    np.testing.assert_allclose(table.copies, wanted, rtol=1e-4)
    assert readers.explained(read, asked, f, [wrong, half]).copies.tolist() == [-1.0] * 10
