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
    keeps the scores of the whole router. Weights are multiplied by the number
    behind `times`, if any. With `groups` m `of` n, the rows are n groups of equal
    size, and only the rows of the m groups with the highest best scores can be
    taken; the scores of all others count as 0 (DeepSeek-V2).

    * `token_choice_c1`: `top_k` is positive, and at most the number of candidates.
    * `token_choice_c2`: candidates are distinct and not negative.
    * `token_choice_c3`: the multiplier is positive; the groups taken are between 1 and all.

    Example: `#fpmoe.token_choice<top_k = 1, renormalize = true, candidates = [0, 2]>`
  }];
  let parameters = (ins "int64_t":$topK, "bool":$renormalize,
                    OptionalArrayRefParameter<"int64_t">:$candidates,
                    OptionalParameter<"::mlir::FloatAttr">:$scale,
                    DefaultValuedParameter<"int64_t", "0">:$groups,
                    DefaultValuedParameter<"int64_t", "0">:$topGroups);
  let assemblyFormat = [{
    `<` `top_k` `=` $topK `,` `renormalize` `=` $renormalize
    (`,` `candidates` `=` `[` $candidates^ `]`)? (`times` $scale^)?
    (`groups` $topGroups^ `of` $groups)? `>`
  }];
  let builders = [AttrBuilder<(ins "int64_t":$topK, "bool":$renormalize,
                                   "::llvm::ArrayRef<int64_t>":$candidates),
                              [{ return $_get($_ctxt, topK, renormalize, candidates,
                                              ::mlir::FloatAttr(), 0, 0); }]>];
  let extraClassDeclaration = [{
    /// The number that weights are multiplied by.
    double getFactor() const {
      return getScale() ? getScale().getValueAsDouble() : 1.0;
    }
  }];
}

def FPMoE_ExpertChoice : FPMoE_Attr<"ExpertChoice", "expert_choice"> {
  let summary = "Each expert takes the segments with its highest scores";
  let description = [{
    MultiPL-MoE's segment level as it was published. A text is cut into windows of
    `segment` tokens from its start; a shorter rest is in no window. The input of a
    window is the largest of its tokens' inputs, column by column, and its scores
    are the softmax over the experts. Of v windows each expert, in the order of the
    experts, takes the int(v * `capacity` / experts) with its highest scores (the
    earlier window first among equals) of those that fewer than `max_experts`
    experts have. Tokens take the experts of their window, in the order of the
    experts, with weight score / `segment`.

    The rule looks at the whole text: it is for texts that are there from the
    beginning. By itself it is refused where a program is made.

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

def FPMoE_SegmentChoice : FPMoE_Attr<"SegmentChoice", "segment_choice"> {
  let summary = "Each complete segment takes the experts with its highest scores";
  let description = [{
    The causal form of `expert_choice`, for texts that grow. A window, with input
    and scores as there, is routed once, when its last token is known: it takes its
    `top_k` best experts (the lower one first among equals), in the order of the
    experts, with weight score / `segment`. Until then, and for their own logits,
    its tokens take none. When a window is complete, its tokens are computed again
    with its experts, and the keys and values that later tokens see are of that
    second time. So no token sees what follows it, and the result does not depend
    on how a text is cut into steps. By itself it is refused where a program is
    made.

    * `segment_choice_c1`: `segment` is at least 2, and `top_k` positive.

    Example: `#fpmoe.segment_choice<segment = 64, top_k = 1>`
  }];
  let parameters = (ins "int64_t":$segment, "int64_t":$topK);
  let assemblyFormat = [{
    `<` `segment` `=` $segment `,` `top_k` `=` $topK `>`
  }];
}

def FPMoE_TwoLevel : FPMoE_Attr<"TwoLevel", "two_level"> {
  let summary = "Tokens choose among some experts, others choose segments";
  let description = [{
    MultiPL-MoE. The first `token_experts` experts are of the token level, and the
    last `shared` of these are taken by every token. A token takes them, and the
    `top_k` best of the others; its scores, the softmax over the experts of the
    level, are divided by the sum of those that it takes, and multiplied with
    `token_share`. All further experts are of the segment level: `whole` is its
    rule for a text that is there as a whole, `causal` for one that grows; their
    weights are multiplied with `segment_share`. A token's list of experts has first
    those it chose, best first, then the shared ones, then those of its segment,
    and -1 where there are no more.

    `candidates` are the rows of the router whose experts are in the program, in
    the order of the experts: those of a model that was specialised for some of its
    languages, and all where it is empty. The other numbers remain those of the
    whole model. Tokens and segments choose among the candidates, and take all where
    there are fewer than they would choose; scores, and how many segments an expert
    takes, are what they were.

    * `two_level_c1`: there are token experts; `top_k` and `shared` are not negative,
      and both together are between 1 and `token_experts`.
    * `two_level_c2`: both rules of the segment level have segments of one length.
    * `two_level_c3`: the shares are positive.
    * `two_level_c4`: candidates ascend from 0 or above; some are of the token level,
      and the shared experts are among them.

    Example: `#fpmoe.two_level<token_experts = 6, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 64, max_experts = 4, capacity = 1.0>, causal = <segment = 64, top_k = 1>, segment_share = 0.3>`
  }];
  let parameters = (ins "int64_t":$tokenExperts, "int64_t":$shared, "int64_t":$topK,
                        "::mlir::FloatAttr":$tokenShare, "ExpertChoiceAttr":$whole,
                        "SegmentChoiceAttr":$causal, "::mlir::FloatAttr":$segmentShare,
                        OptionalArrayRefParameter<"int64_t">:$candidates);
  let assemblyFormat = [{
    `<` `token_experts` `=` $tokenExperts `,` `shared` `=` $shared `,` `top_k` `=` $topK `,`
        `token_share` `=` $tokenShare `,` `whole` `=` $whole `,` `causal` `=` $causal `,`
        `segment_share` `=` $segmentShare
    (`,` `candidates` `=` `[` $candidates^ `]`)? `>`
  }];
  let extraClassDeclaration = [{
    /// Rows of the router for the token level's experts in the program, which
    /// are the first ones there.
    ::llvm::SmallVector<int64_t> getTokenRows() const;
    /// Of a router with `routerRows`, those for the other experts in the program.
    ::llvm::SmallVector<int64_t> getSegmentRows(int64_t routerRows) const;
    /// Experts that a token chooses beside the shared ones.
    int64_t getNumChosen() const {
      return std::min<int64_t>(getTopK(), getTokenRows().size() - getShared());
    }
    /// Experts of the token level that a token takes.
    int64_t getNumTaken() const { return getNumChosen() + getShared(); }
    /// Whether an expert of the program is one that every token takes.
    bool isShared(int64_t expert) const {
      int64_t ofTokens = getTokenRows().size();
      return expert < ofTokens && expert >= ofTokens - getShared();
    }
    /// Experts that a segment takes at most, by either rule.
    int64_t getMaxPerSegment() const;
  }];
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
                               FPMoE_SegmentChoice, FPMoE_TwoLevel,
                               FPMoE_FixedChoice],
                              "a routing rule">;

#endif
