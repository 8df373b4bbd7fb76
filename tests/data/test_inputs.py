"""The words of a manifest name the tensors that a notebook makes by hand."""

import pytest
import torch
import torch.nn.functional as F

from course_lib import data
from course_lib.data import inputs
from course_lib.data.faces import factors


def test_words_name_what_a_notebook_makes_by_hand():
    x, y, names, _ = data.load("mnist", "test", 50)
    assert torch.equal(inputs.tensor("mnist/test/50:x"), x)
    assert torch.equal(inputs.tensor("mnist/test/50:y"), y)
    one_hot = F.one_hot(y, len(names)).float()
    assert torch.equal(inputs.tensor("mnist/test/50:one_hot"), one_hot)
    assert inputs.tensor("mnist/test/50:nothing").shape == (50, 0)
    assert torch.equal(inputs.tensor("mnist/test/50:x:pad=2"), F.pad(x, [2] * 4))
    few = data.closeups("test", 4, ["smile", "gaze"])
    assert torch.equal(inputs.tensor("closeups+smile+gaze/test/4:x"), few.x)
    binary = data.binarise(data.load("mnist", "test").x, 3)[:50]  # a notebook draws them all
    assert torch.equal(inputs.tensor("mnist/test/50:x:binary=3"), binary)


def test_pictures_are_averaged_and_factors_lie_on_one_scale():
    faces = data.load("faces", "val", 6)
    small = inputs.tensor("faces/val/6:x:side=32")
    assert torch.equal(small, data.downsample(faces.x, 32))
    known = data.face_factors("val", 6, name="closeups")
    scaled = inputs.tensor("closeups/val/6:factors")
    assert scaled.shape == (6, len(factors.CLOSE_UP_FACTORS)) and scaled.abs().max() <= 1
    smile = known[:, factors.COLUMN["smile"]]  # its range is -1 to 1 already
    torch.testing.assert_close(scaled[:, factors.CLOSE_UP_FACTORS.index("smile")], smile)

    assert torch.equal(inputs.tensor("closeups/val/6:halves"), (scaled > 0).byte())


@pytest.mark.parametrize(
    "word", ["mnist", "mnist/test", "mnist/test:z", "mnist/test:x:side", "mnist/test:x:turn=3"]
)
def test_a_word_that_names_nothing_is_an_error_with_an_example(word):
    with pytest.raises(ValueError, match="names no tensor; write"):
        inputs.tensor(word)
