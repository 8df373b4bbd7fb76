"""What students get: notebooks and library without the answers, data, shipped weights: make release

python -m grading.release [FOLDER]
"""

import shutil
import sys
from pathlib import Path

import nbformat

from course_lib.atomic import write_text
from course_lib.command import Parser
from grading import course, cut

# Not reports/claims.toml: its verdicts answer the texts.
COPIED = ("data", "weights", "LICENSE", "CITATION.cff", "requirements.txt")
# The notebooks link to these pages.
COPIED += ("notebooks/matplotlibrc", "docs/glossary.md", "docs/gan_trials.md")
COPIED += ("docs/metrics.md", "docs/metrics")
OWN = Path(__file__).parent / "student"  # README.md and Makefile of a release
MARK = "weights/RELEASE"
READ = {"course_lib", "data", "grading", "notebooks", "weights"}  # of the course, by a release


class Refused(Exception):
    """Why no release is written to a folder, and what to do."""


def release(folder, root=course.ROOT):
    """Write the release over an earlier one there; returns the names of its notebooks.

    Refused where anything else is: nothing of it is touched.
    """
    refuse_foreign(folder, root)
    # Code that lacks its answers cannot repeat a training's first steps: see training/opening.py.
    # Written first, so that a release that was killed is known for one and written again.
    write_text(folder / MARK, "Opened by the hash of their weights alone.\n")
    for name, nb in course.notebooks(root).items():
        made = cut.released(course.prepared(nb))
        write_text(folder / "notebooks" / f"{name}.ipynb", nbformat.writes(made) + "\n")
    library(folder / "course_lib", root)
    for name in COPIED:
        copy(root / name, folder / name)
    for path in OWN.iterdir():
        copy(path, folder / path.name)
    return sorted(course.notebooks(root))


def refuse_foreign(folder, root):
    """Only a new or empty folder, or an earlier release, is written to, and never the course."""
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is a file; name a folder")
    if folder.exists() and any(folder.samefile(place) for place in (root, *root.parents)):
        raise Refused(f"{folder} is or holds the course itself; name a new folder")
    place = folder.resolve()
    if place.is_relative_to(root) and place.relative_to(root).parts[0] in READ:
        raise Refused(f"{folder} lies in what a release is made from; name a new folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise Refused(f"{folder} holds files, and no release ({MARK}); name a new or empty folder")


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
    """Copy a file or a folder; what is no longer in the folder goes, but for the release's mark."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True)
        for path in place.rglob("*"):
            known = (source / path.relative_to(place)).exists() or path.name == Path(MARK).name
            if path.is_file() and not known:
                path.unlink()
    elif source.exists():
        shutil.copyfile(source, place)


def for_grading(folder):
    """The library that the sandbox mounts: no function of it answers a question."""
    library(folder, kinds=("SOLUTION", "ANSWER"))


def main(words=None, root=course.ROOT):
    """The exit status: 0, or 2 where the release cannot be written."""
    parser = Parser(prog="python -m grading.release")
    parser.add_argument("folder", type=Path, nargs="?", default=root / "release")
    folder = parser.parse_args(words).folder
    try:
        names = release(folder, root)
    except (Refused, OSError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    print(f"{folder}: {', '.join(names)}; try it: cd {folder} && make lab")
    return 0


if __name__ == "__main__":
    sys.exit(main())
