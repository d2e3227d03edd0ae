// RUN: fpmoe-opt %s --mega-pack-weights | FileCheck %s --check-prefixes=CHECK,C16
// RUN: sed 's/columns = 16/columns = 32/' %s | fpmoe-opt --mega-pack-weights | FileCheck %s --check-prefixes=CHECK,C32
// RUN: sed 's/columns = 16/columns = 64/' %s | fpmoe-opt --mega-pack-weights | FileCheck %s --check-prefixes=CHECK,C64
// RUN: sed 's/^module @pack attributes .*/module @pack {/' %s | fpmoe-opt --mega-pack-weights | FileCheck %s --check-prefixes=CHECK,C16
// RUN: fpmoe-opt %s --mega-pack-weights -o %t.once
// RUN: fpmoe-opt %t.once --mega-pack-weights | diff - %t.once

// Matrices that ops multiply by are packed, with as many columns beside each other as
// the target has, as long as they fill panels. Formats have each their depth.

module @pack attributes {mega.target = #mega.target<cpu = "x86-64-v3", dot = none, rows = 5, accumulators = 5, columns = 16>} {

  // 20 rows are 2 vectors of 16 columns, 50 are 4, 96 are 6.
  // C16: fpmoe.weight @w : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>> {
  // C32: fpmoe.weight @w : tensor<20x8xbf16, #mega.packed<n = 32, k = 2>> {
  // C64: fpmoe.weight @w : tensor<20x8xbf16, #mega.packed<n = 32, k = 2>> {
  // CHECK-NEXT: %[[W:.*]] = fpmoe.load "w" : tensor<20x8xbf16>
  // C16-NEXT: %[[P:.*]] = fpmoe.pack %[[W]] : tensor<20x8xbf16> -> tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
  // C32-NEXT: %[[P:.*]] = fpmoe.pack %[[W]] : tensor<20x8xbf16> -> tensor<20x8xbf16, #mega.packed<n = 32, k = 2>>
  // C64-NEXT: %[[P:.*]] = fpmoe.pack %[[W]] : tensor<20x8xbf16> -> tensor<20x8xbf16, #mega.packed<n = 32, k = 2>>
  // CHECK-NEXT: fpmoe.yield %[[P]] : tensor<20x8xbf16, #mega.packed<
  // C16: fpmoe.weight @two : tensor<32x8xbf16, #mega.packed<n = 16, k = 2>>
  // C32: fpmoe.weight @two : tensor<32x8xbf16, #mega.packed<n = 32, k = 2>>
  // C64: fpmoe.weight @two : tensor<32x8xbf16, #mega.packed<n = 32, k = 2>>
  // C16: fpmoe.weight @four : tensor<50x8xbf16, #mega.packed<n = 16, k = 2>>
  // C32: fpmoe.weight @four : tensor<50x8xbf16, #mega.packed<n = 32, k = 2>>
  // C64: fpmoe.weight @four : tensor<50x8xbf16, #mega.packed<n = 64, k = 2>>
  // C16: fpmoe.weight @six : tensor<96x8xbf16, #mega.packed<n = 16, k = 2>>
  // C32: fpmoe.weight @six : tensor<96x8xbf16, #mega.packed<n = 32, k = 2>>
  // C64: fpmoe.weight @six : tensor<96x8xbf16, #mega.packed<n = 32, k = 2>>
  // C16: fpmoe.weight @integers : tensor<50x70x!fpmoe.int4, #mega.packed<n = 16, k = 32>>
  // C64: fpmoe.weight @integers : tensor<50x70x!fpmoe.int4, #mega.packed<n = 64, k = 32>>
  // C16: fpmoe.weight @half : tensor<64x8xf16, #mega.packed<n = 16, k = 1>>
  // C64: fpmoe.weight @half : tensor<64x8xf16, #mega.packed<n = 64, k = 1>>
  // C16: fpmoe.weight @f32 : tensor<64x8xf32, #mega.packed<n = 16, k = 1>>
  // C64: fpmoe.weight @f32 : tensor<64x8xf32, #mega.packed<n = 64, k = 1>>

  // What is no matrix stays, and so does what nothing multiplies by.
  // CHECK: fpmoe.weight @norm : tensor<8xf32>
  // CHECK: fpmoe.weight @bias : tensor<20xf32>
  // CHECK: fpmoe.weight @unused : tensor<20x8xbf16> {
  // CHECK-NOT: fpmoe.pack
  // CHECK: fpmoe.yield
  fpmoe.weight @w : tensor<20x8xbf16> {
    %0 = fpmoe.load "w" : tensor<20x8xbf16>
    fpmoe.yield %0 : tensor<20x8xbf16>
  }
  fpmoe.weight @two : tensor<32x8xbf16> {
    %0 = fpmoe.load "two" : tensor<32x8xbf16>
    fpmoe.yield %0 : tensor<32x8xbf16>
  }
  fpmoe.weight @four : tensor<50x8xbf16> {
    %0 = fpmoe.load "four" : tensor<50x8xbf16>
    fpmoe.yield %0 : tensor<50x8xbf16>
  }
  fpmoe.weight @six : tensor<96x8xbf16> {
    %0 = fpmoe.load "six" : tensor<96x8xbf16>
    fpmoe.yield %0 : tensor<96x8xbf16>
  }
  fpmoe.weight @integers : tensor<50x70x!fpmoe.int4> {
    %0 = fpmoe.load "integers" : tensor<50x70xf32>
    %1 = fpmoe.convert %0 : tensor<50x70xf32> -> tensor<50x70x!fpmoe.int4>
    fpmoe.yield %1 : tensor<50x70x!fpmoe.int4>
  }
  fpmoe.weight @half : tensor<64x8xf16> {
    %0 = fpmoe.load "half" : tensor<64x8xf16>
    fpmoe.yield %0 : tensor<64x8xf16>
  }
  fpmoe.weight @f32 : tensor<64x8xf32> {
    %0 = fpmoe.load "f32" : tensor<64x8xf32>
    fpmoe.yield %0 : tensor<64x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @bias : tensor<20xf32> {
    %0 = fpmoe.load "bias" : tensor<20xf32>
    fpmoe.yield %0 : tensor<20xf32>
  }
  fpmoe.weight @unused : tensor<20x8xbf16> {
    %0 = fpmoe.load "unused" : tensor<20x8xbf16>
    fpmoe.yield %0 : tensor<20x8xbf16>
  }

  // Ops take what the weight has become, once.
  // CHECK-LABEL: @products
  // C16: %[[W:.*]] = fpmoe.get @w : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
  // C64: %[[W:.*]] = fpmoe.get @w : tensor<20x8xbf16, #mega.packed<n = 32, k = 2>>
  // CHECK: fpmoe.get @norm : tensor<8xf32>
  // C16: fpmoe.linear %{{.*}}, %[[W]] bias %{{.*}} : tensor<20xf32> : tensor<?x8xf32>, tensor<20x8xbf16, #mega.packed<n = 16, k = 2>> -> tensor<?x20xf32>
  func.func @products(%x: tensor<?x8xf32>, %ids: tensor<?xi32>) -> (tensor<?x20xf32>, tensor<?x20xf32>, tensor<?x32xf32>, tensor<?x50xf32>, tensor<?x96xf32>, tensor<?x8xf32>, tensor<?x64xf32>, tensor<?x20xf32>) {
    %w = fpmoe.get @w : tensor<20x8xbf16>
    %again = fpmoe.get @w : tensor<20x8xbf16>
    %two = fpmoe.get @two : tensor<32x8xbf16>
    %four = fpmoe.get @four : tensor<50x8xbf16>
    %six = fpmoe.get @six : tensor<96x8xbf16>
    %half = fpmoe.get @half : tensor<64x8xf16>
    %f32 = fpmoe.get @f32 : tensor<64x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %bias = fpmoe.get @bias : tensor<20xf32>
    %unused = fpmoe.get @unused : tensor<20x8xbf16>
    %n = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %0 = fpmoe.linear %n, %w bias %bias : tensor<20xf32> : tensor<?x8xf32>, tensor<20x8xbf16> -> tensor<?x20xf32>
    %1 = fpmoe.linear %n, %again : tensor<?x8xf32>, tensor<20x8xbf16> -> tensor<?x20xf32>
    %2 = fpmoe.linear %n, %two : tensor<?x8xf32>, tensor<32x8xbf16> -> tensor<?x32xf32>
    %3 = fpmoe.linear %n, %four : tensor<?x8xf32>, tensor<50x8xbf16> -> tensor<?x50xf32>
    %4 = fpmoe.linear %n, %six : tensor<?x8xf32>, tensor<96x8xbf16> -> tensor<?x96xf32>
    %5 = fpmoe.embedding %ids, %half : tensor<64x8xf16> -> tensor<?x8xf32>
    %6 = fpmoe.linear %5, %f32 : tensor<?x8xf32>, tensor<64x8xf32> -> tensor<?x64xf32>
    %integers = fpmoe.get @integers : tensor<50x70x!fpmoe.int4>
    %7 = fpmoe.embedding %ids, %integers : tensor<50x70x!fpmoe.int4> -> tensor<?x70xf32>
    return %0, %1, %2, %3, %4, %5, %6, %0 : tensor<?x20xf32>, tensor<?x20xf32>, tensor<?x32xf32>, tensor<?x50xf32>, tensor<?x96xf32>, tensor<?x8xf32>, tensor<?x64xf32>, tensor<?x20xf32>
  }
}
