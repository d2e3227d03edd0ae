// RUN: fpmoe-opt %s -split-input-file -verify-diagnostics

// One case at least for each numbered constraint of the ops that merge weights.

// load_c3
fpmoe.weight @w : tensor<4x8xf32> {
  // expected-error@+1 {{takes 'w' from 'ocaml', which is not among the parts of the model (load_c3)}}
  %r = fpmoe.load "w" from "ocaml" : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// by_layer_c1
fpmoe.weight @w layers [0, 1] : tensor<4x8xf32> {
^bb0(%layer: index):
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{has 2 operands and 1 lists of layers (by_layer_c1)}}
  %r = fpmoe.by_layer %layer, %a, %b of [[0, 1]] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// by_layer_c2
fpmoe.weight @w layers [0, 1] : tensor<4x8xf32> {
^bb0(%layer: index):
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{names layer 1 twice (by_layer_c2)}}
  %r = fpmoe.by_layer %layer, %a, %b of [[0, 1], [1]] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// by_layer_c2
fpmoe.weight @w layers [0, 1] : tensor<4x8xf32> {
^bb0(%layer: index):
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{has no operand for layer 1 of the weight (by_layer_c2)}}
  %r = fpmoe.by_layer %layer, %a, %b of [[0], [2]] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// by_layer_c3
fpmoe.weight @w layers [0, 1] : tensor<4x8xf32> {
^bb0(%layer: index):
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<8x4xf32>
  // expected-error@+1 {{gives 'tensor<4x8xf32>', its operand is 'tensor<8x4xf32>' (by_layer_c3)}}
  %r = fpmoe.by_layer %layer, %a, %b of [[0], [1]] : tensor<4x8xf32>, tensor<8x4xf32> -> tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// transpose_c1
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  // expected-error@+1 {{makes 'tensor<4x8xf32>' of 'tensor<4x8xf32>' (transpose_c1)}}
  %r = fpmoe.transpose %a : tensor<4x8xf32> -> tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// transpose_c1
fpmoe.weight @w : tensor<8xf32> {
  %a = fpmoe.load "a" : tensor<8xf32>
  // expected-error@+1 {{makes 'tensor<8xf32>' of 'tensor<8xf32>' (transpose_c1)}}
  %r = fpmoe.transpose %a : tensor<8xf32> -> tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}

// -----

// product_c1
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x2xf32>
  %b = fpmoe.load "b" : tensor<3x8xf32>
  // expected-error@+1 {{of 'tensor<4x2xf32>' and 'tensor<3x8xf32>' gives 'tensor<4x8xf32>' (product_c1)}}
  %r = fpmoe.product %a, %b : tensor<4x2xf32>, tensor<3x8xf32> -> tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// weighted_sum_c1
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{has 2 operands and 1 weights (weighted_sum_c1)}}
  %r = fpmoe.weighted_sum %a, %b weights [1.0] : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// weighted_sum_c1
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  // expected-error@+1 {{has a weight that is not finite (weighted_sum_c1)}}
  %r = fpmoe.weighted_sum %a weights [0x7FF0000000000000] : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// weighted_sum_c2
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{divides by its weights, which sum to zero (weighted_sum_c2)}}
  %r = fpmoe.weighted_sum %a, %b weights [1.0, -1.0] normalized : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// task_arithmetic_c1
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{has 1 operands and 2 weights (task_arithmetic_c1)}}
  %r = fpmoe.task_arithmetic %a plus %b weights [1.0, 1.0] lambda 1.0 : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// task_arithmetic_c1
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{has a lambda that is not finite (task_arithmetic_c1)}}
  %r = fpmoe.task_arithmetic %a plus %b weights [1.0] lambda 0x7FF0000000000000 : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// ties_c1
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{has 1 operands and 0 weights (ties_c1)}}
  %r = fpmoe.ties mergekit %a plus %b weights [] densities [0.5] lambda 1.0 : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// ties_c2
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{has 1 operands and 2 densities (ties_c2)}}
  %r = fpmoe.ties peft %a plus %b weights [1.0] densities [0.5, 0.5] lambda 1.0 : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// ties_c2
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{it must be above 0 and at most 1 (ties_c2)}}
  %r = fpmoe.ties peft %a plus %b weights [1.0] densities [0.0] lambda 1.0 : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// ties_c3
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  %b = fpmoe.load "b" : tensor<4x8xf32>
  // expected-error@+1 {{divides by the number of operands that agree, not by their weights (ties_c3)}}
  %r = fpmoe.ties peft %a plus %b weights [1.0] densities [0.5] lambda 1.0 normalized : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// sum_rows_c1
fpmoe.weight @w : tensor<4xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  // expected-error@+1 {{sums rows of 'tensor<4x8xf32>' to 'tensor<4xf32>' (sum_rows_c1)}}
  %r = fpmoe.sum_rows %a[0] : tensor<4x8xf32> -> tensor<4xf32>
  fpmoe.yield %r : tensor<4xf32>
}

// -----

// sum_rows_c2
fpmoe.weight @w : tensor<8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  // expected-error@+1 {{sums no rows (sum_rows_c2)}}
  %r = fpmoe.sum_rows %a[] : tensor<4x8xf32> -> tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}

// -----

// sum_rows_c2
fpmoe.weight @w : tensor<8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  // expected-error@+1 {{sums row 4 of only 4 (sum_rows_c2)}}
  %r = fpmoe.sum_rows %a[4] : tensor<4x8xf32> -> tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}

// -----

// prompt_state_c1
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 1 : i64, parts = {base = "base"}}} {
fpmoe.weight @w layers [0] : tensor<2x8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{is of 'tensor<2x8xf32>', not of a vector (prompt_state_c1)}}
  %r = fpmoe.prompt_state %layer from "base" prompts [[1]] : tensor<2x8xf32>
  fpmoe.yield %r : tensor<2x8xf32>
}
}

// -----

// prompt_state_c2
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 1 : i64, parts = {base = "base"}}} {
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{has no prompts (prompt_state_c2)}}
  %r = fpmoe.prompt_state %layer from "base" prompts [] : tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}
}

// -----

// prompt_state_c2
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 1 : i64, parts = {base = "base"}}} {
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{has a prompt without tokens (prompt_state_c2)}}
  %r = fpmoe.prompt_state %layer from "base" prompts [[1], []] : tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}
}

// -----

// prompt_state_c3
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 1 : i64, parts = {base = "base"}}} {
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{has the token -1 (prompt_state_c3)}}
  %r = fpmoe.prompt_state %layer from "base" prompts [[1], [2, -1]] : tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}
}

// -----

// prompt_state_c3
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 1 : i64, parts = {base = "base"}}} {
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{is padded with the token 2147483648 (prompt_state_c3)}}
  %r = fpmoe.prompt_state %layer from "base" prompts [[1]] average padding 2147483648 : tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}
}

// -----

// prompt_state_c4
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 1 : i64, parts = {base = "base"}}} {
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{has a padding, but takes the last tokens alone (prompt_state_c4)}}
  %r = fpmoe.prompt_state %layer from "base" prompts [[1]] padding 0 : tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}
}

// -----

// prompt_state_c5
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 1 : i64, parts = {base = "base"}}} {
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{is of 'bsae', which is not among the parts of the model (prompt_state_c5)}}
  %r = fpmoe.prompt_state %layer from "bsae" prompts [[1]] : tensor<8xf32>
  fpmoe.yield %r : tensor<8xf32>
}
}

// -----

// unit_c1
fpmoe.weight @w : tensor<4x8xf32> {
  %a = fpmoe.load "a" : tensor<4x8xf32>
  // expected-error@+1 {{is of 'tensor<4x8xf32>', not of a vector (unit_c1)}}
  %r = fpmoe.unit %a : tensor<4x8xf32>
  fpmoe.yield %r : tensor<4x8xf32>
}

// -----

// expected-error@+1 {{'fpmoe.model' has 'parts' that are not a dictionary of directories}}
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 1 : i64, parts = ["a"]}} {
}
