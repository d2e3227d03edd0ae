// RUN: fpmoe-opt %s --fpmoe-set-storage=format=bf16 | fpmoe-opt | FileCheck %s
// RUN: fpmoe-opt %s --fpmoe-set-storage | fpmoe-opt | FileCheck %s
// RUN: fpmoe-opt %s --fpmoe-quantize=format=bf16 | FileCheck %s --check-prefix=PIPELINE
// RUN: fpmoe-opt %s --fpmoe-quantize=format=f16 | FileCheck %s --check-prefix=F16 --implicit-check-not='bf16>'
// RUN: sed 's/dtype = "bf16"/dtype = "f16"/' %s | fpmoe-opt --fpmoe-quantize | FileCheck %s --check-prefix=F16 --implicit-check-not='bf16>'
// RUN: fpmoe-opt %s > %t.same
// RUN: fpmoe-opt %s --fpmoe-set-storage=format=f32 | diff - %t.same
// RUN: not fpmoe-opt %s --fpmoe-set-storage=format=int3 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: fpmoe-opt %s --fpmoe-quantize=format=int4,w=int8,*gate_up=bf16 | FileCheck %s --check-prefix=RULES
// RUN: fpmoe-opt %s --fpmoe-quantize=format=*down=int8 | FileCheck %s --check-prefix=RULE
// RUN: not fpmoe-opt %s --fpmoe-set-storage=format=int4,norm=int8 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not fpmoe-opt %s --fpmoe-set-storage=format=int4,w 2>&1 | FileCheck %s --check-prefix=NORULE
// RUN: sed 's/dtype = "bf16"/dtype = "int3"/' %s | not fpmoe-opt --fpmoe-set-storage 2>&1 | FileCheck %s --check-prefix=DTYPE
// RUN: sed 's/dtype = "bf16"/dtype = "f32", formats = {table = "int4", w = "int8", gate_up = "int4", shared_gate_up = "f16"}/' %s | fpmoe-opt --fpmoe-quantize | FileCheck %s --check-prefix=STORED
// RUN: sed 's/dtype = "bf16"/dtype = "f32", formats = {table = "int4"}/' %s | fpmoe-opt --fpmoe-quantize=format=bf16 | FileCheck %s --check-prefix=PIPELINE
// RUN: sed 's/dtype = "bf16"/dtype = "f32", formats = {table = "int3"}/' %s | not fpmoe-opt 2>&1 | FileCheck %s --check-prefix=FORMATS

// FORMATS: error: 'fpmoe.model' has 'formats' that are not a dictionary of storage formats
// UNKNOWN: error: storage format: 'int3' is not a format (known: f32, f16, bf16, int8, uint4, int4)
// NONE: error: weights 'norm=int8' is the rule of no matrix; there are table, {{.*}}shared_down
// NORULE: error: storage format: 'w' is no rule; rules are PATTERN=FORMAT, as in *down_proj=int8 (known: f32, f16, bf16, int8, uint4, int4)
// DTYPE: error: storage format is 'int3', it must be one of f32, f16, bf16, int8, uint4, int4

// Matrices have the format of the first rule that has their name, and are rounded
// to integers behind everything else.
// RULES: fpmoe.weight @table : tensor<16x8x!fpmoe.int4> {
// RULES-NEXT: %[[F32:.*]] = fpmoe.load "table" : tensor<16x8xf32>
// RULES-NEXT: %[[INT:.*]] = fpmoe.convert %[[F32]] : tensor<16x8xf32> -> tensor<16x8x!fpmoe.int4>
// RULES-NEXT: fpmoe.yield %[[INT]]
// RULES: fpmoe.weight @w : tensor<8x8x!fpmoe.int8> {
// RULES: fpmoe.weight @norm : tensor<8xf32> {
// RULES: fpmoe.weight @gate_up : tensor<3x12x8xbf16> {
// RULES: fpmoe.weight @down : tensor<3x8x6x!fpmoe.int4> {
// RULES: fpmoe.weight @shared_gate_up : tensor<12x8xbf16> {
// RULE: fpmoe.weight @w : tensor<8x8xbf16> {
// RULE: fpmoe.weight @down : tensor<3x8x6x!fpmoe.int8> {

// Where the checkpoint has a format for each tensor, matrices keep theirs, but for
// integers beside what is none.
// STORED: fpmoe.weight @table : tensor<16x8x!fpmoe.int4> {
// STORED: fpmoe.weight @w : tensor<8x8x!fpmoe.int8> {
// STORED: fpmoe.weight @gate_up : tensor<3x12x8xf32> {
// STORED: fpmoe.weight @down : tensor<3x8x6xf32> {
// STORED: fpmoe.weight @shared_gate_up : tensor<12x8xf16> {

// Without an option the format is that of the checkpoint.
module attributes {fpmoe.model = {name = "toy", architecture = "Qwen2MoeForCausalLM",
                                  context = 64, source = "toy", dtype = "bf16"}} {
  // CHECK: fpmoe.weight @table : tensor<16x8xbf16> {
  // CHECK-NEXT: %[[F32:.*]] = fpmoe.load "table" : tensor<16x8xf32>
  // CHECK-NEXT: %[[BF16:.*]] = fpmoe.convert %[[F32]] : tensor<16x8xf32> -> tensor<16x8xbf16>
  // CHECK-NEXT: fpmoe.yield %[[BF16]]
  // PIPELINE: fpmoe.weight @table : tensor<16x8xbf16> {
  // PIPELINE-NEXT: %[[BF16:.*]] = fpmoe.load "table" : tensor<16x8xbf16>
  // PIPELINE-NEXT: fpmoe.yield %[[BF16]]
  // F16: fpmoe.weight @table : tensor<16x8xf16> {
  // F16-NEXT: %[[F32:.*]] = fpmoe.load "table" : tensor<16x8xf32>
  // F16-NEXT: %[[HALF:.*]] = fpmoe.convert %[[F32]] : tensor<16x8xf32> -> tensor<16x8xf16>
  // F16-NEXT: fpmoe.yield %[[HALF]]
  // F16: fpmoe.weight @norm : tensor<8xf32> {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  // CHECK: fpmoe.weight @w : tensor<8x8xbf16>
  fpmoe.weight @w : tensor<8x8xf32> {
    %0 = fpmoe.load "w" : tensor<8x8xf32>
    fpmoe.yield %0 : tensor<8x8xf32>
  }
  // CHECK: fpmoe.weight @norm : tensor<8xf32>
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  // CHECK: fpmoe.weight @bias : tensor<8xf32>
  fpmoe.weight @bias : tensor<8xf32> {
    %0 = fpmoe.load "bias" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  // CHECK: fpmoe.weight @rope : tensor<64x4xf32>
  fpmoe.weight @rope : tensor<64x4xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x4xf32>
    fpmoe.yield %0 : tensor<64x4xf32>
  }
  // CHECK: fpmoe.weight @qkv : tensor<4x4x8xbf16>
  fpmoe.weight @qkv : tensor<4x4x8xf32> {
    %0 = fpmoe.load "qkv" : tensor<4x4x8xf32>
    fpmoe.yield %0 : tensor<4x4x8xf32>
  }
  // CHECK: fpmoe.weight @router : tensor<3x8xf32>
  fpmoe.weight @router : tensor<3x8xf32> {
    %0 = fpmoe.load "router" : tensor<3x8xf32>
    fpmoe.yield %0 : tensor<3x8xf32>
  }
  // CHECK: fpmoe.weight @scale : tensor<1x8xf32>
  fpmoe.weight @scale : tensor<1x8xf32> {
    %0 = fpmoe.load "scale" : tensor<1x8xf32>
    fpmoe.yield %0 : tensor<1x8xf32>
  }
  // CHECK: fpmoe.weight @gate_up : tensor<3x12x8xbf16>
  fpmoe.weight @gate_up : tensor<3x12x8xf32> {
    %0 = fpmoe.load "gate_up" : tensor<3x12x8xf32>
    fpmoe.yield %0 : tensor<3x12x8xf32>
  }
  // CHECK: fpmoe.weight @down : tensor<3x8x6xbf16>
  fpmoe.weight @down : tensor<3x8x6xf32> {
    %0 = fpmoe.load "down" : tensor<3x8x6xf32>
    fpmoe.yield %0 : tensor<3x8x6xf32>
  }
  // CHECK: fpmoe.weight @shared_gate_up : tensor<12x8xbf16>
  fpmoe.weight @shared_gate_up : tensor<12x8xf32> {
    %0 = fpmoe.load "shared_gate_up" : tensor<12x8xf32>
    fpmoe.yield %0 : tensor<12x8xf32>
  }
  // CHECK: fpmoe.weight @shared_down : tensor<8x6xbf16>
  fpmoe.weight @shared_down : tensor<8x6xf32> {
    %0 = fpmoe.load "shared_down" : tensor<8x6xf32>
    fpmoe.yield %0 : tensor<8x6xf32>
  }
  // CHECK: fpmoe.weight @plain : tensor<3x6x8xbf16>
  fpmoe.weight @plain : tensor<3x6x8xf32> {
    %0 = fpmoe.load "plain" : tensor<3x6x8xf32>
    fpmoe.yield %0 : tensor<3x6x8xf32>
  }
  // CHECK: fpmoe.weight @plain_shared : tensor<6x8xbf16>
  fpmoe.weight @plain_shared : tensor<6x8xf32> {
    %0 = fpmoe.load "plain_shared" : tensor<6x8xf32>
    fpmoe.yield %0 : tensor<6x8xf32>
  }

  // CHECK-LABEL: func.func @main
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %layer: index) -> (tensor<?x16xf32>, tensor<?x8xf32>) {
    // CHECK: %[[TABLE:.*]] = fpmoe.get @table : tensor<16x8xbf16>
    %table = fpmoe.get @table : tensor<16x8xf32>
    %w = fpmoe.get @w : tensor<8x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %bias = fpmoe.get @bias : tensor<8xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    %qkv = fpmoe.get @qkv : tensor<4x4x8xf32>
    %router = fpmoe.get @router : tensor<3x8xf32>
    %scale = fpmoe.get @scale : tensor<1x8xf32>
    %gate_up = fpmoe.get @gate_up : tensor<3x12x8xf32>
    %down = fpmoe.get @down : tensor<3x8x6xf32>
    %shared_gate_up = fpmoe.get @shared_gate_up : tensor<12x8xf32>
    %shared_down = fpmoe.get @shared_down : tensor<8x6xf32>
    %plain = fpmoe.get @plain : tensor<3x6x8xf32>
    %plain_shared = fpmoe.get @plain_shared : tensor<6x8xf32>
    // CHECK: fpmoe.embedding %{{.*}}, %[[TABLE]] : tensor<16x8xbf16> -> tensor<?x8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv rope %rope : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    // CHECK: fpmoe.linear %{{.*}} : tensor<?x8xf32>, tensor<8x8xbf16> -> tensor<?x8xf32>
    %o = fpmoe.linear %a, %w bias %bias : tensor<8xf32> residual %x : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    // CHECK: fpmoe.moe %{{.*}} router %{{.*}} : tensor<3x8xf32> by {{.*}} experts %{{.*}} : tensor<3x12x8xbf16>, %{{.*}} : tensor<3x8x6xbf16> names {{.*}} shared %{{.*}} : tensor<12x8xbf16>, %{{.*}} : tensor<8x6xbf16> scaled %{{.*}} : tensor<1x8xf32>
    %m = fpmoe.moe %o norm %norm : tensor<8xf32> eps 1.0e-6 router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> experts %gate_up : tensor<3x12x8xf32>, %down : tensor<3x8x6xf32> names ["a", "b", "c"] shared %shared_gate_up : tensor<12x8xf32>, %shared_down : tensor<8x6xf32> scaled %scale : tensor<1x8xf32> -> tensor<?x8xf32>
    %logits = fpmoe.linear %m, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    // Plain ops have matrices, too.
    %weights, %experts = fpmoe.route %o : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
    %routed = fpmoe.experts %o, %weights, %experts, %plain, %plain, %down names ["a", "b", "c"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
    %shared = fpmoe.mlp %routed, %plain_shared, %plain_shared, %shared_down scaled %scale : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
    return %logits, %shared : tensor<?x16xf32>, tensor<?x8xf32>
  }
}
