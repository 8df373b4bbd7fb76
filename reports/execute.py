"""Run one notebook, and find out whether it really finished.

A cell that calls sys.exit is a success to nbclient, and a kernel killed in the last cell leaves
every mark of a finished run. So a last cell is added at run time that must print a word unknown
beforehand, every cell's own marks are read, and only then is a run accepted.
"""

import json
import os
import re
import secrets
import sys
import tempfile

import nbformat
import papermill as pm
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import CellExecutionError
from progress import Client
from store import ANSI, last_line

END_ID = "end-of-notebook"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
BAR = re.compile(r"^.*\d+%\|.*\|.*$\n?", re.MULTILINE)  # a tqdm bar's last state: noise on a page
# Asserts about the runs that ship, which `quick` opens, and about the functions students write.
OF_QUICK = re.compile(r"q\d+-\d+-(check|staff|see)")
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, nbformat.ValidationError)


class NotebookError(Exception):
    """Why one notebook has no new report: one line for people, the failing cell first if known."""


def stable_id(cell):
    """The cell's id; papermill draws a new one each time for the cell that it injects."""
    injected = "injected-parameters"
    return injected if injected in cell.metadata.get("tags", []) else cell["id"]


def read(path):
    """The notebook at `path` as nbformat 4.5, or NotebookError when it cannot be read as one.

    Older formats know no ids: their cells are named by their place, the same at every reading.
    """
    try:
        text = path.read_text(encoding="utf-8")
        written = json.loads(text)
        ids = [cell.get("id") for cell in written.get("cells", [])]
        old = (written["nbformat"], written["nbformat_minor"]) < (4, 5)
        if not old:
            check_ids(ids)
        nb = nbformat.reads(text, as_version=4)
        if old:
            nb = nbformat.v4.upgrade(nb)
            for place, cell in enumerate(nb.cells, 1):
                cell["id"] = f"cell-{place}"
        nbformat.validate(nb)
    except UNREADABLE as error:
        raise NotebookError(f"not a notebook that can be read: {last_line(error)}") from None
    return nb


def check_ids(ids):
    """nbformat would draw new ids without a word, others at every reading."""
    for place, cell_id in enumerate(ids, 1):
        if not cell_id:
            raise NotebookError(f"cell {place} has no id; open and save the notebook in JupyterLab")
        if ids.index(cell_id) + 1 < place:
            raise NotebookError(f"two cells have the id {cell_id!r}; give the second another one")


def check_runnable(nb, parameters):
    """Refuse before any kernel starts what papermill would let pass or answer with a traceback."""
    kernel = nb.metadata.get("kernelspec", {}).get("name")
    kernels = sorted(KernelSpecManager().find_kernel_specs())
    if kernel not in kernels:
        raise NotebookError(f"kernel {kernel!r} is not installed; known: {', '.join(kernels)}")
    if not any("parameters" in cell.metadata.get("tags", []) for cell in nb.cells):
        raise NotebookError("no cell is tagged `parameters`; add one that sets profile and budget")
    if not (nb.metadata.kernelspec.get("language") or nb.metadata.get("language_info")):
        raise NotebookError("the kernelspec names no language, which papermill asks for")
    known = pm.inspect_notebook(nb)
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        have = ", ".join(sorted(known)) or "nothing"
        raise NotebookError(
            f"the parameters cell does not set {', '.join(unknown)}; it sets {have}"
        )


def environment(root, work):
    """What the kernel finds around it: this folder's library, no profile and no switched-off
    asserts of whoever runs it, and COURSE_RESULTS, where its results go."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONOPTIMIZE"}
    return kept | {
        "PYTHONPATH": str(root),
        "PYTHONUTF8": "1",
        "IPYTHONDIR": str(work / "ipython"),
        "COURSE_RESULTS": str(work / "results"),
    }


def execute(nb, root, work, parameters, watch, tell, timeout=None):
    """Run `nb` beside the course's notebooks, keep what it makes under work/results, and return it.

    watch(cell id) is called before each cell, tell(line) with each line that one prints. What was
    reached lies in work/notebook.ipynb, cleaned, also when the run failed. Raises NotebookError
    naming the failing cell.
    """
    word = secrets.token_hex(16)
    nb, at, broken = prepared(nb, parameters, word), "(none)", None
    client = client_of(nb, root, tell, timeout)
    try:
        with client.setup_kernel(env=environment(root, work)):
            for place, cell in enumerate(nb.cells):
                at = stable_id(cell)
                watch(at)
                client.execute_cell(cell, place)
        client.set_widgets_metadata()
    except CellExecutionError:
        pass  # the cell itself says it better
    except Exception as error:  # e.g. the kernel died
        broken = f"cell {at}: {last_line(error)}"
    failure = broken or first_fault(nb, word)
    clean(nb, root)
    nbformat.write(nb, work / "notebook.ipynb")
    if failure:
        raise NotebookError(failure)
    return nb


def client_of(nb, root, tell, timeout=None):
    """What executes `nb` beside the course's notebooks, and hands each printed line to `tell`."""
    client = Client(
        nb,
        tell,
        timeout=timeout,
        coalesce_streams=True,
        record_timing=False,
        shutdown_kernel="immediate",  # by itself one in six takes 3.4 s; no atexit runs
        extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        resources={"metadata": {"path": str(root / "notebooks")}},
    )
    client.reset_execution_trackers()
    return client


def prepared(nb, parameters, word):
    """A copy of `nb` with its parameters, without outputs, and with a last cell that prints `word`:
    only a kernel that is still alive can."""
    nb = pm.execute_notebook(nb, None, parameters, prepare_only=True, progress_bar=False)
    for mark in ("papermill", "widgets"):
        nb.metadata.pop(mark, None)
    nb.cells.append(nbformat.v4.new_code_cell(f"print({word!r})", id=END_ID))
    for cell in nb.cells:
        cell.metadata.pop("papermill", None)
        if is_passed_by(cell, parameters):
            # nbclient passes cells with this tag by: its skip_cells_with_tag.
            cell.metadata.setdefault("tags", []).append("skip-execution")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nb


def is_passed_by(cell, parameters):
    """Whether a run with these parameters passes this cell by: the checks of an answer, and "What
    to see" (a page folds it), are of quick's trainings with all their epochs. What full found, and
    holds, stands in claims.toml."""
    of_others = parameters.get("profile") == "full" or parameters.get("budget", 1.0) != 1
    return of_others and bool(OF_QUICK.fullmatch(cell["id"]))


def first_fault(nb, word):
    """The first sign that the run did not finish, as `cell <id>: <what>`, or None."""
    for cell in nb.cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if "skip-execution" in cell.metadata.get("tags", []):
            continue
        what = cell_fault(cell)
        if what:
            return f"cell {cell['id']}: {what}"
    end = nb.cells[-1]
    printed = "".join(o.get("text", "") for o in end.get("outputs", []))
    if end["id"] != END_ID or printed.strip() != word:
        return "the kernel did not live to the end of the notebook"
    return widget_fault(nb)


def cell_fault(cell):
    for output in cell.outputs:
        if output.output_type == "error":
            stop = " (it stopped the notebook)" if output.ename == "SystemExit" else ""
            return f"{output.ename}: {last_line(output.evalue or failing_line(output))}{stop}"
    return "did not run" if cell.execution_count is None else None


def failing_line(output):
    """The source line that raised, for an error that says nothing, as a bare assert's."""
    arrows = re.findall(r"^-+> *\d+ (.*)$", ANSI.sub("", "\n".join(output.traceback)), re.MULTILINE)
    return arrows[-1].strip() if arrows else output.ename


def widget_fault(nb):
    """nbclient takes no notice of an exception inside an explorer: look into the kept state."""
    state = nb.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for model in state.values():
        for output in model.get("state", {}).get("outputs", []):
            if output.get("output_type") == "error":
                return f"an explorer raised {output['ename']}: {last_line(output['evalue'])}"
    return None


def clean(nb, root):
    """Take out of an executed notebook what is of this machine or this minute, in place."""
    nb.cells = [cell for cell in nb.cells if cell["id"] != END_ID]
    for cell in nb.cells:
        cell["id"] = stable_id(cell)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not is_blank(clean_output(o, root))]


def clean_output(output, root):
    if output.output_type == "stream":
        output.text = BAR.sub("", without_paths(output.text, root))
    elif output.output_type == "error":
        output.traceback = [without_paths(line, root) for line in output.traceback]
        output.evalue = without_paths(output.evalue, root)
    for kind, value in output.get("data", {}).items():
        if isinstance(value, str) and not kind.startswith("image/"):
            output.data[kind] = without_paths(value, root)
    return output


def is_blank(output):
    return output.output_type == "stream" and not output.text.strip()


def without_paths(text, root):
    """`text` without this machine's folders: the course becomes `.`, the home folder `~`."""
    text = re.sub(r"\S*ipykernel_\d+/\d+\.py", "cell", text)
    text = re.sub(r"(<[\w.]+(?: object)?) at 0x[0-9a-f]+>", r"\1>", text)  # another each time
    places = {sys.base_prefix: "python", tempfile.gettempdir(): "tmp"}
    places |= {os.path.expanduser("~"): "~", sys.prefix: ".venv", str(root): "."}
    for place in sorted(places, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.~-]){re.escape(place)}(?=[/\\\s'\"):,;<]|$)", places[place], text)
    return text
