//===- InterpreterTest.cpp - ops of the reference ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What goldens do not show: fused ops are the composition of plain ones, the
// rules of routing beyond Qwen's, single ops against their formulas, errors.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace fpmoe;

namespace {

/// A weight of random numbers, which depend on `stream` alone.
std::string weight(const std::string &name, const std::string &type,
                   const std::string &stream, double mean = 0) {
  return "fpmoe.weight @" + name + " : " + type + " {\n  %0 = fpmoe.random \"" +
         stream + "\" seed 1 mean " + std::to_string(mean) +
         " stddev 0.5 : " + type + "\n  fpmoe.yield %0 : " + type + "\n}\n";
}

class InterpreterTest : public ::testing::Test {
protected:
  InterpreterTest() {
    context.loadDialect<FPMoEDialect, mlir::func::FuncDialect>();
  }

  /// `body` computes %y of `columns` columns from %x, which is 8 wide, and may
  /// use @norm (8).
  void load(const std::string &weights, const std::string &body,
            int columns = 8) {
    std::string result = "tensor<?x" + std::to_string(columns) + "xf32>";
    parse(weight("table", "tensor<32x8xf32>", "table") +
          weight("norm", "tensor<8xf32>", "norm", 1) + weights + R"(
      func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> )" +
          result + R"( {
        %table = fpmoe.get @table : tensor<32x8xf32>
        %norm = fpmoe.get @norm : tensor<8xf32>
        %x = fpmoe.embedding %ids, %table : tensor<32x8xf32> -> tensor<?x8xf32>
        )" +
          body + "\n return %y : " + result + "\n}");
  }

  void parse(const std::string &text) {
    interpreter.reset();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    auto created = Interpreter::create(*module, nullptr, {1 << 20, true});
    if (created)
      interpreter = std::move(*created);
    else
      error = toString(created.takeError());
  }

  Rows run(std::vector<int32_t> ids = {3, 0, 31, 7, 7}) {
    if (!interpreter) {
      ADD_FAILURE() << error;
      return Rows();
    }
    auto logits = interpreter->run(ids);
    if (logits)
      return std::move(*logits);
    error = toString(logits.takeError());
    return Rows();
  }

  /// Elements of a weight without layers.
  std::vector<float> elements(llvm::StringRef name) {
    auto weight = module->lookupSymbol<WeightOp>(name);
    std::vector<float> out(weight.getTensorType().getNumElements());
    EXPECT_FALSE(RecipeEvaluator(nullptr).evaluate(
        weight.getResultValue(), 0, 0, llvm::MutableArrayRef<float>(out)));
    return out;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Interpreter> interpreter;
  std::string error;
};

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

TEST_F(InterpreterTest, RmsNorm) {
  load("", "%y = fpmoe.rms_norm %x, %norm eps 0.5 : tensor<?x8xf32>, "
           "tensor<8xf32>");
  Rows y = run({5});
  std::vector<float> table = elements("table"), norm = elements("norm");
  double squares = 0;
  for (int i = 0; i < 8; ++i)
    squares += table[40 + i] * table[40 + i];
  for (int i = 0; i < 8; ++i)
    EXPECT_NEAR(y[0][i], norm[i] * table[40 + i] / std::sqrt(squares / 8 + 0.5),
                1e-6);
}

TEST_F(InterpreterTest, Rope) {
  load(R"(fpmoe.weight @rope : tensor<64x4xf32> {
            %0 = fpmoe.rope_table theta 100.0 : tensor<64x4xf32>
            fpmoe.yield %0 : tensor<64x4xf32>
          })",
       R"(%rope = fpmoe.get @rope : tensor<64x4xf32>
          %y = fpmoe.rope %x, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>)");
  Rows y = run();
  std::vector<float> table = elements("table");
  // Token 2, which is id 31 at position 2; angles 2 and 2 / 10.
  for (int head : {0, 4})
    for (int i : {0, 1}) {
      double angle = i ? 0.2 : 2;
      double a = table[31 * 8 + head + i], b = table[31 * 8 + head + i + 2];
      EXPECT_NEAR(y[2][head + i], a * std::cos(angle) - b * std::sin(angle),
                  1e-6);
      EXPECT_NEAR(y[2][head + i + 2], b * std::cos(angle) + a * std::sin(angle),
                  1e-6);
    }
}

/// The rows that a weight multiplies; products are those of the reference.
struct Seen : Products {
  explicit Seen(llvm::StringRef of) : of(of), store(nullptr, 1 << 20) {}
  llvm::Expected<Rows> multiply(const Rows &x, const WeightRef &weight,
                                int64_t first, int64_t count) override {
    return fpmoe::multiply(store, x, weight, first, count);
  }
  llvm::Error see(const Rows &x, const WeightRef &weight) override {
    EXPECT_EQ(WeightOp(weight.weight).getSymName(), of);
    rows = x;
    return llvm::Error::success();
  }
  std::string of;
  WeightStore store;
  Rows rows;
};

// Texts that go through the layers together see nothing of each other.
TEST_F(InterpreterTest, TextsTogetherAreTextsAlone) {
  parse(weight("table", "tensor<32x8xf32>", "table") +
        weight("k", "tensor<4x8xf32>", "k") +
        weight("head", "tensor<32x8xf32>", "head") + R"(
    fpmoe.weight @rope : tensor<64x4xf32> {
      %0 = fpmoe.rope_table theta 100.0 : tensor<64x4xf32>
      fpmoe.yield %0 : tensor<64x4xf32>
    }
    func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
      %wk = fpmoe.get @k : tensor<4x8xf32>
      %k = fpmoe.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
      %rope = fpmoe.get @rope : tensor<64x4xf32>
      %turned = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
      %y = fpmoe.attention %x, %turned, %k, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x32xf32> {
      %table = fpmoe.get @table : tensor<32x8xf32>
      %x = fpmoe.embedding %ids, %table : tensor<32x8xf32> -> tensor<?x8xf32>
      %y = fpmoe.layers %x, %positions bodies [@body] order [0, 0] : tensor<?x8xf32>
      %head = fpmoe.get @head : tensor<32x8xf32>
      %logits = fpmoe.linear %y, %head : tensor<?x8xf32>, tensor<32x8xf32> -> tensor<?x32xf32>
      return %logits : tensor<?x32xf32>
    })");
  const std::vector<Ids> texts = {{3, 0, 31}, {7, 7, 9}, {31, 2, 3}};
  auto runTogether = [&](const std::vector<Ids> &some) {
    Seen seen("head");
    InterpreterOptions options;
    options.products = &seen;
    auto created = Interpreter::create(*module, nullptr, options);
    EXPECT_TRUE(static_cast<bool>(created));
    EXPECT_FALSE((*created)->runTexts(some));
    return seen.rows;
  };
  Rows all = runTogether(texts);
  ASSERT_EQ(all.rows, 9);
  for (size_t i = 0; i < texts.size(); ++i) {
    Rows alone = runTogether({texts[i]});
    for (int64_t row = 0; row < 3; ++row)
      EXPECT_EQ(alone[row].vec(), all[3 * i + row].vec()) << i << " " << row;
  }
  // Without products there is nobody to see anything.
  EXPECT_EQ(toString(interpreter->runTexts(texts)),
            "3 texts of 3 tokens cannot be run together");
}

TEST_F(InterpreterTest, AttentionWithWindow) {
  // Two query heads of 4 share one key/value head; keys of 4 columns.
  load(weight("k", "tensor<4x8xf32>", "k") + R"(
       func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
         %wk = fpmoe.get @k : tensor<4x8xf32>
         %k = fpmoe.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
         %y = fpmoe.attention %x, %k, %k, %positions layer %layer heads 2 kv_heads 1 scale 0.25 window 2 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
         return %y : tensor<?x8xf32>
       })",
       "%y = fpmoe.layers %x, %positions bodies [@body] order [0] : "
       "tensor<?x8xf32>");
  std::vector<int32_t> ids{3, 0, 31, 7};
  Rows y = run(ids);
  std::vector<float> table = elements("table"), k = elements("k");
  auto key = [&](int token, int i) {
    double sum = 0;
    for (int j = 0; j < 8; ++j)
      sum += table[ids[token] * 8 + j] * k[i * 8 + j];
    return sum;
  };
  auto score = [&](int token, int head) {
    double sum = 0;
    for (int i = 0; i < 4; ++i)
      sum += table[7 * 8 + head * 4 + i] * key(token, i);
    return std::exp(0.25 * sum);
  };
  for (int head : {0, 1})
    for (int i = 0; i < 4; ++i) {
      // The last token sees itself and the one before.
      double two = score(2, head), three = score(3, head);
      EXPECT_NEAR(y[3][head * 4 + i],
                  (two * key(2, i) + three * key(3, i)) / (two + three), 1e-5);
    }
  // The same in two runs, and after a reset.
  interpreter->reset();
  run({3, 0, 31});
  Rows last = run({7});
  EXPECT_EQ(last.data, y[3].vec());
  EXPECT_EQ(interpreter->getPosition(), 4);
  // And with another text beside it.
  interpreter->reset();
  run({3, 0, 31});
  llvm::Expected<Rows> other = interpreter->run({5, 5, 5, 5, 5}, /*text=*/1);
  ASSERT_TRUE(!!other) << llvm::toString(other.takeError());
  last = run({7});
  EXPECT_EQ(last.data, y[3].vec());
  EXPECT_EQ(interpreter->getPosition(0), 4);
  EXPECT_EQ(interpreter->getPosition(1), 5);
}

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

TEST_F(InterpreterTest, LinearWithAllIsTheComposition) {
  std::string weights =
      weight("w", "tensor<8x8xf32>", "w") + weight("b", "tensor<8xf32>", "b");
  std::string get = R"(%w = fpmoe.get @w : tensor<8x8xf32>
    %b = fpmoe.get @b : tensor<8xf32>
    )";
  load(weights, get + R"(
    %n = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %l = fpmoe.linear %n, %w bias %b : tensor<8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.add %l, %x : tensor<?x8xf32>)");
  Rows plain = run();
  load(weights, get + R"(
    %y = fpmoe.linear %x, %w norm %norm : tensor<8xf32> eps 1.0e-6 bias %b : tensor<8xf32> residual %x : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>)");
  EXPECT_EQ(run().data, plain.data);
  EXPECT_EQ(plain.data.size(), 40u);
}

TEST_F(InterpreterTest, QkvIsTheComposition) {
  // Two heads of q, one of k, one of v, each 4 wide.
  std::string weights = weight("w", "tensor<4x4x8xf32>", "w") +
                        weight("b", "tensor<4x4xf32>", "b") + R"(
    fpmoe.weight @rope : tensor<64x4xf32> {
      %0 = fpmoe.rope_table theta 100.0 : tensor<64x4xf32>
      fpmoe.yield %0 : tensor<64x4xf32>
    })";
  for (auto [name, heads, rows] :
       {std::tuple("q", "[0, 1]", "8"), std::tuple("k", "[2]", "4"),
        std::tuple("v", "[3]", "4")}) {
    std::string count = std::string(rows) == "8" ? "2" : "1";
    for (auto [suffix, source, tail] :
         {std::tuple("", "w", "x8xf32>"), std::tuple("b", "b", "xf32>")}) {
      std::string middle = *suffix ? "x4xf32>" : "x4x8xf32>";
      std::string flat = "tensor<" + std::string(rows) + tail;
      weights += "fpmoe.weight @" + std::string(name) + suffix + " : " + flat +
                 " {\n %s = fpmoe.random \"" + source +
                 "\" seed 1 mean 0.0 stddev 0.5 : tensor<4" + middle +
                 "\n %h = fpmoe.select %s" + heads + " : tensor<4" + middle +
                 " -> tensor<" + count + middle +
                 "\n %0 = fpmoe.reshape %h : tensor<" + count + middle +
                 " -> " + flat + "\n fpmoe.yield %0 : " + flat + "\n}\n";
    }
  }
  // q is turned back to 8 columns; k and v, each doubled, are added to it.
  std::string end = R"(
    %kk = fpmoe.linear %k, %wide : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
    %vv = fpmoe.linear %v, %wide : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
    %s = fpmoe.add %q, %kk : tensor<?x8xf32>
    %y = fpmoe.add %s, %vv : tensor<?x8xf32>)";
  std::string start = R"(%rope = fpmoe.get @rope : tensor<64x4xf32>
    %wide = fpmoe.get @wide : tensor<8x4xf32>
    )";
  weights += weight("wide", "tensor<8x4xf32>", "wide");
  load(weights, start + R"(
    %wq = fpmoe.get @q : tensor<8x8xf32>
    %wk = fpmoe.get @k : tensor<4x8xf32>
    %wv = fpmoe.get @v : tensor<4x8xf32>
    %bq = fpmoe.get @qb : tensor<8xf32>
    %bk = fpmoe.get @kb : tensor<4xf32>
    %bv = fpmoe.get @vb : tensor<4xf32>
    %n = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %q0 = fpmoe.linear %n, %wq bias %bq : tensor<8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %k0 = fpmoe.linear %n, %wk bias %bk : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %v = fpmoe.linear %n, %wv bias %bv : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %q = fpmoe.rope %q0, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
    %k = fpmoe.rope %k0, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>)" +
                    end);
  Rows plain = run();
  load(weights, start + R"(
    %w = fpmoe.get @w : tensor<4x4x8xf32>
    %b = fpmoe.get @b : tensor<4x4xf32>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %w bias %b : tensor<4x4xf32> rope %rope : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>)" +
                    end);
  EXPECT_EQ(run().data, plain.data);
  EXPECT_EQ(plain.data.size(), 40u);
}

TEST_F(InterpreterTest, MoeIsTheComposition) {
  // 20 is not a multiple of 16.
  std::string weights = weight("gate", "tensor<3x20x8xf32>", "gate") +
                        weight("up", "tensor<3x20x8xf32>", "up") +
                        weight("down", "tensor<3x8x20xf32>", "down") +
                        weight("sgate", "tensor<5x8xf32>", "sgate") +
                        weight("sup", "tensor<5x8xf32>", "sup") +
                        weight("sdown", "tensor<8x5xf32>", "sdown") +
                        weight("scale", "tensor<1x8xf32>", "scale") +
                        weight("router", "tensor<3x8xf32>", "router");
  for (auto [name, gate, up, in, out] :
       {std::tuple("gu", "gate", "up", "3x20", "3x40"),
        std::tuple("sgu", "sgate", "sup", "5", "10")}) {
    std::string from = "tensor<" + std::string(in) + "x8xf32>";
    std::string to = "tensor<" + std::string(out) + "x8xf32>";
    std::string random = "\" seed 1 mean 0.0 stddev 0.5 : " + from + "\n";
    weights += "fpmoe.weight @" + std::string(name) + " : " + to +
               " {\n %a = fpmoe.random \"" + gate + random +
               " %b = fpmoe.random \"" + up + random +
               " %0 = fpmoe.append_rows %a, %b : " + from + " -> " + to +
               "\n fpmoe.yield %0 : " + to + "\n}\n";
  }
  std::string start = R"(
    %down = fpmoe.get @down : tensor<3x8x20xf32>
    %sdown = fpmoe.get @sdown : tensor<8x5xf32>
    %scale = fpmoe.get @scale : tensor<1x8xf32>
    %router = fpmoe.get @router : tensor<3x8xf32>
    )";
  load(weights, start + R"(
    %gate = fpmoe.get @gate : tensor<3x20x8xf32>
    %up = fpmoe.get @up : tensor<3x20x8xf32>
    %sgate = fpmoe.get @sgate : tensor<5x8xf32>
    %sup = fpmoe.get @sup : tensor<5x8xf32>
    %n = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %w, %e = fpmoe.route %n : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = false> -> tensor<?x2xf32>, tensor<?x2xi32>
    %r = fpmoe.experts %n, %w, %e, %gate, %up, %down names ["a", "b", "c"] : tensor<?x8xf32>, tensor<?x2xf32>, tensor<3x20x8xf32>, tensor<3x8x20xf32>
    %s = fpmoe.mlp %n, %sgate, %sup, %sdown scaled %scale : tensor<1x8xf32> : tensor<?x8xf32>, tensor<5x8xf32>, tensor<8x5xf32>
    %m = fpmoe.add %r, %s : tensor<?x8xf32>
    %y = fpmoe.add %x, %m : tensor<?x8xf32>)");
  Rows plain = run();
  std::vector<Route> routes = interpreter->takeRoutes();
  load(weights, start + R"(
    %gu = fpmoe.get @gu : tensor<3x40x8xf32>
    %sgu = fpmoe.get @sgu : tensor<10x8xf32>
    %y = fpmoe.moe %x norm %norm : tensor<8xf32> eps 1.0e-6 router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = false> experts %gu : tensor<3x40x8xf32>, %down : tensor<3x8x20xf32> names ["a", "b", "c"] shared %sgu : tensor<10x8xf32>, %sdown : tensor<8x5xf32> scaled %scale : tensor<1x8xf32> -> tensor<?x8xf32>)");
  EXPECT_EQ(run().data, plain.data);
  EXPECT_EQ(plain.data.size(), 40u);
  std::vector<Route> fused = interpreter->takeRoutes();
  ASSERT_EQ(fused.size(), 5u);
  for (auto [f, r] : llvm::zip(fused, routes)) {
    EXPECT_EQ(f.experts, r.experts);
    EXPECT_EQ(f.weights, r.weights);
  }
}

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

class RoutingTest : public InterpreterTest {
protected:
  /// Routes of one token under a rule, for a router of five rows.
  Route routeBy(const std::string &rule, int k, bool hasRouter = true,
                const std::string &weights = "") {
    std::string results = " -> tensor<?x" + std::to_string(k) +
                          "xf32>, tensor<?x" + std::to_string(k) + "xi32>";
    load(weights.empty() ? weight("router", "tensor<5x8xf32>", "router")
                         : weights,
         "%router = fpmoe.get @router : tensor<5x8xf32>\n"
         "%y, %e = fpmoe.route %x : tensor<?x8xf32> " +
             std::string(hasRouter ? "router %router : tensor<5x8xf32> " : "") +
             "by #fpmoe." + rule + results,
         k);
    run({9});
    std::vector<Route> routes = interpreter->takeRoutes();
    return routes.empty() ? Route{} : routes.front();
  }

  /// Softmax over all rows of the router.
  std::vector<double> scores() {
    std::vector<float> table = elements("table"), router = elements("router");
    std::vector<double> scores;
    double sum = 0;
    for (int row = 0; row < 5; ++row) {
      double logit = 0;
      for (int i = 0; i < 8; ++i)
        logit += router[row * 8 + i] * table[9 * 8 + i];
      sum += scores.emplace_back(std::exp(logit));
    }
    for (double &score : scores)
      score /= sum;
    return scores;
  }
};

TEST_F(RoutingTest, CandidatesKeepTheScoresOfTheWholeRouter) {
  Route route =
      routeBy("token_choice<top_k = 2, renormalize = false, candidates = [4, "
              "1, 2]>",
              2);
  std::vector<double> all = scores();
  std::vector<int> rows{4, 1, 2};
  ASSERT_EQ(route.experts.size(), 2u);
  int first = rows[route.experts[0]], second = rows[route.experts[1]];
  int third = 7 - first - second;
  EXPECT_GT(all[first], all[second]);
  EXPECT_GT(all[second], all[third]);
  EXPECT_NEAR(route.weights[0], all[first], 1e-6);
  EXPECT_NEAR(route.weights[1], all[second], 1e-6);
  Route normed =
      routeBy("token_choice<top_k = 2, renormalize = true, candidates = [4, 1, "
              "2]>",
              2);
  EXPECT_EQ(normed.experts, route.experts);
  EXPECT_NEAR(normed.weights[0], all[first] / (all[first] + all[second]), 1e-6);
  EXPECT_NEAR(normed.weights[1], all[second] / (all[first] + all[second]),
              1e-6);
}

TEST_F(RoutingTest, LowerRowGoesFirstAmongEquals) {
  std::string equal = R"(
    fpmoe.weight @router : tensor<5x8xf32> {
      %a = fpmoe.random "row" seed 1 mean 0.0 stddev 0.5 : tensor<1x8xf32>
      %0 = fpmoe.concat %a, %a, %a, %a, %a : tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32> -> tensor<5x8xf32>
      fpmoe.yield %0 : tensor<5x8xf32>
    })";
  EXPECT_EQ(
      routeBy("token_choice<top_k = 3, renormalize = true>", 3, true, equal)
          .experts,
      (std::vector<int32_t>{0, 1, 2}));
  // Rows, not the order of the candidates, break ties.
  EXPECT_EQ(routeBy("token_choice<top_k = 2, renormalize = true, candidates = "
                    "[4, 3, 0]>",
                    2, true, equal)
                .experts,
            (std::vector<int32_t>{2, 1}));
}

TEST_F(RoutingTest, Fixed) {
  Route route = routeBy("fixed<expert = 3>", 1, false);
  EXPECT_EQ(route.experts, std::vector<int32_t>{3});
  EXPECT_EQ(route.weights, std::vector<float>{1});
}

TEST_F(RoutingTest, OtherRulesAreRefusedByName) {
  routeBy("expert_choice<segment = 4, max_experts = 2, capacity = 1.0>", 2);
  EXPECT_NE(error.find("segments alone is not evaluated"), std::string::npos)
      << error;
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

TEST_F(InterpreterTest, IdOutsideTheVocabulary) {
  load("", "%y = fpmoe.add %x, %x : tensor<?x8xf32>");
  Rows first = run({1, 2});
  EXPECT_EQ(first.rows, 2);
  run({3, 32});
  EXPECT_EQ(error, "token 1 is 32, the vocabulary has the ids 0 to 31");
  run({-1});
  EXPECT_EQ(error, "token 0 is -1, the vocabulary has the ids 0 to 31");
  EXPECT_EQ(interpreter->getPosition(), 2);
  run({});
  EXPECT_EQ(error, "there are no tokens to run");
}

TEST_F(InterpreterTest, PositionBeyondTheContext) {
  std::string text =
      R"(module attributes {fpmoe.model = {name = "m", architecture = "a", source = ".", context = 4}} {
  )" + weight("table", "tensor<32x8xf32>", "table") +
      R"(func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x8xf32> {
        %table = fpmoe.get @table : tensor<32x8xf32>
        %x = fpmoe.embedding %ids, %table : tensor<32x8xf32> -> tensor<?x8xf32>
        return %x : tensor<?x8xf32>
      } })";
  parse(text);
  run({1, 2, 3});
  run({4, 5});
  EXPECT_EQ(error, "5 tokens are more than the context of 4");
  EXPECT_EQ(run({4}).rows, 1);
}

TEST_F(InterpreterTest, PositionBeyondTheTable) {
  load(R"(fpmoe.weight @rope : tensor<2x4xf32> {
            %0 = fpmoe.rope_table theta 100.0 : tensor<2x4xf32>
            fpmoe.yield %0 : tensor<2x4xf32>
          })",
       R"(%rope = fpmoe.get @rope : tensor<2x4xf32>
          %y = fpmoe.rope %x, %positions, %rope : tensor<?x8xf32>, tensor<2x4xf32>)");
  run({1, 2, 3});
  EXPECT_EQ(error, "position 2 is beyond the table of rotary embedding, which "
                   "has 2 rows");
}

TEST_F(InterpreterTest, UnknownOp) {
  load("func.func private @f(%y: tensor<?x8xf32>) -> tensor<?x8xf32> {\n"
       "  return %y : tensor<?x8xf32>\n}",
       "%y = func.call @f(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>");
  run();
  EXPECT_EQ(error, "the reference does not evaluate 'func.call'");
}

TEST_F(InterpreterTest, ExpertThatIsNotThere) {
  load(weight("gate", "tensor<3x20x8xf32>", "gate") +
           weight("down", "tensor<3x8x20xf32>", "down"),
       R"(
    %gate = fpmoe.get @gate : tensor<3x20x8xf32>
    %down = fpmoe.get @down : tensor<3x8x20xf32>
    %w, %e = fpmoe.route %x : tensor<?x8xf32> by #fpmoe.fixed<expert = 3> -> tensor<?x1xf32>, tensor<?x1xi32>
    %y = fpmoe.experts %x, %w, %e, %gate, %gate, %down names ["a", "b", "c"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<3x20x8xf32>, tensor<3x8x20xf32>)");
  run();
  EXPECT_EQ(error, "expert 3 is chosen of 3");
}

TEST_F(InterpreterTest, MainIsMissingOrOfAnotherType) {
  parse("module {}");
  EXPECT_EQ(error, "there is no function 'main' of one block");
  parse("func.func private @main(tensor<?xi32>)");
  EXPECT_EQ(error, "there is no function 'main' of one block");
  parse("func.func @main(%x: tensor<?xi32>) { return }");
  EXPECT_EQ(error, "'main' must map tensor<?xi32> (ids) and tensor<?xi32> "
                   "(positions) to logits, it is of type (tensor<?xi32>) -> "
                   "()");
}

TEST_F(InterpreterTest, WeightInThePlaceOfActivations) {
  load(weight("w", "tensor<8x8xf32>", "w"), R"(
    %w = fpmoe.get @w : tensor<8x8xf32>
    %y = fpmoe.linear %w, %w : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>)");
  EXPECT_EQ(error,
            "'fpmoe.linear' has activations with a static number of rows");
}

TEST_F(InterpreterTest, LoadWithoutCheckpoint) {
  load(R"(fpmoe.weight @w : tensor<8xf32> {
            %0 = fpmoe.load "w" : tensor<8xf32>
            fpmoe.yield %0 : tensor<8xf32>
          })",
       "%y = fpmoe.add %x, %x : tensor<?x8xf32>");
  EXPECT_EQ(error, "tensor 'w' is to be loaded, but there is no checkpoint");
}

} // namespace
