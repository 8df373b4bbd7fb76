#!/usr/bin/env bash
# autograder.zip for Gradescope, from a clean checkout: bash grading/ready/gradescope/pack.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/course"
git -C "$top" archive HEAD | tar -x -C "$work/course"
rm -rf "$work/course/reports/full" "$work/course/weights"/*.safetensors
cp "$here/setup.sh" "$here/run_autograder" "$work"
python3 - "$work" "$top/autograder.zip" <<'PY'
import shutil, sys
shutil.make_archive(sys.argv[2].removesuffix(".zip"), "zip", sys.argv[1])
PY
echo "$top/autograder.zip"
