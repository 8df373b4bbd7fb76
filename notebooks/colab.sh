# What the cell `colab` of a notebook runs in Colab: the course and its pinned versions. Colab warns
# that its runtime breaks where IPython, and what it talks through, are replaced: those stay.
set -e
cd "$(dirname "$0")/.."
grep -Ev '^(#|ipy|jupyter|prompt|pyzmq|tornado|traitlets)' requirements.txt >/tmp/pins.txt
python3 -m pip install --quiet --no-deps -r /tmp/pins.txt -e .
