// RUN: fpmoe-opt %s --mega-pack-weights --fpmoe-build-programs -split-input-file -verify-diagnostics
// RUN: not fpmoe-opt %S/build-programs.mlir --mega-pack-weights --fpmoe-build-programs="prefill-tokens=8" 2>&1 | FileCheck %s
// RUN: not fpmoe-opt %S/build-programs.mlir --fpmoe-build-programs 2>&1 | FileCheck %s --check-prefix=PLAIN

// What no program can be made of.

// CHECK: error: prefill-tokens is 8, it must be at least the rows of a block, 12

// PLAIN: error: 'fpmoe.qkv' op multiplies by 'tensor<4x4x20xbf16>', which is not packed; run mega-pack-weights first

// No graph.
// expected-error@+1 {{has no '@main' or no 'fpmoe.model' to make a program of}}
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
}

// -----

// A graph of no model.
// expected-error@+1 {{has no '@main' or no 'fpmoe.model' to make a program of}}
module {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.add %x, %x : tensor<?x8xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}

// -----

// A graph that was not fused: the norm stands by itself.
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    // expected-error@+1 {{'fpmoe.rms_norm' op cannot be scheduled here; run the fuse phase before this one}}
    %y = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %logits = fpmoe.linear %y, %table : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}

// -----

// The norm of the logits is missing.
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    // expected-error@+1 {{'fpmoe.linear' op for the logits must have a norm, and neither bias nor residual}}
    %logits = fpmoe.linear %x, %table : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}

// -----

// A layer that was not fused.
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    // expected-error@+1 {{'fpmoe.rms_norm' op cannot be scheduled in a layer; run the fuse phase before this one}}
    %y = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    return %y : tensor<?x8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.layers %x, %positions bodies [@body] order [0] : tensor<?x8xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}

// -----

// The query is used twice.
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @rope : tensor<64x4xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x4xf32>
    fpmoe.yield %0 : tensor<64x4xf32>
  }
  fpmoe.weight @qkv : tensor<4x4x8xf32> {
    %0 = fpmoe.load "qkv" : tensor<4x4x8xf32>
    fpmoe.yield %0 : tensor<4x4x8xf32>
  }
  fpmoe.weight @w : tensor<8x8xf32> {
    %0 = fpmoe.load "w" : tensor<8x8xf32>
    fpmoe.yield %0 : tensor<8x8xf32>
  }
  func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    %qkv = fpmoe.get @qkv : tensor<4x4x8xf32>
    %w = fpmoe.get @w : tensor<8x8xf32>
    // expected-error@+1 {{'fpmoe.qkv' op must give its query to an attention}}
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv rope %rope : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %y = fpmoe.linear %a, %w residual %q : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.layers %x, %positions bodies [@body] order [0] : tensor<?x8xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}

// -----

// A product without the residual.
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @rope : tensor<64x4xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x4xf32>
    fpmoe.yield %0 : tensor<64x4xf32>
  }
  fpmoe.weight @qkv : tensor<4x4x8xf32> {
    %0 = fpmoe.load "qkv" : tensor<4x4x8xf32>
    fpmoe.yield %0 : tensor<4x4x8xf32>
  }
  fpmoe.weight @w : tensor<8x8xf32> {
    %0 = fpmoe.load "w" : tensor<8x8xf32>
    fpmoe.yield %0 : tensor<8x8xf32>
  }
  func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    %qkv = fpmoe.get @qkv : tensor<4x4x8xf32>
    %w = fpmoe.get @w : tensor<8x8xf32>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv rope %rope : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %y = fpmoe.linear %a, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    // expected-error@+1 {{'func.return' op of a layer gives rows that nothing was added to}}
    return %y : tensor<?x8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.layers %x, %positions bodies [@body] order [0] : tensor<?x8xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}

// -----

// A rotary table whose frequencies are not known.
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @rope : tensor<64x4xf32> {
    %0 = fpmoe.load "rope" : tensor<64x4xf32>
    fpmoe.yield %0 : tensor<64x4xf32>
  }
  fpmoe.weight @qkv : tensor<4x4x8xf32> {
    %0 = fpmoe.load "qkv" : tensor<4x4x8xf32>
    fpmoe.yield %0 : tensor<4x4x8xf32>
  }
  fpmoe.weight @w : tensor<8x8xf32> {
    %0 = fpmoe.load "w" : tensor<8x8xf32>
    fpmoe.yield %0 : tensor<8x8xf32>
  }
  func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    %qkv = fpmoe.get @qkv : tensor<4x4x8xf32>
    %w = fpmoe.get @w : tensor<8x8xf32>
    // expected-error@+1 {{'fpmoe.qkv' op has a rotary table that is no fpmoe.rope_table}}
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv rope %rope : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %y = fpmoe.linear %a, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.layers %x, %positions bodies [@body] order [0] : tensor<?x8xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}

// -----

// One that ends before the context does.
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @rope : tensor<63x4xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<63x4xf32>
    fpmoe.yield %0 : tensor<63x4xf32>
  }
  fpmoe.weight @qkv : tensor<4x4x8xf32> {
    %0 = fpmoe.load "qkv" : tensor<4x4x8xf32>
    fpmoe.yield %0 : tensor<4x4x8xf32>
  }
  fpmoe.weight @w : tensor<8x8xf32> {
    %0 = fpmoe.load "w" : tensor<8x8xf32>
    fpmoe.yield %0 : tensor<8x8xf32>
  }
  func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %rope = fpmoe.get @rope : tensor<63x4xf32>
    %qkv = fpmoe.get @qkv : tensor<4x4x8xf32>
    %w = fpmoe.get @w : tensor<8x8xf32>
    // expected-error@+1 {{'fpmoe.qkv' op has a rotary table of fewer positions than the context, 64}}
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv rope %rope : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<63x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %y = fpmoe.linear %a, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.layers %x, %positions bodies [@body] order [0] : tensor<?x8xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}
