#!/bin/bash
# Shows that the passes on the graph preserve what it computes: the logits after
# each pass, one after the other as programs are compiled, equal those of the
# imported graph.
#
#   preserve.sh MODEL SCRATCH [PASS ...]
#
# The model lies beside ids.txt, and its logits, if they are known otherwise.
# Every pass must change the IR, or else nothing would be shown, except the ones
# named here, for which there is nothing to do in this model.
#
# Passes that move numbers and no more must not change a bit. Rounding to bf16
# may change the logits by 6% of the largest, rounding to f16 by an eighth of
# that; of a checkpoint in bf16 the first must not change them at all, and folding
# it into recipes neither.
set -euo pipefail
model=$1
scratch=$2
idle=" ${*:3} "
folder=$model
if [ -f "$model" ]; then folder=$(dirname "$model"); fi
golden=$folder/logits.bin
tokens=(--ids "$folder/ids.txt")
# A model with adapters for languages: each token has a language.
if [ -f "$folder/languages.txt" ]; then
  golden=$folder/expected.bin
  tokens+=(--languages "$folder/languages.txt")
fi
mkdir -p "$scratch"
fpmoe-compile "$model" --compile-to=import -o "$scratch/import.mlir"

# The logits of a graph, and whether they are equal, to a relative tolerance.
evaluate() { fpmoe-eval "$1" "${tokens[@]}" --logits "$2" > /dev/null; }
expect() { fpmoe-eval "$1" "${tokens[@]}" --expect "$2" --tolerance "$3"; }
fail() {
  echo "FAIL: $*"
  exit 1
}

evaluate "$scratch/import.mlir" "$scratch/import.bin"
if [ -f "$golden" ]; then expect "$scratch/import.mlir" "$golden" 1e-4; fi

# Printed as the passes print it.
fpmoe-opt "$scratch/import.mlir" -o "$scratch/chain.mlir"
for pass in fold-recipes merge-weights fuse-heads fuse-qkv fuse-moe fuse-scale \
  fuse-norm fuse-residual; do
  echo "$pass"
  fpmoe-opt "$scratch/chain.mlir" "--fpmoe-$pass" -o "$scratch/next.mlir"
  if cmp -s "$scratch/chain.mlir" "$scratch/next.mlir"; then
    [[ $idle == *" $pass "* ]] || fail "$pass changes nothing"
    continue
  fi
  [[ $idle != *" $pass "* ]] || fail "$pass changes the graph"
  mv "$scratch/next.mlir" "$scratch/chain.mlir"
  expect "$scratch/chain.mlir" "$scratch/import.bin" 0
done

echo "all, in f32"
phases=(--fpmoe-assemble --fpmoe-specialize --fpmoe-fuse)
fpmoe-opt "$scratch/import.mlir" "${phases[@]}" --fpmoe-quantize=format=f32 \
  -o "$scratch/f32.mlir"
expect "$scratch/f32.mlir" "$scratch/import.bin" 0

echo "all, in bf16"
tolerance=6e-2
if grep -q 'dtype = "bf16"' "$scratch/import.mlir"; then tolerance=0; fi
fpmoe-opt "$scratch/import.mlir" "${phases[@]}" "--fpmoe-quantize=format=bf16 cache=f32" \
  -o "$scratch/bf16.mlir"
expect "$scratch/bf16.mlir" "$scratch/import.bin" $tolerance

echo "all, in f16"
fpmoe-opt "$scratch/import.mlir" "${phases[@]}" --fpmoe-quantize=format=f16 \
  -o "$scratch/f16.mlir"
expect "$scratch/f16.mlir" "$scratch/import.bin" 8e-3

echo "bf16 not folded"
fpmoe-opt "$scratch/import.mlir" --fpmoe-set-storage=format=bf16 \
  -o "$scratch/rounded.mlir"
evaluate "$scratch/rounded.mlir" "$scratch/rounded.bin"
expect "$scratch/bf16.mlir" "$scratch/rounded.bin" 0

# The names in a list of the IR, separated by commas.
names() {
  { grep -o -m1 "$1"' \["[^]]*"\]' "$scratch/import.mlir" || true; } |
    sed 's/.*\[//' | tr -d ' "]'
}
experts=$(names names)
languages=$(names "languages =")

if [ "$experts" ]; then
  echo "specialised for all experts"
  fpmoe-opt "$scratch/import.mlir" -o "$scratch/before.mlir"
  fpmoe-opt "$scratch/import.mlir" "--fpmoe-select-languages=languages=$experts" |
    cmp - "$scratch/before.mlir"
fi

# One expert whose weight is 1: as if the rule of the whole model named it.
if grep -q 'renormalize = true' "$scratch/import.mlir"; then
  echo "specialised for ${experts##*,}"
  last=$(tr -cd , <<< "$experts" | wc -c)
  sed -E -e "s/router %[a-z0-9_]+ : tensor<[0-9]+x[0-9]+xf32> by #fpmoe.token_choice<[^>]*>/by #fpmoe.fixed<expert = $last>/" \
    -e '/fpmoe.route /s/tensor<\?x[0-9]+x(f32|i32)>(, |$)/tensor<?x1x\1>\2/g' \
    -e '/fpmoe.experts /s/(: tensor<\?x[0-9]+xf32>, tensor<\?x)[0-9]+x/\11x/' \
    "$scratch/import.mlir" > "$scratch/fixed.mlir"
  evaluate "$scratch/fixed.mlir" "$scratch/fixed.bin"
  fpmoe-opt "$scratch/import.mlir" --fpmoe-specialize="languages=${experts##*,}" \
    --fpmoe-fuse -o "$scratch/special.mlir"
  expect "$scratch/special.mlir" "$scratch/fixed.bin" 0
fi

# Some adapters, and one, which is added to the weights: as in the whole model
# when all tokens have the first language.
if [ "$languages" ]; then
  first=${languages%%,*}
  tokens=(--ids "$folder/ids.txt" --languages "$scratch/first.txt")
  sed -E 's/-?[0-9]+/0/g' "$folder/languages.txt" > "$scratch/first.txt"
  evaluate "$scratch/import.mlir" "$scratch/first.bin"
  echo "adapters for all but the last language"
  fpmoe-opt "$scratch/import.mlir" \
    "--fpmoe-select-adapters=languages=${languages%,*}" -o "$scratch/some.mlir"
  ! cmp -s "$scratch/import.mlir" "$scratch/some.mlir" || fail "nothing changed"
  expect "$scratch/some.mlir" "$scratch/first.bin" 0
  echo "the adapter for $first"
  fpmoe-opt "$scratch/import.mlir" "--fpmoe-select-adapters=languages=$first" \
    -o "$scratch/one.mlir"
  ! grep -q low_rank "$scratch/one.mlir" || fail "a low-rank path is left"
  tokens=(--ids "$folder/ids.txt")
  expect "$scratch/one.mlir" "$scratch/first.bin" 1e-5
fi
