"""What the preparation scripts share: to find a source, to read it, to say what is wrong."""

import argparse
import errno
import hashlib
import io
import os
import shlex
import shutil
import sys
import warnings
from pathlib import Path

import pooch
from PIL import Image

from course_lib.atomic import Busy, Unreadable, naming
from course_lib.command import Parser
from course_lib.paths import PREPARED_VERSION, from_user

UNDECODABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class Problem(Exception):
    """What a person can mend, in one line: the file, what is wrong with it, what to do."""


class BadItem(Problem):
    """A Problem of one picture alone; --skip-bad leaves it out, by its `name` in about.json."""

    def __init__(self, path, name, what):
        super().__init__(f"{path}: {what}; mend that, or leave the picture out with --skip-bad")
        self.name, self.what = name, what


def parser(doc, default_out):
    """The options that all scripts have."""
    parser = Parser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", help="folder in the publisher's layout (else COURSE_DATA)")
    parser.add_argument("--out", type=Path, help=f"folder of the prepared set ({default_out})")
    parser.add_argument("--again", action="store_true", help="prepare a complete set anew")
    return parser


def run(prepare, args):
    """Call prepare(args); the exit code. A person's mistake is one line on stderr, no traceback."""
    # a damaged EXIF block, for example, makes Pillow warn: the pixels are fine
    warnings.filterwarnings("ignore", module="PIL")
    try:
        prepare(args)
    except KeyboardInterrupt:
        return complain("interrupted; the same command continues where it stopped", 130)
    except (Problem, Busy, Unreadable) as problem:
        return complain(str(problem))
    except OSError as error:
        return complain(explain(error))
    return 0


def complain(text, code=1):
    print(f"error: {text}".replace("\n", " "), file=sys.stderr)
    return code


def explain(error):
    """One line for an OSError: the file, what happened, the remedy."""
    where = error.filename or "the file in use"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}: the disk is full; free some space, or choose another disk with --out"
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"{where}: no permission; change its rights, or choose another --source or --out"
    return f"{where}: {error.strerror or error}; check the file and run the command again"


def locate(source, name, inside, layout):
    """The folder with the set's files: in `source`, else COURSE_DATA; None if neither is given.

    Looks in its subfolder `name`, then directly: inside(folder) is the folder with the files, or
    None. A folder that was given and does not hold them is a Problem that says what is there.
    """
    given = os.environ.get("COURSE_DATA")
    if not source and not given:
        return None
    base = Path(source).expanduser() if source else from_user(given)
    if not base.is_dir():
        raise Problem(f"{base}: there is no such folder; give one that holds {layout} by --source")
    places = [folder for folder in (base / name, base) if folder.is_dir()]
    for folder in places:
        if place := inside(folder):
            return place
    raise Problem(f"{base}: this folder {what_is_there(places, inside, layout)}")


def what_is_there(places, inside, layout):
    """What to do about folders without the set's files: unpack, go one folder deeper, another."""
    entries = [path for folder in places for path in sorted(visible(folder))]
    if packed := next((path for path in entries if is_packed(path)), None):
        return f"holds {packed.name}, not unpacked; run {how_to_unpack(packed, packed.parent)}"
    if deeper := next((path for path in entries if path.is_dir() and inside(path)), None):
        return f"holds it one folder deeper; give --source {shlex.quote(str(deeper))}"
    state = "does not hold" if any(places[-1].iterdir()) else "is empty, without"
    return f"{state} {layout}; give the right one with --source"


def visible(folder):
    """The paths in a folder but for hidden ones, such as the ._x.jpg that macOS leaves."""
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def is_packed(path):
    return path.name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz"))


def how_to_unpack(path, folder):
    """The command that unpacks an archive into a folder, whatever the system."""
    module = "zipfile" if path.suffix.lower() == ".zip" else "tarfile"
    return f"`python -m {module} -e {shlex.quote(str(path))} {shlex.quote(str(folder))}`"


def fetch(urls, md5, path):
    """Download to `path` from the first address that serves the right bytes; there, it stays."""
    pooch.get_logger().setLevel("ERROR")
    for url in urls:
        print(f"fetching {url}")
        try:
            show = sys.stderr.isatty()
            return pooch.retrieve(url, f"md5:{md5}", path.name, path.parent, progressbar=show)
        except (OSError, ValueError) as error:  # ValueError: another hash
            if isinstance(error, PermissionError) or getattr(error, "errno", 0) == errno.ENOSPC:
                raise
            reason = type(error).__name__
    raise Problem(
        f"{path}: it could not be downloaded ({reason}); fetch {urls[0]} by hand to that place, "
        "or give a folder that has it with --source"
    )


def unpack(archive, folder):
    """Unpack an archive to `folder`, which is there only when all of it is."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a run that was killed while it unpacked
    with naming(part):
        shutil.unpack_archive(archive, part)
    os.replace(part, folder)


def md5_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def fingerprint(paths, *facts):
    """Identifies a source: its files' names, sizes and times, and what else shapes the result."""
    digest = hashlib.sha256(repr((PREPARED_VERSION, *facts)).encode())
    for path in paths:
        stat = os.stat(path)
        digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def open_picture(path, name):
    """The decoded RGB picture; BadItem if the file is no picture, OSError if it cannot be read."""
    data = Path(path).read_bytes()  # apart from decoding: "no permission" is not "undecodable"
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except UNDECODABLE as error:
        why = str(error).split(" <_io")[0]  # Pillow names a buffer, which means nothing to a reader
        raise BadItem(path, name, f"the picture cannot be decoded ({why})") from error
