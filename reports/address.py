"""The course's public address: set once, in pyproject.toml, and written into the notebooks.

python reports/address.py (make address) puts it into each notebook's links to Colab and to its
page, and into its cell `colab`, which fetches the course there.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[Open in Colab\]\([^)]*\)(?: · \[Read the page\]\([^)]*\))?")
# A kernel that has started sees nothing of what pip then installs, and Colab's has loaded numpy.
CELL = """\
# In Colab: fetch the course and its pinned versions, restart; then choose "Run all" once more.
import subprocess
import sys
from importlib.util import find_spec

if "google.colab" in sys.modules and not find_spec("course_lib"):
    address = "{address}"
    subprocess.run(f"test -d course || git clone -q --depth 1 {{address}} course", shell=True)
    subprocess.run("sh course/notebooks/colab.sh", shell=True, check=True)
    get_ipython().kernel.do_shutdown(restart=True)"""


def repository(root=ROOT):
    """The address as pyproject.toml gives it, https://github.com/OWNER/NAME."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project["urls"]["Repository"]
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise ValueError(f"pyproject.toml: Repository is {address}, not https://github.com/.../...")
    return address


def link(address, file):
    """The Markdown that opens a notebook, 02_vae.ipynb, in Colab, or its published page."""
    place = address.removeprefix("https://")
    where = f"https://colab.research.google.com/{place.replace('github.com', 'github')}"
    page = f"{pages(address)}{file.removesuffix('.ipynb')}.html"
    return f"[Open in Colab]({where}/blob/main/notebooks/{file}) · [Read the page]({page})"


def pages(address):
    """Where the repository's own pages lie."""
    owner, name = address.removeprefix("https://github.com/").split("/")
    return f"https://{owner}.github.io/{name}/"


def colab_cell(address):
    """The text of the cell `colab`: it does nothing outside Colab."""
    return CELL.format(address=address)


def write_into(path, address):
    """Put the address into a notebook file that has the link or the cell; True if it changed."""
    before = path.read_text(encoding="utf-8")
    nb = json.loads(before)
    for cell in nb["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            source = LINK.sub(lambda _: link(address, path.name), source)
        elif cell.get("id") == "colab":
            source = colab_cell(address)
        cell["source"] = source.splitlines(keepends=True)
    after = json.dumps(nb, indent=1, ensure_ascii=False) + "\n"
    if json.loads(before) == nb:
        return False
    path.write_text(after, encoding="utf-8")
    return True


def main():
    address = repository()
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    changed = [path.name for path in paths if write_into(path, address)]
    print(f"{address}: {', '.join(changed) or 'every notebook has it'}")


if __name__ == "__main__":
    sys.exit(main())
