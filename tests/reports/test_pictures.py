"""The notebook that a report keeps refers to its pictures, and has them back unchanged."""

import base64
import copy

import nbformat
import pages
import pictures
import pytest
from PIL import Image

ALT = 'A "grey" square.'


@pytest.fixture
def executed(tmp_path):
    """A notebook that shows a named picture and one without a name."""
    file = tmp_path / "grey.png"
    Image.new("RGB", (4, 3), (9, 90, 200)).save(file)
    shown = base64.b64encode(file.read_bytes()).decode()
    cell = nbformat.v4.new_code_cell("x", id="q1-1-grey")
    for about in ({"alt": ALT, "name": "q1-1-grey"}, {"alt": ALT}):
        data = {"image/png": shown, "text/plain": ALT}
        output = nbformat.v4.new_output("display_data", data, metadata={"image/png": about})
        cell.outputs.append(output)
    heading = nbformat.v4.new_markdown_cell("# A\n\n## Question 1.1 · Why?", id="q1-1")
    return nbformat.v4.new_notebook(cells=[heading, cell])


def test_a_page_drawn_anew_from_the_kept_notebook_is_the_same(executed, tmp_path):
    links = {"01_a": "A"}
    html, figures = pages.page(copy.deepcopy(executed), "01_a", links)
    for file, content in figures.items():
        (tmp_path / file).write_bytes(content)
    kept = copy.deepcopy(executed)
    pictures.refer(kept, "01_a")
    assert sorted(figures) == ["01_a-q1-1-grey-2.webp", "q1-1-grey.webp"] and len(html) > 1000
    assert "image/png" not in str([o.data for o in kept.cells[1].outputs])
    assert "&quot;grey&quot;" in kept.cells[1].outputs[0].data["text/html"]
    assert pages.page(pictures.restored(kept, tmp_path), "01_a", links)[0] == html


def test_what_was_referred_to_comes_back_as_it_was(executed, tmp_path):
    _, figures = pages.page(copy.deepcopy(executed), "01_a", {"01_a": "A"})
    for file, content in figures.items():
        (tmp_path / file).write_bytes(content)
    kept = copy.deepcopy(executed)
    pictures.refer(kept, "01_a")
    assert kept != executed and pictures.restored(kept, tmp_path) == executed


def test_a_picture_that_is_gone_is_an_error_that_names_it(executed, tmp_path):
    pictures.refer(executed, "01_a")
    with pytest.raises(FileNotFoundError, match="q1-1-grey.webp"):
        pictures.restored(executed, tmp_path)
