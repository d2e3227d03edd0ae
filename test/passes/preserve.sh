#!/bin/bash
# Shows that the passes on the graph preserve what it computes: the logits after
# each single pass, and after all of them, equal those of the imported graph.
#
#   preserve.sh CHECKPOINT SCRATCH
#
# Passes that move numbers and no more must not change a bit. Rounding to bf16
# may change the logits by 3% of the largest; of a checkpoint in bf16 it must not
# change them at all, and folding it into recipes neither.
set -euo pipefail
checkpoint=$1
scratch=$2
ids=$checkpoint/ids.txt
mkdir -p "$scratch"
fpmoe-compile "$checkpoint" --compile-to=import -o "$scratch/import.mlir"

# The logits of a graph, and whether they are equal, to a relative tolerance.
evaluate() { fpmoe-eval "$1" --ids "$ids" --logits "$2" > /dev/null; }
expect() { fpmoe-eval "$1" --ids "$ids" --expect "$2" --tolerance "$3"; }

evaluate "$scratch/import.mlir" "$scratch/import.bin"
expect "$scratch/import.mlir" "$checkpoint/logits.bin" 1e-4

names=$(grep -o -m1 'names \["[^]]*"\]' "$scratch/import.mlir" | tr -d ' "[]' |
  sed 's/names//')
preserving=(--fpmoe-fold-recipes --fpmoe-merge-weights
  --fpmoe-select-languages "--fpmoe-select-languages=languages=$names"
  --fpmoe-fuse-qkv --fpmoe-fuse-moe --fpmoe-fuse-norm --fpmoe-fuse-residual
  --fpmoe-set-storage=format=f32)
for pass in "${preserving[@]}"; do
  echo "$pass"
  fpmoe-opt "$scratch/import.mlir" "$pass" -o "$scratch/pass.mlir"
  expect "$scratch/pass.mlir" "$scratch/import.bin" 0
done

echo "all, in f32"
phases=(--fpmoe-assemble --fpmoe-specialize --fpmoe-fuse)
fpmoe-opt "$scratch/import.mlir" "${phases[@]}" --fpmoe-quantize=format=f32 \
  -o "$scratch/f32.mlir"
expect "$scratch/f32.mlir" "$scratch/import.bin" 0

echo "all, in bf16"
tolerance=3e-2
if grep -q 'dtype = "bf16"' "$scratch/import.mlir"; then tolerance=0; fi
fpmoe-opt "$scratch/import.mlir" "${phases[@]}" --fpmoe-quantize=format=bf16 \
  -o "$scratch/bf16.mlir"
expect "$scratch/bf16.mlir" "$scratch/import.bin" $tolerance

echo "bf16 not folded"
fpmoe-opt "$scratch/import.mlir" --fpmoe-set-storage=format=bf16 \
  -o "$scratch/rounded.mlir"
evaluate "$scratch/rounded.mlir" "$scratch/rounded.bin"
expect "$scratch/bf16.mlir" "$scratch/rounded.bin" 0

# One expert whose weight is 1: as if the rule of the whole model named it.
if grep -q 'renormalize = true' "$scratch/import.mlir"; then
  echo "specialised for ${names##*,}"
  last=$(tr -cd , <<< "$names" | wc -c)
  sed -E -e "s/router %[a-z0-9_]+ : tensor<[0-9]+x[0-9]+xf32> by #fpmoe.token_choice<[^>]*>/by #fpmoe.fixed<expert = $last>/" \
    -e '/fpmoe.route /s/tensor<\?x[0-9]+x(f32|i32)>(, |$)/tensor<?x1x\1>\2/g' \
    -e '/fpmoe.experts /s/(: tensor<\?x[0-9]+xf32>, tensor<\?x)[0-9]+x/\11x/' \
    "$scratch/import.mlir" > "$scratch/fixed.mlir"
  evaluate "$scratch/fixed.mlir" "$scratch/fixed.bin"
  fpmoe-opt "$scratch/import.mlir" --fpmoe-specialize="languages=${names##*,}" \
    --fpmoe-fuse -o "$scratch/special.mlir"
  expect "$scratch/special.mlir" "$scratch/fixed.bin" 0
fi
