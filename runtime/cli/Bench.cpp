//===- Bench.cpp - the command bench ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measures prefill and decode, each in turn with the limit of the machine that
// it runs into, because the speed of a machine changes while one measures.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/BenchLoad.h"
#include "runtime/cli/Commands.h"
#include "runtime/cli/Console.h"
#include "runtime/cli/Engine.h"
#include "runtime/cli/Json.h"
#include "runtime/cli/Units.h"
#include "runtime/core/Limits.h"
#include "runtime/core/Machine.h"

#include <algorithm>
#include <limits>

using namespace fpmoe;

static const char details[] =
    "Prefill reads a prompt at once; its limit is the dot-product instruction\n"
    "the program was compiled for (attention is not counted). Decode reads "
    "the\n"
    "weights for every token, and the keys and values of all tokens before "
    "it;\n"
    "its limit is the rate at which the same threads read the same weights "
    "and\n"
    "do nothing else. Both limits are measured between the repetitions; those\n"
    "of a GPU are not. Token ids are random, the same in every run; those of\n"
    "--depth are not computed: their keys and values are made up. With\n"
    "--sequences, so many texts are decoded at a time, too, a token of each "
    "in\n"
    "every step. With --drafts, a step takes so many guesses beside a token: "
    "how\n"
    "much longer it lasts says how many of them have to be right. With "
    "--load,\n"
    "texts are read and written as a server does it: so many at a time, each "
    "of\n"
    "its own prompt, and four times as many in all.";

static const char examples[] = "  PROGRAM bench\n"
                               "  PROGRAM bench --threads 1 --repeat 9\n"
                               "  PROGRAM bench --depth 8192 --generate 32\n"
                               "  PROGRAM bench --sequences 8 --load\n"
                               "  PROGRAM bench --drafts 7\n"
                               "  PROGRAM bench --prompt 2048 --generate 16 "
                               "--json\n";

namespace {
struct Measured {
  Samples prefill, decode, reads, dots; /// tokens, tokens, bytes, ops / s
  Samples together;                     /// tokens / s of all sequences
  Samples guessing;                     /// steps / s with guesses
  std::unique_ptr<BenchLoad> load;
  int64_t prompt = 512, generate = 64, depth = 0, repeat = 5, sequences = 1,
          drafts = 0;
  double copySeconds = 0, hugeShare = 0;

  double share(double achieved, double limit) const {
    return limit > 0 ? achieved / limit
                     : std::numeric_limits<double>::quiet_NaN();
  }
  double shareOfPeak() const {
    double ops = double(fpmoe_model.token_dot_ops) * prompt +
                 double(fpmoe_model.logits_dot_ops);
    return share(prefill.median() / prompt * ops, dots.median());
  }
  /// Read for a token in the middle of those that are decoded.
  int64_t bytesPerToken() const {
    return fpmoe_model.decode_weight_bytes +
           (depth + generate / 2) * usedLevel().cache_bytes_per_position;
  }
  /// Guesses of a step that have to be right, so that it takes no longer than
  /// the steps that it saves.
  double neededGuesses() const {
    return decode.median() / guessing.median() - 1;
  }
  double bytesPerSecond() const {
    return decode.median() * double(bytesPerToken());
  }
  double shareOfBandwidth() const {
    return share(bytesPerSecond(), reads.median());
  }
};
} // namespace

static Status decodeTokens(Session &session, const std::vector<int32_t> &tokens,
                           int64_t depth, int64_t count) {
  session.pretend(depth);
  for (int64_t i = 0; i < count; ++i) {
    Status status = session.step(&tokens[i], 1, 0);
    if (status.failed() || interrupted())
      return status;
  }
  return Status::success();
}

/// As many steps, of a token and some guesses that are all wrong: fewer where a
/// segment ends.
static Status decodeGuessing(Session &session,
                             const std::vector<int32_t> &tokens,
                             const Measured &measured) {
  session.pretend(measured.depth);
  for (int64_t i = 0; i < measured.generate; ++i) {
    int64_t guesses = std::min(measured.drafts, session.guessRoom());
    Status status = session.step(&tokens[i], 1 + guesses, 0);
    if (status.failed() || interrupted())
      return status;
    session.rewind(session.position() - guesses);
  }
  return Status::success();
}

static Status prefillTokens(Session &session,
                            const std::vector<int32_t> &tokens, int64_t depth,
                            int64_t count) {
  session.pretend(depth);
  return session.feed(tokens.data(), count, interrupted);
}

/// Decodes `count` tokens of each of some sequences behind `depth` tokens that
/// are made up.
static Status decodeTogether(Stepper &stepper, std::vector<Sequence> &sequences,
                             const std::vector<int32_t> &tokens, int64_t depth,
                             int64_t count) {
  for (Sequence &sequence : sequences) {
    sequence.tokens.assign(depth, 0);
    sequence.resume(depth);
  }
  for (int64_t i = 0; i < count && !interrupted(); ++i) {
    std::vector<StepRun> runs;
    for (size_t s = 0; s < sequences.size(); ++s) {
      sequences[s].tokens.push_back(tokens[(i + s * 17) % tokens.size()]);
      runs.push_back(sequences[s].plan(1, sequences[s].size() - 1));
    }
    Status status = stepper.step(runs);
    if (status.failed())
      return status;
    for (size_t s = 0; s < sequences.size(); ++s)
      sequences[s].advance(runs[s]);
  }
  return Status::success();
}

/// Sequences with pages of their own, and the memory of their steps.
static Status makeSequences(Engine &engine, const Measured &measured,
                            std::unique_ptr<Stepper> &stepper,
                            std::vector<Sequence> &sequences) {
  int64_t positions = measured.depth + measured.generate;
  int64_t pages = (positions + pagePositions - 1) / pagePositions;
  StepperOptions options;
  options.pages = measured.sequences * pages;
  options.logitsRows = measured.sequences;
  Status status = Stepper::create(fpmoe_model, usedLevel(), *engine.team,
                                  *engine.weights, options, stepper);
  if (status.failed())
    return status;
  stepper->fillCache();
  for (int64_t s = 0; s < measured.sequences; ++s) {
    sequences.emplace_back(fpmoe_model);
    for (int64_t page = 0; page < pages; ++page)
      sequences.back().pages.push_back(static_cast<int32_t>(s * pages + page));
  }
  return status;
}

static Status measure(Engine &engine, Session &session, Measured &measured) {
  std::vector<int32_t> tokens = randomTokens(
      std::max(measured.prompt, measured.generate + measured.drafts),
      /*seed=*/1);
  constexpr double noLimit = 1e9;
  measureReadRate(usedLevel(), *engine.team, *engine.weights);
  double start = seconds();
  engine.weights->planCopy(engine.hugePagesChoice(), INT64_MAX);
  engine.weights->continueCopy(*engine.team, noLimit, noLimit);
  measured.copySeconds = seconds() - start;
  measured.hugeShare = engine.weights->hugeShare();
  // The first pass touches memory that later ones find ready.
  Status status =
      prefillTokens(session, tokens, measured.depth, measured.prompt);
  if (!status.failed())
    status = decodeTokens(session, tokens, measured.depth,
                          std::min<int64_t>(measured.generate, 4));
  std::unique_ptr<Stepper> stepper;
  std::vector<Sequence> sequences;
  if (!status.failed() && measured.sequences > 1)
    status = makeSequences(engine, measured, stepper, sequences);
  if (!status.failed() && measured.load)
    status = measured.load->open(engine);
  for (int64_t i = 0; i < measured.repeat; ++i) {
    if (status.failed() || interrupted())
      return status;
    measured.dots.add(measureDotRate(usedLevel(), *engine.team));
    start = seconds();
    status = prefillTokens(session, tokens, measured.depth, measured.prompt);
    measured.prefill.add(measured.prompt / (seconds() - start));
    if (status.failed() || interrupted())
      return status;
    measured.dots.add(measureDotRate(usedLevel(), *engine.team));
    measured.reads.add(
        measureReadRate(usedLevel(), *engine.team, *engine.weights));
    start = seconds();
    status = decodeTokens(session, tokens, measured.depth, measured.generate);
    measured.decode.add(measured.generate / (seconds() - start));
    if (stepper && !status.failed()) {
      start = seconds();
      status = decodeTogether(*stepper, sequences, tokens, measured.depth,
                              measured.generate);
      measured.together.add(measured.sequences * measured.generate /
                            (seconds() - start));
    }
    if (measured.drafts && !status.failed()) {
      start = seconds();
      status = decodeGuessing(session, tokens, measured);
      measured.guessing.add(measured.generate / (seconds() - start));
    }
    measured.reads.add(
        measureReadRate(usedLevel(), *engine.team, *engine.weights));
    if (measured.load && !status.failed() && !interrupted())
      status = measured.load->run(interrupted);
  }
  return status;
}

static void writeSamples(JsonWriter &json, const char *name,
                         const Samples &samples) {
  json.key(name);
  json.beginObject(/*inOneLine=*/true);
  json.value("min", samples.quantile(0));
  json.value("median", samples.median());
  json.value("max", samples.quantile(1));
  json.endObject();
}

static std::string asJson(const Measured &measured, const Engine &engine) {
  JsonWriter json;
  json.beginObject();
  json.value("model", fpmoe_model.name);
  json.value("target", usedTarget());
  json.value("weight_format", fpmoe_model.weight_format);
  json.value("weight_bytes", fpmoe_model.weight_bytes);
  const GpuInfo *gpu = usedGpu();
  if (gpu) {
    json.value("gpu", gpu->name);
  } else {
    json.value("cpu", cpuName());
    json.value("threads", int64_t(engine.team->size()));
    json.value("huge_page_share", measured.hugeShare);
    json.value("copied", engine.weights->isCopied());
    json.value("copy_seconds", measured.copySeconds);
  }
  json.value("repeat", measured.repeat);
  json.value("depth", measured.depth);
  json.key("prefill");
  json.beginObject();
  json.value("tokens", measured.prompt);
  writeSamples(json, "tokens_per_second", measured.prefill);
  if (!gpu)
    json.value("share_of_peak", measured.shareOfPeak());
  json.endObject();
  json.key("decode");
  json.beginObject();
  json.value("tokens", measured.generate);
  writeSamples(json, "tokens_per_second", measured.decode);
  if (!gpu)
    json.value("share_of_bandwidth", measured.shareOfBandwidth());
  json.value("weight_bytes_per_token", fpmoe_model.decode_weight_bytes);
  json.value("bytes_per_token", measured.bytesPerToken());
  json.endObject();
  if (measured.sequences > 1) {
    json.key("decode_together");
    json.beginObject();
    json.value("sequences", measured.sequences);
    writeSamples(json, "tokens_per_second", measured.together);
    json.endObject();
  }
  if (measured.drafts) {
    json.key("drafts");
    json.beginObject();
    json.value("tokens", measured.drafts);
    writeSamples(json, "steps_per_second", measured.guessing);
    json.value("accepted_to_pay", measured.neededGuesses());
    json.endObject();
  }
  if (const BenchLoad *load = measured.load.get()) {
    json.key("load");
    json.beginObject();
    json.value("sequences", measured.sequences);
    json.value("texts", 4 * measured.sequences);
    writeSamples(json, "tokens_per_second", load->tokens);
    for (auto [name, samples] :
         {std::pair("first_token_seconds", &load->firstOnes),
          std::pair("gap_seconds", &load->gaps)}) {
      json.key(name);
      json.beginObject(/*inOneLine=*/true);
      json.value("p50", samples->quantile(0.5));
      json.value("p99", samples->quantile(0.99));
      json.value("max", samples->quantile(1));
      json.endObject();
    }
    json.endObject();
  }
  if (!gpu) {
    json.key("limits");
    json.beginObject();
    json.value("read_bytes_per_second", measured.reads.median());
    json.value("dot_ops_per_second", measured.dots.median());
    writeSamples(json, "read_spread", measured.reads);
    writeSamples(json, "dot_spread", measured.dots);
    json.endObject();
  }
  json.endObject();
  return json.take();
}

static std::string asTable(const Measured &measured, const Engine &engine) {
  std::string text = format(
      "%s, %s, %s of weights, %s, %s\n", printable(fpmoe_model.name).c_str(),
      fpmoe_model.weight_format, bytesText(fpmoe_model.weight_bytes).c_str(),
      runnerText(*engine.team).c_str(), usedTarget().c_str());
  const bool isGpu = usedGpu();
  if (!isGpu)
    text +=
        format("%.0f%% of the weights in huge pages", 100 * measured.hugeShare);
  if (engine.weights->isCopied())
    text += format(", copied in %.2f s", measured.copySeconds);
  text += isGpu ? "" : "\n";
  text += format("\n%-32s %10s %10s %10s\n", "", "min", "median", "max");
  auto row = [&](const std::string &name, const Samples &samples, double unit) {
    text += format("%-32s %10.1f %10.1f %10.1f\n", name.c_str(),
                   samples.quantile(0) / unit, samples.median() / unit,
                   samples.quantile(1) / unit);
  };
  auto percent = [](double share) {
    return share == share ? format("%.1f%%", 100 * share)
                          : std::string("unknown");
  };
  std::string behind;
  if (measured.depth)
    behind = format(" after %lld", static_cast<long long>(measured.depth));
  row(format("prefill of %lld%s, tokens/s",
             static_cast<long long>(measured.prompt), behind.c_str()),
      measured.prefill, 1);
  if (!isGpu)
    row("  dot product peak, Gop/s", measured.dots, 1e9);
  row(format("decode of %lld%s, tokens/s",
             static_cast<long long>(measured.generate), behind.c_str()),
      measured.decode, 1);
  if (!isGpu)
    row("  reading the weights, GB/s", measured.reads, 1e9);
  if (measured.sequences > 1)
    row(format("  the same of %lld texts",
               static_cast<long long>(measured.sequences)),
        measured.together, 1);
  if (measured.drafts)
    row(format("  steps with %lld guesses, /s",
               static_cast<long long>(measured.drafts)),
        measured.guessing, 1);
  if (measured.load)
    row(format("%lld texts read and made, tokens/s",
               static_cast<long long>(measured.sequences)),
        measured.load->tokens, 1);
  if (isGpu)
    text += format("\ndecode reads %.1f GB/s (%s per token)\n",
                   measured.bytesPerSecond() / 1e9,
                   bytesText(measured.bytesPerToken()).c_str());
  else
    text += format("\nprefill reaches %s of the peak, decode %s of the read "
                   "bandwidth (%s per token)\n",
                   percent(measured.shareOfPeak()).c_str(),
                   percent(measured.shareOfBandwidth()).c_str(),
                   bytesText(measured.bytesPerToken()).c_str());
  if (measured.drafts)
    text += format("guesses pay where %.2f of %lld are right\n",
                   measured.neededGuesses(),
                   static_cast<long long>(measured.drafts));
  if (const BenchLoad *load = measured.load.get())
    text += format("of texts read and made, the first token comes after %.0f "
                   "ms (99%%: %.0f), the next ones after %.1f (99%%: %.1f)\n",
                   1e3 * load->firstOnes.median(),
                   1e3 * load->firstOnes.quantile(0.99),
                   1e3 * load->gaps.median(), 1e3 * load->gaps.quantile(0.99));
  return text;
}

int fpmoe::runBench(const std::string &program, int count, char **arguments) {
  Arguments options(program + " bench",
                    "Measures speed beside the limits of this machine.",
                    details, examples);
  Engine engine;
  Measured measured;
  measured.prompt = std::min(measured.prompt, fpmoe_model.context);
  measured.generate = std::min(measured.generate, fpmoe_model.context);
  bool json = false, load = false;
  options.integer(measured.prompt, "--prompt", 1, fpmoe_model.context,
                  "tokens of the prompt (default: 512)");
  options.integer(measured.generate, "--generate", 1, fpmoe_model.context,
                  "tokens to decode (default: 64)");
  options.integer(measured.depth, "--depth", 0, fpmoe_model.context,
                  "tokens of text before both (default: 0)");
  options.integer(measured.repeat, "--repeat", 1, 1000,
                  "repetitions (default: 5)");
  options.integer(measured.sequences, "--sequences", 1,
                  std::min<int64_t>(usedLevel().max_tokens, 512),
                  "texts to decode at a time (default: 1)");
  options.integer(measured.drafts, "--drafts", 0,
                  std::min<int64_t>(usedLevel().max_tokens - 1, 63),
                  "guesses of a step (default: 0)");
  options.flag(load, "--load", "read and write texts as a server does it");
  options.flag(json, "--json", "write JSON");
  engine.declare(options);
  Status status = options.parse(count, arguments);
  if (options.helpWanted())
    return showHelp(options.helpText());
  if (status.failed())
    return misuse(status);

  int64_t added =
      std::max(measured.prompt, measured.generate + measured.drafts);
  if (measured.depth + added > fpmoe_model.context)
    return misuse(Status::error(format(
        "--depth is %lld, and %lld tokens behind it exceed the context "
        "of %lld",
        static_cast<long long>(measured.depth), static_cast<long long>(added),
        static_cast<long long>(fpmoe_model.context))));

  if (measured.sequences > 1 && fpmoe_model.segment > 0)
    return misuse(Status::error("--sequences: a program that routes segments "
                                "is measured with one text alone"));

  if (load && measured.prompt + measured.generate > fpmoe_model.context)
    return misuse(Status::error(format(
        "--load: texts of %lld and %lld tokens exceed the context of %lld",
        static_cast<long long>(measured.prompt),
        static_cast<long long>(measured.generate),
        static_cast<long long>(fpmoe_model.context))));
  if (load)
    measured.load = std::make_unique<BenchLoad>(
        measured.sequences, measured.prompt, measured.generate);

  status = engine.open();
  SessionOptions sessionOptions;
  sessionOptions.positions = measured.depth + added;
  sessionOptions.logitsRows = 1 + measured.drafts;
  std::unique_ptr<Session> session;
  if (!status.failed())
    status = Session::create(fpmoe_model, usedLevel(), *engine.team,
                             *engine.weights, sessionOptions, session);
  if (!status.failed())
    status = measure(engine, *session, measured);
  if (status.failed())
    return fail(status);
  if (interrupted())
    return exitInterrupted;
  print(json ? asJson(measured, engine) : asTable(measured, engine));
  return exitSuccess;
}
