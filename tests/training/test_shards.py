"""How several processes share the rows of a batch, and their noise."""

import pytest
import torch
import toy_family

from course_lib import data
from course_lib.training import distributed


def test_the_ranks_read_each_row_of_the_global_batch_once():
    x = toy_family.pictures()
    whole = data.Batches(x, size=12, seed=3)
    cpu = torch.device("cpu")
    shards = [distributed.Shards(whole, r, 3, cpu) for r in range(3)]
    assert len(shards[0]) == len(whole) == 4
    for batch, *parts in zip(whole.epoch(2, skip=1), *(s.epoch(2, 1) for s in shards), strict=True):
        assert torch.equal(torch.stack([p[0] for p in parts], 1).flatten(0, 1), batch[0])
    assert whole.tensors[0] is x  # the recipe's batches are as they were


def test_a_rank_reads_its_own_rows_only():
    asked = []

    class Spy:
        ndim, device = 4, torch.device("cpu")

        def __len__(self):
            return 12

        def index_select(self, dim, i):
            assert dim == 0
            asked.append(i)
            return torch.zeros(len(i), 1, 2, 2, dtype=torch.uint8)

    whole = data.Batches(Spy(), size=6)
    for r in range(2):
        list(distributed.Shards(whole, r, 2, torch.device("cpu")).epoch(0))
    assert [len(i) for i in asked] == [3] * 4
    assert sorted(torch.cat(asked).tolist()) == list(range(12))


def test_noise_depends_on_seed_step_and_rank_alone():
    def draws(seed=0, rank=0, epoch=1, skip=0):
        batches = data.Batches(toy_family.pictures(), size=10, seed=seed)
        shards = distributed.Shards(batches, rank, 2, torch.device("cpu"))
        return [torch.rand(1).item() for _ in shards.epoch(epoch, skip)]

    first = draws()
    assert draws() == first and draws(skip=2) == first[2:] and len(set(first)) == 5
    for other in (draws(seed=1), draws(rank=1), draws(epoch=2)):
        assert not set(other) & set(first)


def test_a_batch_that_the_ranks_cannot_divide_is_unfit():
    with pytest.raises(
        distributed.CannotDistribute, match="a batch of 10 pictures cannot be divided by 4 ranks"
    ):
        distributed.Shards(data.Batches(toy_family.pictures(), size=10), 0, 4, torch.device("cpu"))
