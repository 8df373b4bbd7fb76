"""Files that are whole or not there, JSON, and locks: the only place that does either.

A file is written beside its place and moved there in one step, so a reader sees the old one or the
new one. Text is UTF-8 whatever the locale; modes are those of the user's umask.
"""

import contextlib
import hashlib
import json
import os
import secrets

from filelock import FileLock, Timeout


class Unreadable(ValueError):
    """A file that is there and is not what it should be: which one, why, and the remedy."""


class Busy(OSError):
    """Another process holds the lock; the message says which file."""


@contextlib.contextmanager
def naming(path):
    """Give an OSError the name of the file that was being written, which write() leaves out."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # it has a message of its own
            raise
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from error


@contextlib.contextmanager
def replacing(path):
    """A path beside `path` to write to; what is there at the end takes its place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with naming(path):
            yield part
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def abandoned(part):
    """Whether the process that was writing this .part is gone (its number is in the name)."""
    number = part.name.split(".")[-2].partition("-")[0]
    if os.name != "posix" or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)  # asks, and sends nothing
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def write_bytes(path, content):
    """Write a file in one piece."""
    with replacing(path) as part:
        part.write_bytes(content)


def write_text(path, text):
    """Write a text file in one piece."""
    write_bytes(path, text.encode())


def write_json(path, value):
    """Write a value as indented JSON in one piece; what JSON does not know becomes its str()."""
    write_text(path, json.dumps(value, indent=1, default=str) + "\n")


def read_json(path):
    """The value of a JSON file. Unreadable where it is damaged; FileNotFoundError, OSError as ever.

    What cannot be read is never taken for empty: whoever calls decides, and says what to do.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # no JSON, or no UTF-8
        raise Unreadable(f"{path}: not readable as JSON ({error})") from None


def file_digest(path):
    """sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(path, wait=0):
    """Hold the lock file `path`, made if need be. Busy where another process holds it, and still
    does after `wait` seconds.

    The lock ends with the process, however that ends; its empty file is removed while it is still
    held, which whoever waits for it notices (filelock looks whether its file is still there).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=wait):
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # Windows keeps a file that is open
                    path.unlink()
    except Timeout:
        raise Busy(f"{path}: another process holds this lock; wait for it to end") from None
