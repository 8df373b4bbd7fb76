"""Where a release may be written: a new or empty folder, or an earlier release."""

import shutil
from pathlib import Path

import pytest

from grading import course, release


@pytest.fixture
def staff(tmp_path, monkeypatch):
    """A small course of our own, which a release that goes wrong may destroy."""
    root = tmp_path / "course"
    for name in ("course_lib", "notebooks", "data", "weights", "docs"):
        (root / name).mkdir(parents=True)
    (root / "course_lib" / "own.py").write_text("### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n")
    (root / "weights" / "one.json").write_text("{}")
    (root / "docs" / "grading.md").write_text("ours")
    shutil.copy(course.ROOT / "notebooks" / "02_vae.ipynb", root / "notebooks")
    (root / "release").mkdir()
    monkeypatch.chdir(root)
    return root


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (".", "the course itself"),
        ("..", "the course itself"),
        ("docs", "holds files"),
        ("course_lib", "what a release is made from"),
        ("data/new", "what a release is made from"),
        ("docs/grading.md", "is a file"),
    ],
)
def test_whatever_is_no_release_is_left_alone_and_said_in_a_line(place, why, staff, capsys):
    before = contents(staff)
    assert release.main([place], staff) == 2
    assert contents(staff) == before and not (staff / "data" / "new").exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("release: ") and why in line


def test_a_link_to_the_course_is_the_course(staff, tmp_path, capsys):
    (tmp_path / "link").symlink_to(staff)
    before = contents(staff)
    assert release.main([str(tmp_path / "link")], staff) == 2 and contents(staff) == before


def test_a_new_an_empty_and_an_earlier_release_are_written(staff):
    for place in ("new", "release", "release"):
        assert release.main([place], staff) == 0
        assert "x = 1" not in Path(place, "course_lib", "own.py").read_text()
        (staff / place / "weights" / "old.json").write_text("{}")
        (staff / place / "mine.txt").write_text("kept")
    assert release.main(["release"], staff) == 0
    assert not Path("release/weights/old.json").exists() and Path("release/mine.txt").exists()
    assert Path("release", release.MARK).exists() and Path("release/weights/one.json").exists()


def test_a_release_that_was_killed_is_written_again(staff, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(release.shutil, "copytree", killed)
        with pytest.raises(KeyboardInterrupt):
            release.main(["release"], staff)
    assert release.main(["release"], staff) == 0


def killed(*words, **named):
    raise KeyboardInterrupt
