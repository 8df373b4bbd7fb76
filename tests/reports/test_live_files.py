"""The scripts beside a page: what is in them, limits, what goes."""

import hashlib
import re

import live
import overview
import pytest

from course_lib.atomic import write_bytes, write_json


def kept(folder, name="q1-1-x", size=30):
    """What a run leaves of an explorer whose net has `size` bytes."""
    for file in ("g.onnx", "e.webp", "t.bin"):
        write_bytes(folder / "explorers" / "live" / file, b"x" * (size if file == "t.bin" else 30))
    about = {"name": name, "alt": "A face.", "seen": "faces", "ranges": {"b": {}, "a": {}}}
    about["live"] = {"graph": "g.onnx", "tensors": ["t.bin"], "expected": "e.webp"}
    write_json(folder / "explorers" / f"{name}.json", about)


def test_an_explorer_becomes_scripts_that_give(tmp_path):
    kept(tmp_path)
    explorers, files = live.taken(tmp_path, "01_a")
    script = explorers["q1-1-x"]["script"]
    assert re.fullmatch(r"q1-1-x-[0-9a-f]{12}", script)
    assert set(files) == {f"{script}.js", "g.onnx.js", "t.bin.js", "e.webp"}
    assert files["t.bin.js"].startswith(b'explorers.give("t.bin", "eHh4')
    assert files[f"{script}.js"].index(b'"b"') < files[f"{script}.js"].index(b'"a"')  # as they came


@pytest.mark.parametrize(
    ("names", "size", "message"),
    [
        (["q1-1-x"], 3_000_000, "explorer q1-1-x takes 4.0 MB, and an explorer may take 3.3 MB"),
        ([f"q1-{i}-x" for i in range(9)], 2_000_000, None),  # shared: counted once
    ],
)
def test_what_is_too_large_is_named_with_the_remedies(names, size, message, tmp_path):
    for name in names:
        kept(tmp_path, name, size)
    if message is None:
        assert len(live.taken(tmp_path, "01_a")[0]) == 9
        return
    with pytest.raises(live.LiveError, match=message) as refused:
        live.taken(tmp_path, "01_a")
    assert 'live="frames"' in str(refused.value)


def test_the_vendored_runtime_is_the_one_that_its_page_names():
    text = (live.RUNTIME / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.-]+) \| ([0-9a-f]{64}) \|$", text, re.MULTILINE)
    assert len(rows) == 3
    for file, digest in rows:
        assert hashlib.sha256((live.RUNTIME / file).read_bytes()).hexdigest() == digest, file


def test_the_front_page_begins_with_an_explorer_that_moves():
    about = {"live": {"q2-7-way": {"script": "q2-7-way-0", "alt": "Faces.", "seen": ""}}}
    made = overview.hero({"01_a": {"live": {}}, "02_vae": about}, {"q2-7-way.webp": (3, 2)})
    assert made["page"] == "02_vae.html#q2-7" and made["figure"] == "figures/q2-7-way.webp"
    assert overview.hero({"01_a": {}}, {"q2-7-way.webp": (3, 2)}) is None
