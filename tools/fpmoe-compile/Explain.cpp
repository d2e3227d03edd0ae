//===- Explain.cpp - What the compiler understood of a model --------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Everything is read off the IR, so that the page cannot say what the program
// does not do.
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/Explain.h"
#include "dialects/FPMoE/FPMoE.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace mlir;
using namespace fpmoe;

static std::string line(StringRef title, const Twine &text) {
  return formatv("{0,-12}{1}\n", title, text.str());
}

static std::string formatCount(double count) {
  if (count >= 1e9)
    return formatv("{0:f2} billion", count / 1e9);
  if (count >= 1e6)
    return formatv("{0:f1} million", count / 1e6);
  return formatv("{0}", static_cast<int64_t>(count));
}

static std::string formatBytes(double bytes) {
  if (bytes >= 1e9)
    return formatv("{0:f2} GB", bytes / 1e9);
  if (bytes >= 1e6)
    return formatv("{0:f1} MB", bytes / 1e6);
  return formatv("{0:f1} kB", bytes / 1e3);
}

static std::string plural(int64_t count, StringRef noun) {
  return formatv("{0} {1}{2}", count, noun, count == 1 ? "" : "s");
}

static int64_t columns(Value rows) {
  return cast<RankedTensorType>(rows.getType()).getShape().back();
}

static std::string explainAttention(AttentionOp op) {
  std::string text =
      formatv("{0} of {1} columns over {2}", plural(op.getHeads(), "head"),
              op.getHeadDim(), plural(op.getKvHeads(), "key and value head"));
  if (op.getValueDim() != op.getHeadDim())
    text += formatv(", values of {0}", op.getValueDim());
  if (op.getKey().getDefiningOp<ExtendHeadsOp>())
    text += ", keys and values from a latent";
  if (op.getWindow())
    text += formatv(", the last {0} positions", *op.getWindow());
  return text;
}

static std::string explainTokenChoice(TokenChoiceAttr rule, int64_t rows) {
  std::string text = formatv(
      "each token takes {0} of {1} by softmax", rule.getTopK(),
      rule.getCandidates().empty() ? rows
                                   : int64_t(rule.getCandidates().size()));
  text += rule.getRenormalize() ? ", weights made to sum to 1"
                                : ", weights as they are";
  if (rule.getGroups())
    text += formatv(", from the best {0} of {1} groups", rule.getTopGroups(),
                    rule.getGroups());
  if (rule.getFactor() != 1)
    text += formatv(", times {0:f3}", rule.getFactor());
  return text;
}

static std::string explainTwoLevels(TwoLevelAttr rule) {
  return formatv("each token takes {0} of {1} and {2} always; segments of "
                 "{3} tokens take {4}",
                 rule.getNumChosen(),
                 rule.getTokenRows().size() - rule.getShared(),
                 rule.getShared(), rule.getWhole().getSegment(),
                 rule.getMaxPerSegment() ? "experts of their own" : "none")
      .str();
}

static std::string explainRouting(RouteOp op) {
  int64_t rows =
      op.getRouter()
          ? cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0)
          : 0;
  return llvm::TypeSwitch<Attribute, std::string>(op.getRouting())
      .Case(
          [&](TokenChoiceAttr rule) { return explainTokenChoice(rule, rows); })
      .Case([&](TwoLevelAttr rule) { return explainTwoLevels(rule); })
      .Case([](FixedChoiceAttr) {
        return std::string("every token takes the one that is left");
      })
      .Default([](Attribute rule) {
        std::string text;
        raw_string_ostream(text) << rule;
        return text;
      });
}

static std::string explainExperts(ExpertsOp op) {
  std::string names;
  size_t shown = std::min<size_t>(op.getNames().size(), 12);
  for (Attribute name : op.getNames().getValue().take_front(shown))
    names += (names.empty() ? "" : ", ") + cast<StringAttr>(name).str();
  if (shown < op.getNames().size())
    names += formatv(" and {0} more", op.getNames().size() - shown);
  int64_t width =
      cast<RankedTensorType>(op.getDown().getType()).getShape().back();
  return formatv("{0}: {1}, {2} wide", op.getNames().size(), names, width);
}

std::string fpmoe::explainGraph(ModuleOp module) {
  // A line for each thing that some body has, with how many layers have it.
  StringMap<int64_t> counts;
  std::vector<std::string> lines;
  auto add = [&](StringRef title, const Twine &what, int64_t count) {
    std::string text = line(title, what);
    if (!counts.count(text))
      lines.push_back(text);
    counts[text] += count;
  };
  int64_t layers = 0;
  module.walk([&](LayersOp op) {
    layers = op.getOrder().size();
    for (auto [kind, name] :
         llvm::enumerate(op.getBodies().getAsRange<FlatSymbolRefAttr>())) {
      int64_t count = llvm::count(op.getOrder(), static_cast<int64_t>(kind));
      auto body = module.lookupSymbol<func::FuncOp>(name.getAttr());
      body.walk([&](Operation *inner) {
        if (auto attention = dyn_cast<AttentionOp>(inner))
          add("attention", explainAttention(attention), count);
        if (auto experts = dyn_cast<ExpertsOp>(inner))
          add("experts", explainExperts(experts), count);
        if (auto route = dyn_cast<RouteOp>(inner))
          add("routing", explainRouting(route), count);
        if (auto mlp = dyn_cast<MlpOp>(inner)) {
          bool isShared = llvm::any_of(mlp->getUsers(), [](Operation *user) {
            return isa<AddOp>(user) &&
                   llvm::any_of(user->getOperands(), [](Value summand) {
                     return summand.getDefiningOp<ExpertsOp>();
                   });
          });
          add(isShared ? "shared" : "dense",
              Twine(columns(mlp.getDown())) + " wide, taken by every token" +
                  (mlp.getScale() ? ", scaled by a gate" : ""),
              count);
        }
      });
    }
  });
  std::string text = line("layers", Twine(layers));
  for (const std::string &what : lines) {
    int64_t count = counts[what];
    text += StringRef(what).rtrim();
    if (count != layers)
      text += "; in " + plural(count, "layer");
    text += "\n";
  }
  return text;
}

std::string fpmoe::explainProgram(const ProgramDescription &d, StringRef graph,
                                  StringRef remark) {
  std::string text = line("model", d.name + " (" + d.architecture + ")");
  if (!remark.empty())
    text += line("source", remark);
  text += line("text", formatv("{0} tokens of context, {1} in the vocabulary",
                               d.context, d.vocabulary));
  text += line("width", Twine(d.hidden));
  text += graph;
  text += line("parameters", formatCount(d.parameters) + " in the program, " +
                                 formatCount(d.activeParameters) +
                                 " of them for a token");
  text += line("weights", d.weightFormat + ", " + formatBytes(d.weightBytes) +
                              formatv(", {0:F1} bits each; ",
                                      8.0 * d.weightBytes / d.parameters)
                                  .str() +
                              formatBytes(d.decodeWeightBytes) +
                              " are read for a token" +
                              (d.ranks > 1 ? " by a rank" : ""));
  if (d.ranks > 1)
    text += line("ranks", formatv("{0}, each with {1} of the weights", d.ranks,
                                  formatBytes(d.rankWeightBytes))
                              .str());
  for (const MatrixDescription &matrix : d.matrices) {
    std::string error;
    if (matrix.error >= 0)
      error = matrix.error == 0
                  ? "exact"
                  : formatv("error {0:F2}%", 100 * matrix.error).str();
    text +=
        line(&matrix == &d.matrices.front() ? "matrices" : "",
             formatv("{0,-5} {1,4:F1} bits  {2,-13}  {3}", matrix.format,
                     8.0 * matrix.bytes / matrix.elements, error, matrix.name)
                 .str());
  }
  double most = 0; // beside the weights
  for (const LevelDescription &level : d.levels) {
    double cache = double(level.cacheBytesPerPosition) * d.context;
    std::string of = d.levels.size() > 1 ? " (" + level.name + ")" : "";
    text += line("cache", formatBytes(level.cacheBytesPerPosition) +
                              " a position, " + formatBytes(cache) +
                              " for the whole context" + of);
    text += line("scratch", formatBytes(level.sharedBytes) + ", and " +
                                formatBytes(level.privateBytes) +
                                (level.isGpu ? " a block" : " a thread") + of);
    // A block's is in the GPU's processor.
    most = std::max(most, cache + level.sharedBytes +
                              (level.isGpu ? 0 : level.privateBytes));
  }
  text += line("memory", formatBytes(d.rankWeightBytes + most) +
                             (d.ranks > 1 ? " a rank" : " in all") +
                             ", with one thread and the whole context");
  text +=
      line("target",
           d.target + " " +
               join(map_range(d.levels,
                              [](auto &l) {
                                return l.name +
                                       (l.isGpu ? " (only emulated so far, on "
                                                  "no GPU)"
                                                : "");
                              }),
                    ", "));
  return text;
}
