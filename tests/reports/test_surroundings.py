"""A run depends on its own folder: not on a reader's settings, locale or other checkouts."""

import json
import shutil

import pytest
import run
import small_course
from small_course import make

FACTS = """
import json, locale, matplotlib, pathlib, course_lib.atomic
def asserts_count():
    try:
        assert 1 == 2
    except AssertionError:
        return True
    return False
facts = {
    "library": course_lib.atomic.__file__,
    "usetex": matplotlib.rcParams["text.usetex"],
    "profile": "of_the_profile" in globals(),
    "asserts": asserts_count(),
    "encoding": locale.getpreferredencoding(False).lower(),
}
pathlib.Path("facts.json").write_text(json.dumps(facts))
print("σ · 中")"""


@pytest.fixture
def hostile(tmp_path):
    """What a reader's machine can have set: {variable: value}."""
    settings = tmp_path / "settings"
    startup = settings / "ipython" / "profile_default" / "startup"
    for folder in (startup, settings / "matplotlib"):
        folder.mkdir(parents=True)
    (startup / "mine.py").write_text("of_the_profile = 1")
    (settings / "matplotlib" / "matplotlibrc").write_text("text.usetex: true\nfont.family: Nowhere")
    shutil.copytree(small_course.ROOT / "course_lib", settings / "another" / "course_lib")
    return {
        "IPYTHONDIR": str(settings / "ipython"),
        "MPLCONFIGDIR": str(settings / "matplotlib"),
        "MATPLOTLIBRC": str(settings / "matplotlib"),
        "PYTHONPATH": str(settings / "another"),
        "PYTHONOPTIMIZE": "1",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LC_ALL": "C",
    }


@pytest.mark.parametrize("by_make", [True, False])
def test_settings_locale_and_path_of_a_reader_change_nothing(tmp_path, hostile, by_make):
    """By make, and by hand: each program says what it needs to the kernel."""
    root = small_course.place(tmp_path / "a {0} {b} 'c' #d %e $f [中]")
    small_course.write(root, "01_a", small_course.cells("01_a", "1.1", facts=FACTS))
    if by_make:
        done = make(root, "report", **hostile)
        assert done.stdout == "reports/quick/index.html: 1 notebooks, 0 failed\n"
    else:
        for words in ("inputs.py quick", "run.py quick 01_a"):
            done = small_course.python(
                root, f"reports/{words}", **hostile | {"PYTHONPATH": str(root)}
            )
            assert done.returncode == 0, done.stderr
    assert done.returncode == 0, done.stderr
    facts = json.loads((root / "notebooks" / "facts.json").read_text())
    assert facts == {
        "library": str(root / "course_lib" / "atomic.py"),
        "usetex": False,
        "profile": False,
        "asserts": True,
        "encoding": "utf-8",
    }
    html = (root / "reports" / "quick" / "01_a.html").read_text(encoding="utf-8")
    assert "σ · 中" in html


def test_the_library_of_another_checkout_is_refused_by_name(tmp_path, capsys):
    assert run.main(["quick", "01_a"], tmp_path) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "make install" in message
    assert f"course_lib is that of {small_course.ROOT}" in message and str(tmp_path) in message


def test_a_foreign_kernel_is_one_line_before_any_cell_of_nbval(tmp_path):
    root = small_course.place(tmp_path / "course")
    small_course.write(root, "01_a", small_course.cells("01_a"), "klingon")
    small_course.write(root, "02_b", small_course.cells("02_b"))
    done = small_course.python(root, "reports/check.py", PYTHONPATH=str(root))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("01_a.ipynb: kernel 'klingon' is not installed; known: ")
    recipe = make(root, "--dry-run", "test").stdout.splitlines()
    order = [word for line in recipe for word in ("check.py", "--nbval-lax") if word in line]
    assert order == ["check.py", "--nbval-lax"]
