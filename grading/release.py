"""What students get: notebooks and library without the answers, data, shipped weights: make release

python -m grading.release [FOLDER]
"""

import shutil
import sys
from pathlib import Path

import nbformat

from course_lib.atomic import write_text
from grading import course, cut

# Not reports/claims.toml: its verdicts answer the texts.
COPIED = ("data", "weights", "LICENSE", "CITATION.cff", "requirements.txt")
# The notebooks link to these pages.
COPIED += ("notebooks/matplotlibrc", "docs/glossary.md", "docs/gan_trials.md")
COPIED += ("docs/metrics.md", "docs/metrics")
OWN = Path(__file__).parent / "student"  # README.md and Makefile of a release


def release(folder, root=course.ROOT):
    """Write the release over an earlier one there; returns the names of its notebooks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, nb in course.notebooks(root).items():
        made = cut.released(course.prepared(nb))
        write_text(folder / "notebooks" / f"{name}.ipynb", nbformat.writes(made) + "\n")
    library(folder / "course_lib", root)
    for name in COPIED:
        copy(root / name, folder / name)
    for path in OWN.iterdir():
        copy(path, folder / path.name)
    # Code that lacks its answers cannot repeat a training's first steps: see training/opening.py.
    write_text(folder / "weights" / "RELEASE", "Opened by the hash of their weights alone.\n")
    return sorted(course.notebooks(root))


def library(folder, root=course.ROOT, kinds=("SOLUTION",)):
    """The students' course_lib: every region is a stub that says which question asks for it."""
    if folder.exists():
        shutil.rmtree(folder)
    for path in sorted((root / "course_lib").rglob("*")):
        if path.suffix == ".py":
            text = path.read_text(encoding="utf-8")
            place = folder / path.relative_to(root / "course_lib")
            write_text(place, cut.without_solutions(text, cut.of_question, kinds))
        elif path.suffix in {".js", ".css"}:
            copy(path, folder / path.relative_to(root / "course_lib"))


def copy(source, place):
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place)
    elif source.exists():
        shutil.copyfile(source, place)


def for_grading(folder):
    """The library that the sandbox mounts: no function of it answers a question."""
    library(folder, kinds=("SOLUTION", "ANSWER"))


def main(words):
    folder = Path(words[0]) if words else course.ROOT / "release"
    names = release(folder)
    print(f"{folder}: {', '.join(names)}; try it: cd {folder} && make lab")


if __name__ == "__main__":
    main(sys.argv[1:])
