#!/usr/bin/env bash
# Mines a list on a Ray cluster. Every node needs `pip install 'repopeftbench[ray]'` and a folder for clones:
#   RAY_ADDRESS=http://HEAD:8265 examples/ray-job.sh repos.txt data
set -euo pipefail

list=${1:?a list of repositories}
out=${2:?the folder of the dataset, on storage that the head node sees}

ray job submit --working-dir "$(dirname "$list")" -- \
  repobench mine "$(basename "$list")" --engine ray --ray-address auto --cache /tmp/repobench-clones -o "$out"
