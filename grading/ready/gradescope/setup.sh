#!/usr/bin/env bash
# Gradescope runs this once, when the autograder's image is built: a zip file with setup.sh,
# run_autograder and the course in course/ (made by grading/ready/gradescope/pack.sh).
set -euo pipefail
apt-get update -qq
apt-get install -y -qq --no-install-recommends python3.11 python3.11-venv make util-linux bubblewrap
cd /autograder/source/course
make install PYTHON=python3.11
# Whoever is not root reads neither the checks nor the results.
chmod -R go-rwx /autograder/source
