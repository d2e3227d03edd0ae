// RUN: fpmoe-opt %s -split-input-file -verify-diagnostics

// One case at least for each numbered constraint, named in front of it.

// token_choice_c1
// expected-error@+1 {{top_k is 0, it must be positive (token_choice_c1)}}
func.func private @f() attributes {test.rule = #fpmoe.token_choice<top_k = 0, renormalize = true>}

// -----

// token_choice_c1
// expected-error@+1 {{selects 5 of only 4 candidates (token_choice_c1)}}
func.func private @f() attributes {test.rule = #fpmoe.token_choice<top_k = 5, renormalize = true, candidates = [0, 1, 2, 3]>}

// -----

// token_choice_c2
// expected-error@+1 {{candidate 1 is there twice (token_choice_c2)}}
func.func private @f() attributes {test.rule = #fpmoe.token_choice<top_k = 1, renormalize = true, candidates = [1, 0, 1]>}

// -----

// token_choice_c2
// expected-error@+1 {{candidate -1 is negative (token_choice_c2)}}
func.func private @f() attributes {test.rule = #fpmoe.token_choice<top_k = 1, renormalize = true, candidates = [-1]>}

// -----

// expert_choice_c1
// expected-error@+1 {{segment is 0 and max_experts 4, both must be positive (expert_choice_c1)}}
func.func private @f() attributes {test.rule = #fpmoe.expert_choice<segment = 0, max_experts = 4, capacity = 1.0>}

// -----

// expert_choice_c1
// expected-error@+1 {{segment is 64 and max_experts 0, both must be positive (expert_choice_c1)}}
func.func private @f() attributes {test.rule = #fpmoe.expert_choice<segment = 64, max_experts = 0, capacity = 1.0>}

// -----

// expert_choice_c2
// expected-error@+1 {{it must be positive (expert_choice_c2)}}
func.func private @f() attributes {test.rule = #fpmoe.expert_choice<segment = 64, max_experts = 4, capacity = -1.0>}

// -----

// segment_choice_c1
// expected-error@+1 {{segment is 1 and top_k 1, they must be at least 2 and 1 (segment_choice_c1)}}
func.func private @f() attributes {test.rule = #fpmoe.segment_choice<segment = 1, top_k = 1>}

// -----

// two_level_c1
// expected-error@+1 {{takes 1 shared experts and 3 others of 3 (two_level_c1)}}
func.func private @f() attributes {test.rule = #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 3, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3>}

// -----

// two_level_c1
// expected-error@+1 {{takes 0 shared experts and 0 others of 3 (two_level_c1)}}
func.func private @f() attributes {test.rule = #fpmoe.two_level<token_experts = 3, shared = 0, top_k = 0, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3>}

// -----

// two_level_c2
// expected-error@+1 {{has segments of 8 and of 16 tokens (two_level_c2)}}
func.func private @f() attributes {test.rule = #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 16, top_k = 1>, segment_share = 0.3>}

// -----

// two_level_c3
// expected-error@+1 {{it must be positive (two_level_c3)}}
func.func private @f() attributes {test.rule = #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = -0.3>}

// -----

// two_level_c4: not in order
// expected-error@+1 {{has candidates [1, 2, 2] that do not ascend from 0 or above (two_level_c4)}}
func.func private @f() attributes {test.rule = #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3, candidates = [1, 2, 2]>}

// -----

// two_level_c4: negative
// expected-error@+1 {{has candidates [-1, 2] that do not ascend from 0 or above (two_level_c4)}}
func.func private @f() attributes {test.rule = #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3, candidates = [-1, 2]>}

// -----

// two_level_c4: none of the token level
// expected-error@+1 {{has no candidate below 3, of the token level (two_level_c4)}}
func.func private @f() attributes {test.rule = #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3, candidates = [3, 4]>}

// -----

// two_level_c4: without the shared expert
// expected-error@+1 {{has no candidate 2, a shared expert (two_level_c4)}}
func.func private @f() attributes {test.rule = #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3, candidates = [0, 1, 3]>}

// -----

// fixed_c1
// expected-error@+1 {{expert is -1, it must not be negative (fixed_c1)}}
func.func private @f() attributes {test.rule = #fpmoe.fixed<expert = -1>}

// -----

// token_choice_c3
// expected-error@+1 {{takes 3 of 2 groups (token_choice_c3)}}
func.func private @f() attributes {test.rule = #fpmoe.token_choice<top_k = 1, renormalize = true groups 3 of 2>}

// -----

// token_choice_c3
// expected-error@+1 {{scale is 0.000000e+00, it must be positive (token_choice_c3)}}
func.func private @f() attributes {test.rule = #fpmoe.token_choice<top_k = 1, renormalize = true times 0.0>}
