//===- RoutingAttrs.td - Rules that send tokens to experts -*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_ROUTINGATTRS_TD
#define FPMOE_DIALECTS_FPMOE_ROUTINGATTRS_TD

include "dialects/FPMoE/FPMoEBase.td"

class FPMoE_Attr<string cppName, string attrMnemonic>
    : AttrDef<FPMoEDialect, cppName> {
  let mnemonic = attrMnemonic;
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def FPMoE_TokenChoice : FPMoE_Attr<"TokenChoice", "token_choice"> {
  let summary = "Each token takes the experts with its highest router scores";
  let description = [{
    Scores are the softmax over all rows of the router. A token takes the
    `top_k` best rows of `candidates` (all rows where it is empty), the lower
    row first among equals; with `renormalize` their scores are divided by
    their sum. `candidates` are the rows whose experts are in the program, in
    the order of the experts: a model specialised for some of its languages
    keeps the scores of the whole router.

    * `token_choice_c1`: `top_k` is positive, and at most the number of candidates.
    * `token_choice_c2`: candidates are distinct and not negative.

    Example: `#fpmoe.token_choice<top_k = 1, renormalize = true, candidates = [0, 2]>`
  }];
  let parameters = (ins "int64_t":$topK, "bool":$renormalize,
                    OptionalArrayRefParameter<"int64_t">:$candidates);
  let assemblyFormat = [{
    `<` `top_k` `=` $topK `,` `renormalize` `=` $renormalize
    (`,` `candidates` `=` `[` $candidates^ `]`)? `>`
  }];
}

def FPMoE_ExpertChoice : FPMoE_Attr<"ExpertChoice", "expert_choice"> {
  let summary = "Each expert takes the segments with its highest scores";
  let description = [{
    MultiPL-MoE's segment level: the input is cut into windows of `segment`
    tokens; each expert, in the order of the experts, takes its best
    `capacity` * windows / experts windows, and a window goes to at most
    `max_experts` of them. The rule needs the whole sequence; it is part of the
    IR, and refused where a program is made.

    * `expert_choice_c1`: `segment` and `max_experts` are positive.
    * `expert_choice_c2`: `capacity` is positive.

    Example: `#fpmoe.expert_choice<segment = 64, max_experts = 4, capacity = 1.0>`
  }];
  let parameters = (ins "int64_t":$segment, "int64_t":$maxExperts,
                        "::mlir::FloatAttr":$capacity);
  let assemblyFormat = [{
    `<` `segment` `=` $segment `,` `max_experts` `=` $maxExperts `,`
        `capacity` `=` $capacity `>`
  }];
}

def FPMoE_LanguageChoice : FPMoE_Attr<"LanguageChoice", "language_choice"> {
  let summary = "A tracker over the token stream names each token's expert";
  let description = [{
    MoLE: the expert is the language of the code around the token, as a tracker
    in the runtime sees it; text outside code takes `fallback`, or no expert
    where `fallback` is -1. Refused where a program is made.

    * `language_choice_c1`: `fallback` is at least -1.

    Example: `#fpmoe.language_choice<fallback = -1>`
  }];
  let parameters = (ins "int64_t":$fallback);
  let assemblyFormat = "`<` `fallback` `=` $fallback `>`";
}

def FPMoE_FixedChoice : FPMoE_Attr<"FixedChoice", "fixed"> {
  let summary = "Every token takes one expert with weight 1";
  let description = [{
    What a program specialised for one language does: there is no router.

    * `fixed_c1`: `expert` is not negative.

    Example: `#fpmoe.fixed<expert = 0>`
  }];
  let parameters = (ins "int64_t":$expert);
  let assemblyFormat = "`<` `expert` `=` $expert `>`";
}

def FPMoE_Routing : AnyAttrOf<[FPMoE_TokenChoice, FPMoE_ExpertChoice,
                               FPMoE_LanguageChoice, FPMoE_FixedChoice],
                              "a routing rule">;

#endif
