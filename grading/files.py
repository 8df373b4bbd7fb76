"""Every notebook below what was handed in, and whose it is; nothing is unpacked to disk, no link is
followed, and what cannot be read says why.

Layouts: one notebook; a folder of notebooks; the folders and zip files that Moodle, Canvas and
Gradescope give; nbgrader's tree submitted/STUDENT/PROBLEM/NOTEBOOK.ipynb.
"""

import io
import os
import re
import stat
import zipfile
from collections import namedtuple
from pathlib import Path, PurePosixPath

LARGEST = 16 << 20  # bytes of a notebook
MOST_MEMBERS = 2000  # of a zip file
# parts: where it lies below what was given. content: bytes, or None with a fault.
File = namedtuple("File", "parts time content fault")


class Refused(Exception):
    """A file that is not read; the message says why."""


# ---- files ---------------------------------------------------------------------------------------


def files(path):
    """Every notebook below a path, in a folder or a zip file, as File. Refused where the path is
    none of these: that is a slip of whoever grades, and no student's."""
    path = Path(path)
    if path.is_symlink() or not path.is_dir():
        return of_one_file(path)
    found = []
    for folder, folders, names in os.walk(path):  # does not follow links
        folders.sort()
        for name in sorted(names):
            place = Path(folder, name)
            if name.lower().endswith((".ipynb", ".zip")):
                found += opened(place, place.relative_to(path).parts)
    return found


def of_one_file(path):
    kind = path.suffix.lower()
    if path.is_symlink():
        raise Refused(f"{path} is a link; name what it leads to, {path.resolve()}")
    if kind not in (".ipynb", ".zip"):
        raise Refused(
            f"{path} is no notebook (.ipynb), no zip file and no folder; name one of these"
        )
    found = list(opened(path, (path.name,)))
    if kind == ".zip" and [f.parts for f in found] == [(path.name,)]:  # of itself, not of a member
        raise Refused(f"{path}: {found[0].fault}; unpack it yourself and name the folder")
    return found


def others(path):
    """The parts of every file below a path that is no notebook, and of every empty folder with an
    empty last part. What a computer hides is left out."""
    path = Path(path)
    if path.is_file():
        yield from entries(path, (path.name,))
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(n for n in folders if not is_hidden(n))
        above = Path(folder).relative_to(path).parts
        links = [n for n in folders if Path(folder, n).is_symlink()]
        for name in sorted(n for n in [*names, *links] if not is_hidden(n)):
            if name.lower().endswith(".zip"):
                yield from entries(Path(folder, name), (*above, name))
            elif not name.lower().endswith(".ipynb"):
                yield (*above, name)
        if above and not folders and all(map(is_hidden, names)):
            yield (*above, "")


def is_hidden(name):
    return name.startswith(".") or name == "__MACOSX"


def entries(path, parts):
    """The same of a zip file; one that cannot be read, or is too long, has a row already."""
    try:
        with zipfile.ZipFile(io.BytesIO(read(path)[0])) as archive:
            names = archive.namelist()
    except (Refused, OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return
    if not names:
        yield parts
    for name in names if len(names) <= MOST_MEMBERS else ():
        inner, folder = inside(name), name.endswith("/")
        if any(map(is_hidden, inner)) or not inner or name.lower().endswith(".ipynb"):
            continue
        if not folder or not any(n.startswith(name) and n != name for n in names):
            yield placed((*inner, "") if folder else inner, parts)


def opened(path, parts):
    try:
        content, time = read(path)
    except (OSError, Refused) as error:
        reason = str(error) if isinstance(error, Refused) else error.strerror or str(error)
        yield File(parts, 0, None, reason)
        return
    if parts[-1].lower().endswith(".zip"):
        yield from members(content, parts)
    else:
        yield File(parts, time, content, "")


def read(path, largest=None):
    """(bytes, time) of a plain file, however it is named and whatever it turns into meanwhile."""
    zipped = path.suffix.lower() == ".zip"
    largest = largest or (1 << 30 if zipped else LARGEST)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Refused(f"the file cannot be opened: {error.strerror}") from None
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise Refused("it is not a plain file")
        content = file.read(largest + 1)
    if len(content) > largest:
        raise Refused(f"it is larger than {largest >> 20} MiB")
    return content, about.st_mtime


def members(content, parts):
    """The notebooks in a zip file; a bomb is refused by what it says and by what it gives."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_MEMBERS:
                raise Refused(f"it has more than {MOST_MEMBERS} files")
            wanted = [e for e in entries if e.filename.lower().endswith(".ipynb")]
            for entry in wanted:
                yield member(archive, entry, parts)
    except (Refused, zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        yield File(parts, 0, None, f"the zip file cannot be read: {error}")


def member(archive, entry, outer):
    """One entry, as if it lay unpacked."""
    parts = placed(inside(entry.filename), outer)
    time = "".join(f"{n:02}" for n in entry.date_time)
    if entry.file_size > LARGEST:
        return File(parts, float(time), None, f"it is larger than {LARGEST >> 20} MiB")
    try:
        with archive.open(entry) as file:
            content = file.read(LARGEST + 1)
    except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, NotImplementedError) as error:
        return File(parts, float(time), None, f"it cannot be unpacked: {error}")
    large = len(content) > LARGEST
    fault = f"it is larger than {LARGEST >> 20} MiB" if large else ""
    return File(parts, float(time), None if large else content, fault)


def inside(name):
    return tuple(p for p in PurePosixPath(name).parts if p not in ("/", "..", "."))


def placed(inner, outer):
    """Where an entry would lie unpacked. A zip file in a folder is its student's; one by itself is
    of the whole class, if its names say whose each entry is, else of the student it is named by."""
    above = outer[:-1] or (() if is_class(inner) else (PurePosixPath(outer[-1]).stem,))
    return above + inner


def is_class(inner):
    """Whether the names in a zip file say whose the notebooks are."""
    return len(inner) > 1 or CANVAS.match(inner[-1]) is not None


# ---- whose is it ---------------------------------------------------------------------------------

MOODLE = re.compile(r"(.+)_(\d+)_assignsubmission_")
CANVAS = re.compile(r"([^_]+)(?:_LATE)?_(\d{3,})_\d{3,}_")


def student_of(parts, notebooks):
    """Who handed in the file that lies at these parts of a path."""
    if "submitted" in parts[:-2]:
        return parts[parts.index("submitted") + 1]
    for part in parts:
        if match := MOODLE.match(part):
            return f"{match[1]}_{match[2]}"
    if match := CANVAS.match(parts[-1]):
        return f"{match[1]}_{match[2]}"
    if len(parts) > 1:
        return parts[0]
    stem = PurePosixPath(parts[-1]).stem
    for name in notebooks:
        stem = stem.replace(name, "")
    return stem.strip(" -_.()") or PurePosixPath(parts[-1]).stem
