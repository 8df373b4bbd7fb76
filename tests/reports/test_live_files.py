"""The scripts beside a page: what is in them, limits, what goes."""

import codecs
import gzip
import hashlib
import random
import re
from pathlib import Path

import live
import overview
import pytest

from course_lib.atomic import write_bytes, write_json

FULL = Path(__file__).resolve().parents[2] / "reports" / "full" / "live"


def kept(folder, name="q1-1-x", size=30):
    """What a run leaves of an explorer whose net has `size` bytes, which cannot be zipped."""
    for file in ("g.onnx", "e.webp", "t.bin"):
        content = random.Random(0).randbytes(size if file == "t.bin" else 30)
        write_bytes(folder / "explorers" / "live" / file, content)
    about = {"name": name, "alt": "A face.", "seen": "faces", "ranges": {"b": {}, "a": {}}}
    about["live"] = {"graph": "g.onnx", "tensors": ["t.bin"], "expected": "e.webp"}
    write_json(folder / "explorers" / f"{name}.json", about)


def handed_over(name, script):
    """The bytes in a script, read letter by letter."""
    assert script.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    letters = re.fullmatch(rf'explorers.give\("{name}", "(.*)"\);\n', script.decode("utf-16"))[1]
    bits = "".join(f"{ord(letter) - live.FIRST:015b}" for letter in letters)
    filled = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return filled.lstrip(b"\0")


@pytest.mark.parametrize("size", [*range(14, 17), 60, 1000])
def test_bytes_come_back_from_their_text_which_is_a_fifteenth_longer(size):
    for content in (b"\1" + bytes(size - 1), b"\xff" * size, random.Random(1).randbytes(size)):
        script = live.given("a", live.text(content), "utf-16")
        assert handed_over("a", script) == content
        assert len(live.text(content)) - 2 == 8 * -(-size // 15)


def test_no_letter_is_half_of_another_or_ends_a_string():
    """Surrogates, quotes, and ends of lines are what a script would not give back as they came."""
    assert live.FIRST > ord("\u2029") and live.FIRST + 2**15 <= 0xD800


@pytest.mark.parametrize("path", sorted(FULL.glob("*.bin.js")), ids=lambda path: path.name[:8])
def test_the_full_report_hands_over_what_its_files_are_named_by(path):
    name = path.name.removesuffix(".js")
    content = gzip.decompress(handed_over(name, path.read_bytes()))
    assert name == f"{hashlib.sha256(content).hexdigest()[:16]}.bin"


def test_an_explorer_becomes_scripts_that_give(tmp_path):
    kept(tmp_path)
    explorers, files = live.taken(tmp_path, "01_a")
    script = explorers["q1-1-x"]["script"]
    assert re.fullmatch(r"q1-1-x-[0-9a-f]{12}", script)
    assert set(files) == {f"{script}.js", "g.onnx.js", "t.bin.js", "e.webp"}
    tensor = gzip.decompress(handed_over("t.bin", files["t.bin.js"]))
    assert tensor == random.Random(0).randbytes(30)
    assert files[f"{script}.js"].index(b'"b"') < files[f"{script}.js"].index(b'"a"')  # as they came


@pytest.mark.parametrize(
    ("names", "size", "message"),
    [
        (["q1-1-x"], 3_300_000, "explorer q1-1-x takes 3.5 MB, and an explorer may take 3.3 MB"),
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
    assert made["page"] == "02_vae.html#explorer-q2-7-way"
    assert made["figure"] == "figures/q2-7-way.webp"
    assert overview.hero({"01_a": {}}, {"q2-7-way.webp": (3, 2)}) is None
