"""The sets that are drawn here have the same bytes on every processor: keys and protocols name them
by their digest, and a shipped run is opened by it."""

import json
import os
import subprocess
import sys

import pytest

from course_lib import data
from course_lib.data import inputs
from course_lib.data.faces import render
from course_lib.paths import REPOSITORY

# The first 16 digits of what they have had since they were painted in float64.
BYTES = {
    "photos/train/200:x": "7f03dc385a7fe9f0",
    "faces/train/400:x": "7b2e35558e45e210",
    "faces/test/400:y": "8b2a431e42adb69e",
    "faces/val/400:factors": "77bbaa41bab7f00b",
    "closeups/train/400:x": "39e6bcf1cfe57293",
    "closeups+smile+gaze/test/400:x": "791269e8de5b8fd3",
    "upside_down": "f719afb8e7cd86bd",
    "swapped_parts": "b9da392df3c87179",
    "no_face": "21ffa4d686b1825d",
}
ELSEWHERE = {  # how torch and MKL work on other processors
    "torch without vectors": {"ATEN_CPU_CAPABILITY": "default"},
    "torch with AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "MKL for any processor": {"MKL_CBWR": "COMPATIBLE"},
}
QUICK = ["torch without vectors"]  # the least like any other


def digests():
    return {word: data.digest(pictures(word))[:16] for word in BYTES}


def pictures(word):
    if word in render.FAMILIES:
        return render.outliers(60, seed=1, family=word)
    return inputs.tensor(word)


def test_they_are_those_they_have_had_since():
    assert digests() == BYTES


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=[] if how in QUICK else pytest.mark.slow) for how in ELSEWHERE]
)
def test_other_kernels_give_the_same(how, tmp_path):
    words = "import json, test_same_bytes as t; print(json.dumps(t.digests()))"
    env = os.environ | ELSEWHERE[how] | {"COURSE_CACHE": str(tmp_path)}
    env |= {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'tests' / 'data'}"}
    said = subprocess.check_output([sys.executable, "-c", words], env=env, text=True)
    assert json.loads(said) == BYTES
