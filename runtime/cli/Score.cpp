//===- Score.cpp - the command score ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Feeds whole texts and either writes the logits of every token, or sums the
// log-probability that each token had after those before it.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Commands.h"
#include "runtime/cli/Console.h"
#include "runtime/cli/Engine.h"
#include "runtime/cli/FeedTexts.h"
#include "runtime/cli/Json.h"
#include "runtime/cli/OutputFile.h"
#include "runtime/cli/Text.h"
#include "runtime/cli/TokenLanguages.h"
#include "runtime/core/Math.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace fpmoe;

static const char details[] =
    "Writes JSON with the natural logarithm of the probability of each text,\n"
    "its perplexity per token and, of a text file, bits per byte. The first\n"
    "token is given, not predicted. A text longer than the model's context is\n"
    "scored in pieces of the size of the context, each starting afresh; the\n"
    "first token of a piece is predicted from the piece before it. Short "
    "texts\n"
    "share steps, which changes nothing but the time.\n"
    "\n"
    "A model that routes segments does it as when it generates: a segment is\n"
    "routed when its last token is known. With --whole-text, experts choose\n"
    "among all segments of a text, as in training; such a text is one step.\n"
    "\n"
    "With --logits, writes the logits instead: little-endian 32-bit floats,\n"
    "[tokens, vocabulary], row i predicting token i + 1; of several texts one\n"
    "after the other.";

static const char examples[] =
    "  PROGRAM score Main.hs Parser.hs\n"
    "  PROGRAM score --tokens Main.hs\n"
    "  PROGRAM score --ids ids.txt --logits logits.f32\n"
    "  PROGRAM score --ids ids.txt --logits logits.f32 --chunk 1\n"
    "  PROGRAM score --ids texts.txt --lines\n";

namespace {
/// One text and what is found out about it.
struct Scored : FedText {
  std::string name;
  size_t textBytes = 0; /// 0: only ids are known
  double logLikelihood = 0;
  /// Of tokens 1 and on.
  std::vector<double> logProbabilities;

  double perplexity() const {
    size_t count = logProbabilities.size();
    return count ? exponential(-logLikelihood / count)
                 : std::numeric_limits<double>::quiet_NaN();
  }
  double bitsPerByte() const {
    return -logLikelihood / logarithm(2) / textBytes;
  }
};

} // namespace

static Status addLogProbabilities(Team &team, const float *logits,
                                  int64_t first, int64_t rows, Scored &scored) {
  int64_t known = scored.ids.size();
  rows = std::min(rows, known - 1 - first);
  if (rows <= 0)
    return Status::success();
  scored.logProbabilities.resize(first + rows);
  double *found = &scored.logProbabilities[first];
  team.run([&](int64_t worker) {
    for (int64_t row = worker; row < rows; row += team.size()) {
      const float *own = logits + row * fpmoe_model.vocabulary;
      found[row] = own[scored.ids[first + row + 1]] -
                   logSumExp(own, fpmoe_model.vocabulary);
    }
  });
  for (int64_t row = 0; row < rows; ++row) {
    if (found[row] != found[row])
      return Status::error(format(
          "%s: the logits after token %lld are not numbers: the weights are "
          "damaged, or too large for %s",
          scored.name.c_str(), static_cast<long long>(first + row),
          fpmoe_model.weight_format));
    scored.logLikelihood += found[row];
  }
  return Status::success();
}

static void writeScores(JsonWriter &json, const Scored &scored,
                        bool withTokens) {
  json.value("tokens", int64_t(scored.ids.size()));
  json.value("log_likelihood", scored.logLikelihood);
  json.value("perplexity", scored.perplexity());
  if (scored.textBytes)
    json.value("bits_per_byte", scored.bitsPerByte());
  if (!withTokens)
    return;
  json.key("token_log_probabilities");
  json.beginArray();
  json.value(std::numeric_limits<double>::quiet_NaN()); // null: it is given
  for (double each : scored.logProbabilities)
    json.value(each);
  json.endArray();
}

/// One object for one text; for several the totals and an array.
static std::string report(const std::vector<Scored> &texts, bool withTokens) {
  JsonWriter json;
  json.beginObject();
  if (texts.size() == 1) {
    writeScores(json, texts[0], withTokens);
    json.endObject();
    return json.take();
  }
  int64_t tokens = 0, predicted = 0, bytes = 0;
  double sum = 0;
  for (const Scored &scored : texts) {
    tokens += scored.ids.size();
    predicted += scored.logProbabilities.size();
    bytes += scored.textBytes;
    sum += scored.logLikelihood;
  }
  json.value("tokens", tokens);
  json.value("log_likelihood", sum);
  json.value("perplexity", predicted
                               ? exponential(-sum / predicted)
                               : std::numeric_limits<double>::quiet_NaN());
  json.value("bits_per_byte", -sum / logarithm(2) / bytes);
  json.key("files");
  json.beginArray(/*inOneLine=*/false);
  for (const Scored &scored : texts) {
    json.beginObject(/*inOneLine=*/true);
    json.value("file", scored.name);
    writeScores(json, scored, withTokens);
    json.endObject();
  }
  json.endArray();
  json.endObject();
  return json.take();
}

/// Reads a number, or -1, for each token.
static Status parseLanguages(const std::string &file, Scored &scored) {
  std::string content;
  Status status = readFile(file, content);
  if (status.failed())
    return status;
  const char *at = content.c_str(), *end = at + content.size();
  for (;;) {
    while (at != end && strchr(" \t\r\n", *at))
      ++at;
    if (at == end)
      break;
    char *after;
    long language = strtol(at, &after, 10);
    if (after == at || language < -1 || language >= fpmoe_model.languages ||
        (after != end && !strchr(" \t\r\n", *after)))
      return Status::error(
          format("%s: byte %zu does not begin a number from -1 "
                 "to %lld",
                 file.c_str(), static_cast<size_t>(at - content.c_str()),
                 static_cast<long long>(fpmoe_model.languages - 1)));
    scored.languages.push_back(static_cast<int32_t>(language));
    at = after;
  }
  if (scored.languages.size() != scored.ids.size())
    return Status::error(format("%s: has %zu languages for %zu tokens",
                                file.c_str(), scored.languages.size(),
                                scored.ids.size()));
  return Status::success();
}

/// Reads a text of token ids from each line.
static Status readLines(const std::string &file, std::vector<Scored> &texts) {
  std::string content;
  Status status = readFile(file, content);
  size_t line = 0;
  for (size_t at = 0; !status.failed() && at < content.size();) {
    size_t end = std::min(content.find('\n', at), content.size());
    Scored scored;
    scored.name = format("%s:%zu", file.c_str(), ++line);
    status = parseIds(content.substr(at, end - at), scored.name, scored.ids);
    if (!status.failed() && scored.ids.empty())
      status = Status::error(scored.name + ": has no tokens");
    texts.push_back(std::move(scored));
    at = end + 1;
  }
  if (!status.failed() && texts.empty())
    status = Status::error(file + ": has no lines");
  return status;
}

static Status readTexts(const std::vector<std::string> &files,
                        const std::string &idsFile,
                        const std::string &languagesFile,
                        std::vector<Scored> &texts) {
  Text text;
  Status status = text.open();
  for (const std::string &file :
       idsFile.empty() ? files : std::vector<std::string>{idsFile}) {
    Scored scored;
    scored.name = file;
    std::string content;
    if (!status.failed())
      status = readFile(file, content);
    if (!status.failed())
      status = idsFile.empty() ? text.encode(content, file, scored.ids)
                               : parseIds(content, file, scored.ids);
    if (!status.failed() && scored.ids.empty())
      status = Status::error(file + ": has no tokens");
    if (status.failed())
      return status;
    scored.textBytes = idsFile.empty() ? content.size() : 0;
    if (!languagesFile.empty()) {
      status = parseLanguages(languagesFile, scored);
      if (status.failed())
        return status;
    } else if (fpmoe_model.languages > 0) {
      TokenLanguages languages(text, idsFile.empty() ? file : "");
      scored.languages = languages.next(scored.ids);
      if (languages.status().failed())
        return languages.status();
    }
    texts.push_back(std::move(scored));
  }
  return Status::success();
}

int fpmoe::runScore(const std::string &program, int count, char **arguments) {
  Arguments options(program + " score",
                    "Scores texts: how likely the model finds them.", details,
                    examples);
  Engine engine;
  std::vector<std::string> files;
  std::string idsFile, logitsFile, languageName, languagesFile;
  int64_t chunk = 0;
  bool withTokens = false, wholeText = false, lines = false;
  options.positionals(files, "FILE...");
  options.text(idsFile, "--ids", "FILE",
               "score the token ids in FILE, separated by white space");
  options.flag(lines, "--lines", "every line of --ids is a text of its own");
  options.text(logitsFile, "--logits", "FILE", "write all logits to FILE");
  options.flag(withTokens, "--tokens",
               "add the log-probability of every token");
  options.integer(chunk, "--chunk", 1, usedLevel().max_tokens,
                  "tokens per step; 1: token by token, as in generation\n"
                  "(default: as many as fit)");
  if (fpmoe_model.segment > 0)
    options.flag(wholeText, "--whole-text",
                 "route segments over the whole text, as published");
  options.text(languageName, "--language", "NAME",
               fpmoe_model.languages > 0
                   ? "use the adapter of this language for every token"
                   : "send every token to this expert");
  if (fpmoe_model.languages > 0)
    options.text(
        languagesFile, "--token-languages", "FILE",
        "the language of each token of --ids: its number, in the order\n"
        "of `info`, or -1");
  engine.declare(options);
  Status status = options.parse(count, arguments);
  if (options.helpWanted())
    return showHelp(options.helpText());
  if (!status.failed() && files.empty() == idsFile.empty())
    status = Status::error(files.empty()
                               ? "nothing to score: name text files, or ids "
                                 "with --ids FILE; see --help"
                               : "give text files or --ids, not both");
  if (!status.failed() && wholeText && chunk)
    status = Status::error("--whole-text takes all tokens in one step, without "
                           "--chunk");
  if (!status.failed() && !languagesFile.empty() && idsFile.empty())
    status = Status::error("--token-languages goes with --ids");
  if (!status.failed() && lines && (idsFile.empty() || fpmoe_model.languages))
    status = Status::error(idsFile.empty()
                               ? "--lines goes with --ids"
                               : "--lines is not for a model whose tokens have "
                                 "languages");
  if (!status.failed() && !logitsFile.empty() && files.size() > 1)
    status = Status::error("--logits takes one text only");
  if (status.failed())
    return misuse(status);

  std::vector<Scored> texts;
  FeedOptions feedOptions;
  status = findLanguage(languageName, feedOptions.language);
  if (!status.failed())
    status = lines ? readLines(idsFile, texts)
                   : readTexts(files, idsFile, languagesFile, texts);
  if (status.failed())
    return fail(status);
  int64_t longest = 0;
  for (const Scored &scored : texts) {
    longest = std::max<int64_t>(longest, scored.ids.size());
    if (!logitsFile.empty() && longest > fpmoe_model.context)
      return fail(
          format("%s: has %lld tokens, the model's context has room for "
                 "%lld",
                 scored.name.c_str(), static_cast<long long>(longest),
                 static_cast<long long>(fpmoe_model.context)));
  }

  int64_t most = std::min(fpmoe_model.context, usedLevel().max_tokens);
  if (wholeText && longest > most)
    return fail(format("--whole-text: a text has %lld tokens, a step of this "
                       "program takes %lld; compile it with a larger "
                       "--prefill-tokens, up to the model's context of %lld",
                       static_cast<long long>(longest),
                       static_cast<long long>(most),
                       static_cast<long long>(fpmoe_model.context)));

  OutputFile output;
  std::vector<std::string> inputs = files;
  inputs.insert(inputs.end(), {idsFile, languagesFile, engine.weightsPath()});
  if (!logitsFile.empty())
    status = output.open(logitsFile, inputs);
  if (!status.failed())
    status = engine.open();
  // Logits of a large vocabulary are the largest thing here: 128 MiB of them.
  constexpr int64_t logitsBudget = 32 << 20;
  if (wholeText)
    chunk = longest;
  if (!chunk)
    chunk =
        std::max<int64_t>(1, std::min(usedLevel().max_tokens,
                                      logitsBudget / fpmoe_model.vocabulary));
  feedOptions.chunk = chunk;
  feedOptions.wholeText = wholeText;
  std::vector<const FedText *> fed;
  for (const Scored &scored : texts)
    fed.push_back(&scored);
  if (!status.failed())
    status = feedTexts(
        engine, fed, feedOptions, interrupted,
        [&](size_t text, int64_t first, int64_t rows, const float *logits) {
          if (logitsFile.empty())
            return addLogProbabilities(*engine.team, logits, first, rows,
                                       texts[text]);
          return output.write(logits,
                              rows * fpmoe_model.vocabulary * sizeof(float));
        });
  if (!status.failed() && interrupted())
    return exitInterrupted;
  if (!status.failed() && !logitsFile.empty())
    status = output.commit();
  if (status.failed())
    return fail(status);
  if (logitsFile.empty())
    print(report(texts, withTokens));
  return exitSuccess;
}
