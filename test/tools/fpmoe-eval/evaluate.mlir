// Runs a module whose logits can be told by heart: row p of the table is
// (cos p, sin p), and the logit of q after p is cos(p - q).

// RUN: echo "5 0" > %t.ids && echo "3" >> %t.ids
// RUN: fpmoe-eval %s --ids %t.ids | FileCheck %s --check-prefix=LIKELY
// LIKELY: likeliest after 3 tokens (id, logit):
// LIKELY-NEXT: 3 1.000000
// LIKELY-NEXT: {{[24]}} 0.540302
// LIKELY-NEXT: {{[24]}} 0.540302
// LIKELY-NEXT: {{[15]}} -0.416147
// LIKELY-NEXT: {{[15]}} -0.416147
// LIKELY-NOT: {{.}}

// RUN: fpmoe-eval %s --ids %t.ids --logits %t.bin | FileCheck %s --check-prefix=LIKELY
// RUN: fpmoe-eval %s --ids %t.ids --chunk 2 --expect %t.bin --tolerance 0 | FileCheck %s --check-prefix=EQUAL
// EQUAL: largest difference 0 over the largest logit 1: 0
// EQUAL-NEXT: pass: tolerance 0

// Logits of other ids are not the same.
// RUN: echo "5 1 3" > %t.other
// RUN: not fpmoe-eval %s --ids %t.other --expect %t.bin | FileCheck %s --check-prefix=DIFFER
// DIFFER: largest difference {{.*}} (token 1, logit
// DIFFER-NEXT: FAIL: tolerance 0.0001

// RUN: fpmoe-eval %s --ids %t.ids --routes --chunk 1 > %t.routes
// RUN: FileCheck %s --check-prefix=ROUTES --input-file %t.routes
// ROUTES:      0 0 1 1.000000
// ROUTES-NEXT: 0 1 1 1.000000
// ROUTES-NEXT: 0 2 1 1.000000
// ROUTES-NEXT: 1 0 1 1.000000
// ROUTES-NEXT: 1 1 1 1.000000
// ROUTES-NEXT: 1 2 1 1.000000
// ROUTES-NOT: {{.}}
// RUN: fpmoe-eval %s --ids %t.ids --expect-routes %t.routes | FileCheck %s --check-prefix=SAME
// SAME: pass: 0 of 6 routes differ
// RUN: sed "s/^1 2 1/1 2 0/" %t.routes > %t.wrong
// RUN: not fpmoe-eval %s --ids %t.ids --expect-routes %t.wrong | FileCheck %s --check-prefix=OTHER
// OTHER: FAIL: 1 of 6 routes differ

module attributes {fpmoe.model = {name = "circle", architecture = "none", context = 8, source = "nowhere"}} {
  fpmoe.weight @table : tensor<8x2xf32> {
    %0 = fpmoe.rope_table theta 1.0 : tensor<8x2xf32>
    fpmoe.yield %0 : tensor<8x2xf32>
  }
  func.func private @layer(%x: tensor<?x2xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x2xf32> {
    %w, %e = fpmoe.route %x : tensor<?x2xf32> by #fpmoe.fixed<expert = 1> -> tensor<?x1xf32>, tensor<?x1xi32>
    return %x : tensor<?x2xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x8xf32> {
    %table = fpmoe.get @table : tensor<8x2xf32>
    %x = fpmoe.embedding %ids, %table : tensor<8x2xf32> -> tensor<?x2xf32>
    %y = fpmoe.layers %x, %positions bodies [@layer] order [0, 0] : tensor<?x2xf32>
    %logits = fpmoe.linear %y, %table : tensor<?x2xf32>, tensor<8x2xf32> -> tensor<?x8xf32>
    return %logits : tensor<?x8xf32>
  }
}
