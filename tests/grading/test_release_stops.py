"""A release as students meet it: a notebook runs to its first stub. The quickest one always, the
others by `make slow`."""

import pytest
from answers import solution
from running import executed, one_always


@pytest.mark.parametrize("name", one_always("04_multilevel_vae"))
def test_an_untouched_release_stops_at_its_first_stub(name, released, monkeypatch):
    nb, error = executed(released, name, {}, monkeypatch)
    assert error.ename == "NotImplementedError"
    (stopped,) = [c.id for c in nb.cells if c.cell_type == "code" and failed(c)]
    first = next(c.id for c in nb.cells if c.id in solution(name))
    assert stopped.startswith(first.removesuffix("-task"))


def failed(cell):
    return any(output.output_type == "error" for output in cell.outputs)
