// RUN: fpmoe-opt %s --fpmoe-assign-places | FileCheck %s
// RUN: fpmoe-opt %s --fpmoe-assign-places -o %t.once
// RUN: fpmoe-opt %t.once --fpmoe-assign-places | diff - %t.once

// Small weights come first, in the order of the module, each instance with 64
// bytes behind it: 20 floats are 80 bytes, 144 with these, 192 at the next
// multiple of 64.

// CHECK: fpmoe.weight @packed layers [0, 2] at 4096 stride 4096 :
fpmoe.weight @packed layers [0, 2] : tensor<20x20xf32, #mega.packed<n = 16, k = 1>> {
^bb0(%layer: index):
  %0 = fpmoe.load "packed.{}"[%layer] : tensor<20x20xf32>
  %1 = fpmoe.pack %0 : tensor<20x20xf32> -> tensor<20x20xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<20x20xf32, #mega.packed<n = 16, k = 1>>
}

// CHECK: fpmoe.weight @norm layers [0, 1, 2] at 0 stride 192 :
fpmoe.weight @norm layers [0, 1, 2] : tensor<20xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<20xf32>
  fpmoe.yield %0 : tensor<20xf32>
}

// Two bytes an element: 3 panels of 16 columns and 32 of K. No slack is needed behind a
// packed weight, but 3 KB are no whole page, and the next one starts at the page behind
// it.
// CHECK: fpmoe.weight @table at 12288 stride 3072 :
fpmoe.weight @table : tensor<40x20xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "table" : tensor<40x20xf32>
  %1 = fpmoe.convert %0 : tensor<40x20xf32> -> tensor<40x20xbf16>
  %2 = fpmoe.pack %1 : tensor<40x20xbf16> -> tensor<40x20xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %2 : tensor<40x20xbf16, #mega.packed<n = 16, k = 2>>
}

// CHECK: fpmoe.weight @final at 576 stride 128 :
fpmoe.weight @final : tensor<16xf32> {
  %0 = fpmoe.load "final" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}

// CHECK: fpmoe.weight @head at 16384 stride 3072 :
fpmoe.weight @head : tensor<40x20xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "head" : tensor<40x20xf32>
  %1 = fpmoe.convert %0 : tensor<40x20xf32> -> tensor<40x20xbf16>
  %2 = fpmoe.pack %1 : tensor<40x20xbf16> -> tensor<40x20xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %2 : tensor<40x20xbf16, #mega.packed<n = 16, k = 2>>
}
