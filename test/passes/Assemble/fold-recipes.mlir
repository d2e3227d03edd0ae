// RUN: fpmoe-opt %s --fpmoe-fold-recipes | fpmoe-opt | FileCheck %s

// CHECK-LABEL: fpmoe.weight @select_of_stack : tensor<1x4x8xf32>
// CHECK-NEXT: %[[E:.*]] = fpmoe.load "e1" : tensor<4x8xf32>
// CHECK-NEXT: %[[S:.*]] = fpmoe.stack %[[E]] : tensor<4x8xf32> -> tensor<1x4x8xf32>
// CHECK-NEXT: fpmoe.yield %[[S]]
fpmoe.weight @select_of_stack : tensor<1x4x8xf32> {
  %0 = fpmoe.load "e0" : tensor<4x8xf32>
  %1 = fpmoe.load "e1" : tensor<4x8xf32>
  %2 = fpmoe.stack %0, %1 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<2x4x8xf32>
  %3 = fpmoe.select %2[1] : tensor<2x4x8xf32> -> tensor<1x4x8xf32>
  fpmoe.yield %3 : tensor<1x4x8xf32>
}

// Random numbers are numbered as a whole, so they cannot be made in parts.
// CHECK-LABEL: fpmoe.weight @select_of_select : tensor<1x4xf32>
// CHECK-NEXT: %[[R:.*]] = fpmoe.random
// CHECK-NEXT: %[[S:.*]] = fpmoe.select %[[R]][2] : tensor<5x4xf32> -> tensor<1x4xf32>
// CHECK-NEXT: fpmoe.yield %[[S]]
fpmoe.weight @select_of_select : tensor<1x4xf32> {
  %0 = fpmoe.random "r" seed 1 mean 0.0 stddev 1.0 : tensor<5x4xf32>
  %1 = fpmoe.select %0[4, 2, 0] : tensor<5x4xf32> -> tensor<3x4xf32>
  %2 = fpmoe.select %1[1] : tensor<3x4xf32> -> tensor<1x4xf32>
  fpmoe.yield %2 : tensor<1x4xf32>
}

// CHECK-LABEL: fpmoe.weight @select_of_load layers [3] : tensor<2x4x8xf32>
// CHECK-NEXT: ^bb0(%[[L:.*]]: index):
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "all.{}"[%[[L]]] at [2] : tensor<4x8xf32>
// CHECK-NEXT: %[[B:.*]] = fpmoe.load "all.{}"[%[[L]]] at [0] : tensor<4x8xf32>
// CHECK-NEXT: %[[S:.*]] = fpmoe.stack %[[A]], %[[B]]
// CHECK-NEXT: fpmoe.yield %[[S]]
fpmoe.weight @select_of_load layers [3] : tensor<2x4x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "all.{}"[%layer] : tensor<3x4x8xf32>
  %1 = fpmoe.select %0[2, 0] : tensor<3x4x8xf32> -> tensor<2x4x8xf32>
  fpmoe.yield %1 : tensor<2x4x8xf32>
}

// CHECK-LABEL: fpmoe.weight @slice_of_load : tensor<3x8xf32>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "w" at [6] : tensor<3x8xf32>
// CHECK-NEXT: fpmoe.yield %[[A]]
fpmoe.weight @slice_of_load : tensor<3x8xf32> {
  %0 = fpmoe.load "w" : tensor<10x8xf32>
  %1 = fpmoe.slice %0 from 4 : tensor<10x8xf32> -> tensor<5x8xf32>
  %2 = fpmoe.slice %1 from 2 : tensor<5x8xf32> -> tensor<3x8xf32>
  fpmoe.yield %2 : tensor<3x8xf32>
}

// The ups of the second expert, of a tensor that holds all gates and ups.
// CHECK-LABEL: fpmoe.weight @half_of_experts : tensor<1x3x8xf32>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "gate_up" at [1, 3] : tensor<3x8xf32>
// CHECK-NEXT: %[[S:.*]] = fpmoe.stack %[[A]]
// CHECK-NEXT: fpmoe.yield %[[S]]
fpmoe.weight @half_of_experts : tensor<1x3x8xf32> {
  %0 = fpmoe.load "gate_up" : tensor<2x6x8xf32>
  %1 = fpmoe.slice %0 from 3 : tensor<2x6x8xf32> -> tensor<2x3x8xf32>
  %2 = fpmoe.select %1[1] : tensor<2x3x8xf32> -> tensor<1x3x8xf32>
  fpmoe.yield %2 : tensor<1x3x8xf32>
}

// CHECK-LABEL: fpmoe.weight @slice_of_stack : tensor<2x1x8xf32>
// CHECK-NEXT: %[[A:.*]] = fpmoe.random "a"
// CHECK-NEXT: %[[B:.*]] = fpmoe.random "b"
// CHECK-NEXT: %[[SA:.*]] = fpmoe.slice %[[A]] from 3 : tensor<4x8xf32> -> tensor<1x8xf32>
// CHECK-NEXT: %[[SB:.*]] = fpmoe.slice %[[B]] from 3
// CHECK-NEXT: %[[S:.*]] = fpmoe.stack %[[SA]], %[[SB]]
// CHECK-NEXT: fpmoe.yield %[[S]]
fpmoe.weight @slice_of_stack : tensor<2x1x8xf32> {
  %0 = fpmoe.random "a" seed 1 mean 0.0 stddev 1.0 : tensor<4x8xf32>
  %1 = fpmoe.random "b" seed 1 mean 0.0 stddev 1.0 : tensor<4x8xf32>
  %2 = fpmoe.stack %0, %1 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<2x4x8xf32>
  %3 = fpmoe.slice %2 from 3 : tensor<2x4x8xf32> -> tensor<2x1x8xf32>
  fpmoe.yield %3 : tensor<2x1x8xf32>
}

// CHECK-LABEL: fpmoe.weight @reshapes : tensor<4x4xf32>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "w" : tensor<16xf32>
// CHECK-NEXT: %[[B:.*]] = fpmoe.reshape %[[A]] : tensor<16xf32> -> tensor<4x4xf32>
// CHECK-NEXT: fpmoe.yield %[[B]]
fpmoe.weight @reshapes : tensor<4x4xf32> {
  %0 = fpmoe.load "w" : tensor<16xf32>
  %1 = fpmoe.reshape %0 : tensor<16xf32> -> tensor<2x8xf32>
  %2 = fpmoe.reshape %1 : tensor<2x8xf32> -> tensor<4x4xf32>
  fpmoe.yield %2 : tensor<4x4xf32>
}

// CHECK-LABEL: fpmoe.weight @reshaped_back : tensor<16xf32>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "w" : tensor<16xf32>
// CHECK-NEXT: fpmoe.yield %[[A]]
fpmoe.weight @reshaped_back : tensor<16xf32> {
  %0 = fpmoe.load "w" : tensor<16xf32>
  %1 = fpmoe.reshape %0 : tensor<16xf32> -> tensor<2x8xf32>
  %2 = fpmoe.reshape %1 : tensor<2x8xf32> -> tensor<16xf32>
  fpmoe.yield %2 : tensor<16xf32>
}

// Every source rounds by itself.
// CHECK-LABEL: fpmoe.weight @rounded_sources : tensor<3x2x4xbf16>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "w" at [1] : tensor<2x4xbf16>
// CHECK-NEXT: %[[B:.*]] = fpmoe.random "r" seed 1 mean {{.*}} : tensor<2x4xbf16>
// CHECK-NEXT: %[[C:.*]] = fpmoe.rope_table theta {{.*}} : tensor<2x4xbf16>
// CHECK-NEXT: %[[S:.*]] = fpmoe.stack %[[A]], %[[B]], %[[C]] : tensor<2x4xbf16>, tensor<2x4xbf16>, tensor<2x4xbf16> -> tensor<3x2x4xbf16>
// CHECK-NEXT: fpmoe.yield %[[S]]
fpmoe.weight @rounded_sources : tensor<3x2x4xbf16> {
  %0 = fpmoe.load "w" at [1] : tensor<2x4xf32>
  %1 = fpmoe.random "r" seed 1 mean 0.0 stddev 1.0 : tensor<2x4xf32>
  %2 = fpmoe.rope_table theta 1.0e4 : tensor<2x4xf32>
  %3 = fpmoe.stack %0, %1, %2 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32> -> tensor<3x2x4xf32>
  %4 = fpmoe.convert %3 : tensor<3x2x4xf32> -> tensor<3x2x4xbf16>
  fpmoe.yield %4 : tensor<3x2x4xbf16>
}

// CHECK-LABEL: fpmoe.weight @rounded_moves : tensor<12x8xbf16>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "a" : tensor<6x8xbf16>
// CHECK-NEXT: %[[B:.*]] = fpmoe.load "b" : tensor<2x24xbf16>
// CHECK-NEXT: %[[C:.*]] = fpmoe.reshape %[[B]] : tensor<2x24xbf16> -> tensor<6x8xbf16>
// CHECK-NEXT: %[[D:.*]] = fpmoe.append_rows %[[A]], %[[C]] : tensor<6x8xbf16> -> tensor<12x8xbf16>
// CHECK-NEXT: fpmoe.yield %[[D]]
fpmoe.weight @rounded_moves : tensor<12x8xbf16> {
  %0 = fpmoe.load "a" : tensor<6x8xf32>
  %1 = fpmoe.load "b" : tensor<2x24xf32>
  %2 = fpmoe.reshape %1 : tensor<2x24xf32> -> tensor<6x8xf32>
  %3 = fpmoe.append_rows %0, %2 : tensor<6x8xf32> -> tensor<12x8xf32>
  %4 = fpmoe.convert %3 : tensor<12x8xf32> -> tensor<12x8xbf16>
  fpmoe.yield %4 : tensor<12x8xbf16>
}

// CHECK-LABEL: fpmoe.weight @rounded_twice : tensor<4xbf16>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "w" : tensor<4xbf16>
// CHECK-NEXT: fpmoe.yield %[[A]]
fpmoe.weight @rounded_twice : tensor<4xbf16> {
  %0 = fpmoe.load "w" : tensor<4xbf16>
  %1 = fpmoe.convert %0 : tensor<4xbf16> -> tensor<4xf32>
  %2 = fpmoe.convert %1 : tensor<4xf32> -> tensor<4xbf16>
  fpmoe.yield %2 : tensor<4xbf16>
}

// So it is for f16: what moves numbers does so after the rounding, and rounding what was
// widened gives the same.
// CHECK-LABEL: fpmoe.weight @half : tensor<12x8xf16>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "a" : tensor<6x8xf16>
// CHECK-NEXT: %[[B:.*]] = fpmoe.append_rows %[[A]], %[[A]] : tensor<6x8xf16> -> tensor<12x8xf16>
// CHECK-NEXT: fpmoe.yield %[[B]]
fpmoe.weight @half : tensor<12x8xf16> {
  %0 = fpmoe.load "a" : tensor<6x8xf16>
  %1 = fpmoe.convert %0 : tensor<6x8xf16> -> tensor<6x8xf32>
  %2 = fpmoe.append_rows %1, %1 : tensor<6x8xf32> -> tensor<12x8xf32>
  %3 = fpmoe.convert %2 : tensor<12x8xf32> -> tensor<12x8xf16>
  fpmoe.yield %3 : tensor<12x8xf16>
}

// bf16 that is rounded to f16 is neither: nothing to do.
// CHECK-LABEL: fpmoe.weight @both_formats : tensor<4xf16>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "w" : tensor<4xbf16>
// CHECK-NEXT: %[[B:.*]] = fpmoe.convert %[[A]] : tensor<4xbf16> -> tensor<4xf32>
// CHECK-NEXT: %[[C:.*]] = fpmoe.convert %[[B]] : tensor<4xf32> -> tensor<4xf16>
// CHECK-NEXT: fpmoe.yield %[[C]]
fpmoe.weight @both_formats : tensor<4xf16> {
  %0 = fpmoe.load "w" : tensor<4xbf16>
  %1 = fpmoe.convert %0 : tensor<4xbf16> -> tensor<4xf32>
  %2 = fpmoe.convert %1 : tensor<4xf32> -> tensor<4xf16>
  fpmoe.yield %2 : tensor<4xf16>
}

// The rounding in the middle must stay: only its source changes.
// CHECK-LABEL: fpmoe.weight @widened : tensor<4xf32>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "w" : tensor<4xbf16>
// CHECK-NEXT: %[[B:.*]] = fpmoe.convert %[[A]] : tensor<4xbf16> -> tensor<4xf32>
// CHECK-NEXT: fpmoe.yield %[[B]]
fpmoe.weight @widened : tensor<4xf32> {
  %0 = fpmoe.load "w" : tensor<4xf32>
  %1 = fpmoe.convert %0 : tensor<4xf32> -> tensor<4xbf16>
  %2 = fpmoe.convert %1 : tensor<4xbf16> -> tensor<4xf32>
  fpmoe.yield %2 : tensor<4xf32>
}

// Nothing to do: `at` may stand for one of several matrices or for a row of one,
// which only the checkpoint tells.
// CHECK-LABEL: fpmoe.weight @part_of_part : tensor<1x8xf32>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "w" at [2] : tensor<4x8xf32>
// CHECK-NEXT: %[[B:.*]] = fpmoe.slice %[[A]] from 3
// CHECK-NEXT: fpmoe.yield %[[B]]
fpmoe.weight @part_of_part : tensor<1x8xf32> {
  %0 = fpmoe.load "w" at [2] : tensor<4x8xf32>
  %1 = fpmoe.slice %0 from 3 : tensor<4x8xf32> -> tensor<1x8xf32>
  fpmoe.yield %1 : tensor<1x8xf32>
}

// Nothing to do.
// CHECK-LABEL: fpmoe.weight @short : tensor<2x4xf32>
// CHECK-NEXT: %[[A:.*]] = fpmoe.load "a"
// CHECK-NEXT: %[[B:.*]] = fpmoe.load "b"
// CHECK-NEXT: %[[C:.*]] = fpmoe.concat %[[A]], %[[B]]
// CHECK-NEXT: fpmoe.yield %[[C]]
fpmoe.weight @short : tensor<2x4xf32> {
  %0 = fpmoe.load "a" : tensor<1x4xf32>
  %1 = fpmoe.load "b" : tensor<1x4xf32>
  %2 = fpmoe.concat %0, %1 : tensor<1x4xf32>, tensor<1x4xf32> -> tensor<2x4xf32>
  fpmoe.yield %2 : tensor<2x4xf32>
}

// Nobody gets it.
// CHECK-NOT: @unused
fpmoe.weight @unused : tensor<8xf32> {
  %0 = fpmoe.load "unused" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// CHECK-LABEL: func.func @all
func.func @all(%layer: index) -> (tensor<1x4x8xf32>, tensor<1x4xf32>, tensor<2x4x8xf32>, tensor<3x8xf32>, tensor<1x3x8xf32>, tensor<2x1x8xf32>, tensor<4x4xf32>, tensor<16xf32>, tensor<3x2x4xbf16>, tensor<12x8xbf16>, tensor<4xbf16>, tensor<4xf32>, tensor<1x8xf32>, tensor<2x4xf32>, tensor<12x8xf16>, tensor<4xf16>) {
  %0 = fpmoe.get @select_of_stack : tensor<1x4x8xf32>
  %1 = fpmoe.get @select_of_select : tensor<1x4xf32>
  %2 = fpmoe.get @select_of_load[%layer] : tensor<2x4x8xf32>
  %3 = fpmoe.get @slice_of_load : tensor<3x8xf32>
  %4 = fpmoe.get @half_of_experts : tensor<1x3x8xf32>
  %5 = fpmoe.get @slice_of_stack : tensor<2x1x8xf32>
  %6 = fpmoe.get @reshapes : tensor<4x4xf32>
  %7 = fpmoe.get @reshaped_back : tensor<16xf32>
  %8 = fpmoe.get @rounded_sources : tensor<3x2x4xbf16>
  %9 = fpmoe.get @rounded_moves : tensor<12x8xbf16>
  %10 = fpmoe.get @rounded_twice : tensor<4xbf16>
  %11 = fpmoe.get @widened : tensor<4xf32>
  %12 = fpmoe.get @part_of_part : tensor<1x8xf32>
  %13 = fpmoe.get @short : tensor<2x4xf32>
  %14 = fpmoe.get @half : tensor<12x8xf16>
  %15 = fpmoe.get @both_formats : tensor<4xf16>
  %dead = fpmoe.get @unused : tensor<8xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15 : tensor<1x4x8xf32>, tensor<1x4xf32>, tensor<2x4x8xf32>, tensor<3x8xf32>, tensor<1x3x8xf32>, tensor<2x1x8xf32>, tensor<4x4xf32>, tensor<16xf32>, tensor<3x2x4xbf16>, tensor<12x8xbf16>, tensor<4xbf16>, tensor<4xf32>, tensor<1x8xf32>, tensor<2x4xf32>, tensor<12x8xf16>, tensor<4xf16>
}
