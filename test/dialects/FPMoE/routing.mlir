// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// Each rule of routing as its documentation shows it, which examples.test
// compares.

// CHECK: @token_choice() attributes {test.rule = #fpmoe.token_choice<top_k = 1, renormalize = true, candidates = [0, 2]>}
func.func private @token_choice() attributes {test.rule =
  #fpmoe.token_choice<top_k = 1, renormalize = true, candidates = [0, 2]>
}

// CHECK: @any_candidate() attributes {test.rule = #fpmoe.token_choice<top_k = 2, renormalize = false>}
func.func private @any_candidate() attributes {test.rule =
  #fpmoe.token_choice<top_k = 2, renormalize = false>
}

// CHECK: @grouped() attributes {test.rule = #fpmoe.token_choice<top_k = 2, renormalize = false times 1.6{{.*}} groups 2 of 4>}
func.func private @grouped() attributes {test.rule =
  #fpmoe.token_choice<top_k = 2, renormalize = false times 16.0 groups 2 of 4>
}

// CHECK: @expert_choice() attributes {test.rule = #fpmoe.expert_choice<segment = 64, max_experts = 4, capacity = 1.000000e+00{{.*}}>}
func.func private @expert_choice() attributes {test.rule =
  #fpmoe.expert_choice<segment = 64, max_experts = 4, capacity = 1.0>
}

// CHECK: @segment_choice() attributes {test.rule = #fpmoe.segment_choice<segment = 64, top_k = 1>}
func.func private @segment_choice() attributes {test.rule =
  #fpmoe.segment_choice<segment = 64, top_k = 1>
}

// CHECK: @two_level() attributes {test.rule = #fpmoe.two_level<token_experts = 6, shared = 1, top_k = 1, token_share = {{.*}}, whole = <segment = 64, max_experts = 4, capacity = 1.{{.*}}>, causal = <segment = 64, top_k = 1>, segment_share = {{.*}}>}
func.func private @two_level() attributes {test.rule =
  #fpmoe.two_level<token_experts = 6, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 64, max_experts = 4, capacity = 1.0>, causal = <segment = 64, top_k = 1>, segment_share = 0.3>
}

// CHECK: @two_level_of_some() attributes {test.rule = #fpmoe.two_level<{{.*}}, segment_share = {{.*}}, candidates = [1, 2, 4]>}
func.func private @two_level_of_some() attributes {test.rule =
  #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3, candidates = [1, 2, 4]>
}

// CHECK: @fixed() attributes {test.rule = #fpmoe.fixed<expert = 0>}
func.func private @fixed() attributes {test.rule =
  #fpmoe.fixed<expert = 0>
}

// The rules in their place.
// CHECK-LABEL: @rules
func.func @rules(%x: tensor<?x8xf32>, %g: tensor<5x8xf32>) {
  // CHECK: by #fpmoe.token_choice<top_k = 2, renormalize = false, candidates = [4, 0]>
  %w0, %e0 = fpmoe.route %x : tensor<?x8xf32> router %g : tensor<5x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = false, candidates = [4, 0]> -> tensor<?x2xf32>, tensor<?x2xi32>
  // CHECK: by #fpmoe.expert_choice<segment = 64, max_experts = 4, capacity = 1.000000e+00{{.*}}> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w1, %e1 = fpmoe.route %x : tensor<?x8xf32> router %g : tensor<5x8xf32> by #fpmoe.expert_choice<segment = 64, max_experts = 4, capacity = 1.0> -> tensor<?x4xf32>, tensor<?x4xi32>
  // CHECK: by #fpmoe.fixed<expert = 2> -> tensor<?x1xf32>, tensor<?x1xi32>
  %w2, %e2 = fpmoe.route %x : tensor<?x8xf32> by #fpmoe.fixed<expert = 2> -> tensor<?x1xf32>, tensor<?x1xi32>
  return
}
