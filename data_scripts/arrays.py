"""Arrays that grow on the disk: rows are appended to a .npy.part, which becomes a .npy at the end.

Plain writes rather than a memory map: on a full disk a map dies by SIGBUS, without a message.
"""

import io
import os

import numpy as np

from course_lib.atomic import naming


def header(dtype, n):
    """The .npy header of n rows. Its length does not depend on n: numpy leaves room for growth."""
    file = io.BytesIO()
    fields = {"descr": dtype.base.str, "fortran_order": False, "shape": (n, *dtype.shape)}
    np.lib.format.write_array_header_1_0(file, fields)
    return file.getvalue()


def put(part, dtype, n_before, values):
    """Write rows after the first n_before ones of a .npy.part, onto the disk before it returns."""
    with naming(part), open(part, "r+b" if n_before else "wb") as file:
        file.write(header(dtype, 0) if not n_before else b"")
        file.seek(len(header(dtype, 0)) + n_before * dtype.itemsize)
        file.write(np.ascontiguousarray(values, dtype=dtype.base).tobytes())
        file.flush()
        os.fsync(file.fileno())


def seal(part, dtype, n):
    """Give a .npy.part its final header, and cut off what a killed run wrote past n rows."""
    with naming(part), open(part, "r+b") as file:
        file.write(header(dtype, n))
        file.truncate(len(header(dtype, n)) + n * dtype.itemsize)


def reaches(part, dtype, n):
    """Whether a .npy.part is long enough to hold n rows."""
    return part.stat().st_size >= len(header(dtype, 0)) + n * dtype.itemsize
