// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// Each op of recipes as its documentation shows it, which examples.test
// compares, and the parts that may be there besides.

// CHECK: fpmoe.weight @gate layers [0, 1] : tensor<3x8xf32> {
// CHECK-NEXT: ^bb0(%[[L:.*]]: index):
// CHECK-NEXT: %[[G:.*]] = fpmoe.load "model.layers.{}.mlp.gate.weight"[%[[L]]] : tensor<3x8xf32>
// CHECK-NEXT: fpmoe.yield %[[G]] : tensor<3x8xf32>
fpmoe.weight @gate layers [0, 1] : tensor<3x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "model.layers.{}.mlp.gate.weight"[%layer] : tensor<3x8xf32>
  fpmoe.yield %0 : tensor<3x8xf32>
}

// CHECK: fpmoe.weight @placed layers [3, 7] at 4096 stride 128 : tensor<17xf32> {
fpmoe.weight @placed layers [3, 7] at 4096 stride 128 : tensor<17xf32> {
^bb0(%layer: index):
  // CHECK: fpmoe.random "a.{}"[%{{.*}}] seed -1 mean
  %0 = fpmoe.random "a.{}"[%layer] seed -1 mean 0.0 stddev 0.02 : tensor<17xf32>
  fpmoe.yield %0 : tensor<17xf32>
}

// CHECK: fpmoe.weight @part : tensor<3x8xbf16> {
fpmoe.weight @part : tensor<3x8xbf16> {
  // CHECK-NEXT: fpmoe.load "gate_up" at [1, 3] : tensor<3x8xbf16>
  %0 = fpmoe.load "gate_up" at [1, 3] : tensor<3x8xbf16>
  fpmoe.yield %0 : tensor<3x8xbf16>
}

// CHECK: fpmoe.weight @load : tensor<8xf32> {
fpmoe.weight @load : tensor<8xf32> {
  // CHECK: fpmoe.load "model.norm.weight" : tensor<8xf32>
  %0 = fpmoe.load "model.norm.weight" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// CHECK: fpmoe.weight @random : tensor<8xf32> {
fpmoe.weight @random : tensor<8xf32> {
  // CHECK: fpmoe.random "model.norm.weight" seed 1 mean 1.000000e+00 stddev 1.000000e-01 : tensor<8xf32>
  %0 = fpmoe.random "model.norm.weight" seed 1 mean 1.0 stddev 0.1 : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// CHECK: fpmoe.weight @rope_table : tensor<1024x32xf32> {
fpmoe.weight @rope_table : tensor<1024x32xf32> {
  // CHECK: fpmoe.rope_table theta 1.000000e+04 : tensor<1024x32xf32>
  %0 = fpmoe.rope_table theta 1.0e4 : tensor<1024x32xf32>
  fpmoe.yield %0 : tensor<1024x32xf32>
}

// CHECK: fpmoe.weight @stack : tensor<2x4x8xf32> {
fpmoe.weight @stack : tensor<2x4x8xf32> {
  %0 = fpmoe.load "a" : tensor<4x8xf32>
  %1 = fpmoe.load "b" : tensor<4x8xf32>
  // CHECK: fpmoe.stack %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<2x4x8xf32>
  %2 = fpmoe.stack %0, %1 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<2x4x8xf32>
  fpmoe.yield %2 : tensor<2x4x8xf32>
}

// CHECK: fpmoe.weight @concat : tensor<6x8xf32> {
fpmoe.weight @concat : tensor<6x8xf32> {
  %0 = fpmoe.load "a" : tensor<4x8xf32>
  %1 = fpmoe.load "b" : tensor<2x8xf32>
  // CHECK: fpmoe.concat %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<2x8xf32> -> tensor<6x8xf32>
  %2 = fpmoe.concat %0, %1 : tensor<4x8xf32>, tensor<2x8xf32> -> tensor<6x8xf32>
  fpmoe.yield %2 : tensor<6x8xf32>
}

// CHECK: fpmoe.weight @slice : tensor<3x4x6xf32> {
fpmoe.weight @slice : tensor<3x4x6xf32> {
  %0 = fpmoe.load "a" : tensor<3x8x6xf32>
  // CHECK: fpmoe.slice %{{.*}} from 4 : tensor<3x8x6xf32> -> tensor<3x4x6xf32>
  %1 = fpmoe.slice %0 from 4 : tensor<3x8x6xf32> -> tensor<3x4x6xf32>
  fpmoe.yield %1 : tensor<3x4x6xf32>
}

// CHECK: fpmoe.weight @select : tensor<1x4x6xf32> {
fpmoe.weight @select : tensor<1x4x6xf32> {
  %0 = fpmoe.load "a" : tensor<3x4x6xf32>
  // CHECK: fpmoe.select %{{.*}}[2] : tensor<3x4x6xf32> -> tensor<1x4x6xf32>
  %1 = fpmoe.select %0[2] : tensor<3x4x6xf32> -> tensor<1x4x6xf32>
  fpmoe.yield %1 : tensor<1x4x6xf32>
}

// CHECK: fpmoe.weight @reshape : tensor<3x4x8xf32> {
fpmoe.weight @reshape : tensor<3x4x8xf32> {
  %0 = fpmoe.load "a" : tensor<12x8xf32>
  // CHECK: fpmoe.reshape %{{.*}} : tensor<12x8xf32> -> tensor<3x4x8xf32>
  %1 = fpmoe.reshape %0 : tensor<12x8xf32> -> tensor<3x4x8xf32>
  fpmoe.yield %1 : tensor<3x4x8xf32>
}

// CHECK: fpmoe.weight @convert : tensor<8x8xbf16> {
fpmoe.weight @convert : tensor<8x8xbf16> {
  %0 = fpmoe.load "a" : tensor<8x8xf32>
  // CHECK: fpmoe.convert %{{.*}} : tensor<8x8xf32> -> tensor<8x8xbf16>
  %1 = fpmoe.convert %0 : tensor<8x8xf32> -> tensor<8x8xbf16>
  fpmoe.yield %1 : tensor<8x8xbf16>
}

// CHECK: fpmoe.weight @append_rows : tensor<3x40x8xf32> {
fpmoe.weight @append_rows : tensor<3x40x8xf32> {
  %0 = fpmoe.load "a" : tensor<3x20x8xf32>
  %1 = fpmoe.load "b" : tensor<3x20x8xf32>
  // CHECK: fpmoe.append_rows %{{.*}}, %{{.*}} : tensor<3x20x8xf32> -> tensor<3x40x8xf32>
  %2 = fpmoe.append_rows %0, %1 : tensor<3x20x8xf32> -> tensor<3x40x8xf32>
  fpmoe.yield %2 : tensor<3x40x8xf32>
}

// CHECK: fpmoe.weight @pack : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>> {
fpmoe.weight @pack : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "a" : tensor<20x8xbf16>
  // CHECK: fpmoe.pack %{{.*}} : tensor<20x8xbf16> -> tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
  %1 = fpmoe.pack %0 : tensor<20x8xbf16> -> tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
}

// CHECK: fpmoe.weight @append_columns : tensor<4x23xf32> {
fpmoe.weight @append_columns : tensor<4x23xf32> {
  %0 = fpmoe.load "a" : tensor<4x20xf32>
  %1 = fpmoe.load "b" : tensor<4x3xf32>
  // CHECK: fpmoe.append_columns %{{.*}}, %{{.*}} : tensor<4x20xf32>, tensor<4x3xf32> -> tensor<4x23xf32>
  %2 = fpmoe.append_columns %0, %1 : tensor<4x20xf32>, tensor<4x3xf32> -> tensor<4x23xf32>
  fpmoe.yield %2 : tensor<4x23xf32>
}

// CHECK: fpmoe.weight @split_rows : tensor<5x6xf32> {
fpmoe.weight @split_rows : tensor<5x6xf32> {
  %0 = fpmoe.load "a" : tensor<10x6xf32>
  // CHECK: fpmoe.split_rows %{{.*}} dim 0 sections [8, 2] parts [4, 1] : tensor<10x6xf32> -> tensor<5x6xf32>
  %1 = fpmoe.split_rows %0 dim 0 sections [8, 2] parts [4, 1] : tensor<10x6xf32> -> tensor<5x6xf32>
  fpmoe.yield %1 : tensor<5x6xf32>
}

// CHECK: fpmoe.weight @split_widened : tensor<2x6x19xf32> {
fpmoe.weight @split_widened : tensor<2x6x19xf32> {
  %0 = fpmoe.load "a" : tensor<6x67xf32>
  // CHECK: fpmoe.split_columns %{{.*}} tail 3 : tensor<6x67xf32> -> tensor<2x6x19xf32>
  %1 = fpmoe.split_columns %0 tail 3 : tensor<6x67xf32> -> tensor<2x6x19xf32>
  fpmoe.yield %1 : tensor<2x6x19xf32>
}

// CHECK: fpmoe.weight @split_columns : tensor<2x6x16xf32> {
fpmoe.weight @split_columns : tensor<2x6x16xf32> {
  %0 = fpmoe.load "a" : tensor<6x64xf32>
  // CHECK: fpmoe.split_columns %{{.*}} : tensor<6x64xf32> -> tensor<2x6x16xf32>
  %1 = fpmoe.split_columns %0 : tensor<6x64xf32> -> tensor<2x6x16xf32>
  fpmoe.yield %1 : tensor<2x6x16xf32>
}

// CHECK: fpmoe.weight @half : tensor<8x8xf16> {
fpmoe.weight @half : tensor<8x8xf16> {
  %0 = fpmoe.load "a" : tensor<8x8xf32>
  // CHECK: fpmoe.convert %{{.*}} : tensor<8x8xf32> -> tensor<8x8xf16>
  %1 = fpmoe.convert %0 : tensor<8x8xf32> -> tensor<8x8xf16>
  fpmoe.yield %1 : tensor<8x8xf16>
}

// CHECK: fpmoe.weight @int8 : tensor<8x70x!fpmoe.int8> {
fpmoe.weight @int8 : tensor<8x70x!fpmoe.int8> {
  %0 = fpmoe.load "a" : tensor<8x70xf32>
  // CHECK: fpmoe.convert %{{.*}} : tensor<8x70xf32> -> tensor<8x70x!fpmoe.int8>
  %1 = fpmoe.convert %0 : tensor<8x70xf32> -> tensor<8x70x!fpmoe.int8>
  fpmoe.yield %1 : tensor<8x70x!fpmoe.int8>
}

// CHECK: fpmoe.weight @int4 : tensor<8x70x!fpmoe.int4> {
fpmoe.weight @int4 : tensor<8x70x!fpmoe.int4> {
  %0 = fpmoe.load "a" : tensor<8x70xf32>
  // CHECK: fpmoe.convert %{{.*}} tail 6 : tensor<8x70xf32> -> tensor<8x70x!fpmoe.int4>
  %1 = fpmoe.convert %0 tail 6 : tensor<8x70xf32> -> tensor<8x70x!fpmoe.int4>
  fpmoe.yield %1 : tensor<8x70x!fpmoe.int4>
}

// CHECK: fpmoe.weight @uint4 : tensor<8x70x!fpmoe.uint4> {
fpmoe.weight @uint4 : tensor<8x70x!fpmoe.uint4> {
  %0 = fpmoe.load "a" : tensor<8x70xf32>
  // CHECK: fpmoe.convert %{{.*}} : tensor<8x70xf32> -> tensor<8x70x!fpmoe.uint4>
  %1 = fpmoe.convert %0 : tensor<8x70xf32> -> tensor<8x70x!fpmoe.uint4>
  fpmoe.yield %1 : tensor<8x70x!fpmoe.uint4>
}

// CHECK: fpmoe.weight @deinterleave : tensor<8x6xf32> {
fpmoe.weight @deinterleave : tensor<8x6xf32> {
  %0 = fpmoe.load "q" : tensor<8x6xf32>
  // CHECK: fpmoe.deinterleave %{{.*}} head_dim 4 width 4 : tensor<8x6xf32>
  %1 = fpmoe.deinterleave %0 head_dim 4 width 4 : tensor<8x6xf32>
  fpmoe.yield %1 : tensor<8x6xf32>
}

// CHECK: fpmoe.weight @frequencies : tensor<16xf32> {
fpmoe.weight @frequencies : tensor<16xf32> {
  // CHECK: fpmoe.rope_frequencies theta 1.000000e+04 : tensor<16xf32>
  %0 = fpmoe.rope_frequencies theta 1.0e4 : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
// CHECK: fpmoe.rope_frequencies theta 1.000000e+04 scaling(#fpmoe.rope_linear<factor = 2.000000e+00{{.*}}>) : tensor<2xf32>
fpmoe.weight @scaled_frequencies : tensor<2xf32> {
  %0 = fpmoe.rope_frequencies theta 1.0e4 scaling(#fpmoe.rope_linear<factor = 2.0>) : tensor<2xf32>
  fpmoe.yield %0 : tensor<2xf32>
}

// Scalings of rotary embedding, as their documentation shows them.
// CHECK: fpmoe.rope_table theta 1.000000e+04 scaling(#fpmoe.rope_linear<factor = 2.000000e+00{{.*}}>) : tensor<64x4xf32>
fpmoe.weight @linear : tensor<64x4xf32> {
  %0 = fpmoe.rope_table theta 1.0e4 scaling(
    #fpmoe.rope_linear<factor = 2.0>
  ) : tensor<64x4xf32>
  fpmoe.yield %0 : tensor<64x4xf32>
}
// CHECK: fpmoe.rope_table {{.*}}scaling(#fpmoe.rope_llama3<
fpmoe.weight @llama3 : tensor<64x4xf32> {
  %0 = fpmoe.rope_table theta 1.0e4 scaling(
    #fpmoe.rope_llama3<factor = 8.0, low = 1.0, high = 4.0, positions = 8192>
  ) : tensor<64x4xf32>
  fpmoe.yield %0 : tensor<64x4xf32>
}
// CHECK: fpmoe.rope_table {{.*}}scaling(#fpmoe.rope_factors<factors = [1.000000e+00, 8.000000e+00]>)
fpmoe.weight @factors : tensor<64x4xf32> {
  %0 = fpmoe.rope_table theta 1.0e4 scaling(
    #fpmoe.rope_factors<factors = [1.0, 8.0]>
  ) : tensor<64x4xf32>
  fpmoe.yield %0 : tensor<64x4xf32>
}

// CHECK: fpmoe.rope_table {{.*}}scaling(#fpmoe.rope_yarn<
fpmoe.weight @yarn : tensor<64x4xf32> {
  %0 = fpmoe.rope_table theta 1.0e4 scaling(
    #fpmoe.rope_yarn<factor = 40.0, first = 10.0, last = 23.0, magnitude = 1.0>
  ) : tensor<64x4xf32>
  fpmoe.yield %0 : tensor<64x4xf32>
}
