#!/bin/bash
# Compares the reference with transformers on one checkpoint of test/golden, from
# the command line: all tokens at once, one by one, and by 17.
#
#   golden.sh CHECKPOINT SCRATCH
set -euo pipefail
checkpoint=$1
scratch=$2
mkdir -p "$scratch"
fpmoe-compile "$checkpoint" --compile-to=import -o "$scratch/import.mlir"
for chunk in 130 1 17; do
  fpmoe-eval "$scratch/import.mlir" --ids "$checkpoint/ids.txt" \
    --chunk $chunk --tolerance 1e-4 \
    --expect "$checkpoint/logits.bin" --expect-routes "$checkpoint/routes.txt"
done
