"""`make install`: uv where it can be had, else pip; once for these pins in this folder. The
programs that install are stand-ins which write down what they were asked."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import small_course

PYTHON = """#!/bin/sh
echo "python $*" >>"$LOG"
case "$*" in
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"pip --version") test -e .venv/bin/python ;;
    *"sys.version_info"*) test "$OLD" = "" ;;
    *"uv=="*) test "$NO_UV" = "" ;;
    "-m uv "*) test "$UV_FAILS$NO_UV" = "" ;;
    *"pip "*"install "*) test "$PIP_FAILS" = "" ;;
esac
"""
UV = '#!/bin/sh\ntest "$UV_ON_PATH" || exit 127\necho "uv $*" >>"$LOG"\ntest "$UV_FAILS" = ""\n'
ALL, SELF = "-r requirements.txt", "--no-build-isolation -e ."
PIP = "python -m pip --disable-pip-version-check install --quiet --no-deps"


@pytest.fixture
def checkout(tmp_path):
    """Makefile and pins in a folder, and the two stand-ins beside it, first on the PATH."""
    for name, text in {"python3": PYTHON, "uv": UV}.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    root = tmp_path / "a 'checkout'"
    root.mkdir()
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(small_course.ROOT / name, root)
    return root


def install(root, **more):
    """(the return code and output, the installing words that were said)."""
    log = root.parent / "log"
    log.unlink(missing_ok=True)
    path = f"{root.parent / 'bin'}{os.pathsep}{os.defpath}"
    environment = small_course.environment(LOG=str(log), PATH=path, **more)
    done = subprocess.run(
        ["make", "install"], cwd=root, env=environment, capture_output=True, text=True
    )
    message = log.read_text().splitlines() if log.exists() else []
    return done, [line for line in message if " install " in line]


UV_WORDS = "pip install --quiet --no-deps --python .venv/bin/python"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"UV_ON_PATH": "1"}, [f"uv {UV_WORDS} {ALL}", f"uv {UV_WORDS} {SELF}"]),
        ({}, [f"python -m uv {UV_WORDS} {ALL}", f"python -m uv {UV_WORDS} {SELF}"]),
        ({"NO_UV": "1"}, [f"{PIP} {ALL}", f"{PIP} {SELF}"]),
        ({"UV_ON_PATH": "1", "UV_FAILS": "1"}, [f"{PIP} {ALL}", f"{PIP} {SELF}"]),
    ],
)
def test_uv_installs_where_it_can_and_else_pip(checkout, settings, message):
    done, words = install(checkout, **settings)
    assert done.returncode == 0, done.stderr
    assert [line for line in words if line in message] == message
    pip = [line for line in words if line.startswith(PIP) and "uv==" not in line]
    assert bool(pip) == message[0].startswith(PIP)


def test_a_second_time_nothing_is_installed_until_the_pins_change(checkout):
    assert install(checkout)[0].returncode == 0
    mine = checkout / ".venv" / "mine"
    mine.touch()
    assert install(checkout)[1] == []
    (checkout / "requirements.txt").write_text("torch==99\n")
    assert install(checkout)[1] != [] and mine.exists()
    assert install(checkout)[1] == []


@pytest.mark.parametrize("how", [shutil.copytree, Path.rename])
def test_a_copied_or_moved_checkout_makes_an_environment_of_its_own(checkout, how):
    assert install(checkout)[0].returncode == 0
    (checkout / ".venv" / "bin" / "tensorboard").write_text(f"#!{checkout}/.venv/bin/python")
    other = checkout.with_name("another")
    how(checkout, other)
    assert install(other)[1] != []
    assert not (other / ".venv" / "bin" / "tensorboard").exists()
    assert install(other)[1] == []


def test_an_environment_made_by_hand_is_kept(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(checkout.parent / "bin" / "python3", checkout / ".venv" / "bin" / "python")
    (checkout / ".venv" / "mine").touch()
    assert install(checkout)[0].returncode == 0 and (checkout / ".venv" / "mine").exists()


def test_a_failed_installation_is_tried_again(checkout):
    done, _ = install(checkout, NO_UV="1", PIP_FAILS="1")
    assert done.returncode != 0 and not (checkout / ".venv" / ".installed").exists()
    assert install(checkout, NO_UV="1")[1] != []


def test_an_old_python_is_said_in_one_line(checkout):
    done, words = install(checkout, OLD="1")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode == 2 and words == []
    assert lines == [
        "python3 is missing or older than Python 3.11; name another: make PYTHON=python3.12 ..."
    ]


def test_the_lock_has_every_package_that_pyproject_asks_for_at_one_version():
    project = tomllib.loads((small_course.ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(word for extra in extras for word in extra)]
    text = (small_course.ROOT / "requirements.txt").read_text()
    pins = [line.split("==") for line in text.splitlines() if not line.startswith("#")]
    assert all(len(pin) >= 2 for pin in pins) and "://" not in text
    names = [name for name, *_ in pins]
    assert len(names) == len(set(names)) > 100
    assert {word.split(">=")[0] for word in asked} <= set(names)
