//===- Results.cpp - logits and routes in files ---------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Results.h. Files are untrusted: whatever they hold gives a value or one
// error that says where it is wrong.
//
//===----------------------------------------------------------------------===//

#include "Results.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

static constexpr uint64_t maxText = uint64_t(1) << 28;
static constexpr uint64_t maxLogits = uint64_t(1) << 36;

//===----------------------------------------------------------------------===//
// Ids and logits
//===----------------------------------------------------------------------===//

/// Numbers from `least` on, called `what` in messages.
static Expected<std::vector<int32_t>>
readNumbers(const std::string &path, int32_t least, StringRef what) {
  Expected<std::string> text = readSmallFile(path, maxText);
  if (!text)
    return text.takeError();
  std::vector<int32_t> ids;
  StringRef rest = *text, word;
  while (std::tie(word, rest) = getToken(rest), !word.empty()) {
    int32_t id;
    if (word.getAsInteger(10, id) || id < least)
      return fileError(path, "word " + Twine(ids.size() + 1) + " is " +
                                 quoted(word) +
                                 ", " + what + " are numbers from " +
                                 Twine(least) + " on");
    ids.push_back(id);
  }
  if (ids.empty())
    return fileError(path, "has no " + what);
  return ids;
}

Expected<std::vector<int32_t>> readIds(const std::string &path) {
  return readNumbers(path, 0, "token ids");
}

Expected<std::vector<int32_t>> readLanguages(const std::string &path) {
  return readNumbers(path, -1, "languages");
}

Expected<Rows> readLogits(const std::string &path, int64_t columns) {
  Expected<std::string> bytes = readSmallFile(path, maxLogits);
  if (!bytes)
    return bytes.takeError();
  if (bytes->empty() || bytes->size() % (columns * sizeof(float)) != 0)
    return fileError(path, "has " + Twine(bytes->size()) + " bytes, rows of " +
                               Twine(columns) + " f32 take " +
                               Twine(columns * sizeof(float)) + " each");
  Rows logits(bytes->size() / sizeof(float) / columns, columns);
  for (auto [i, value] : enumerate(logits.data))
    value = bit_cast<float>(
        support::endian::read32le(bytes->data() + i * sizeof(float)));
  return logits;
}

Error writeLogits(const std::string &path, const Rows &logits) {
  return writeToOutput(path, [&](raw_ostream &out) {
    support::endian::Writer writer(out, endianness::little);
    for (float value : logits.data)
      writer.write(value);
    return Error::success();
  });
}

bool compareLogits(const Rows &got, const Rows &expected, double tolerance,
                   raw_ostream &out) {
  double largest = 0, difference = -1;
  size_t worst = 0;
  for (size_t i = 0; i < expected.data.size(); ++i) {
    double e = expected.data[i], g = got.data[i];
    double d =
        std::isfinite(e) && std::isfinite(g) ? std::abs(e - g) : INFINITY;
    if (std::isfinite(e))
      largest = std::max(largest, std::abs(e));
    if (d > difference) {
      difference = d;
      worst = i;
    }
  }
  double share = difference == 0 ? 0 : difference / largest;
  bool pass = share <= tolerance;
  out << format("largest difference %.3g over the largest logit %.4g: %.3g",
                difference, largest, share)
      << " (token " << worst / got.columns << ", logit " << worst % got.columns
      << format(": %.7g, expected %.7g)\n", got.data[worst],
                expected.data[worst])
      << (pass ? "pass" : "FAIL") << format(": tolerance %.3g\n", tolerance);
  return pass;
}

//===----------------------------------------------------------------------===//
// Routes
//===----------------------------------------------------------------------===//

void printRoutes(ArrayRef<Route> routes, raw_ostream &out) {
  for (const Route &route : routes) {
    out << route.layer << ' ' << route.position;
    for (size_t i = 0; i < route.experts.size(); ++i)
      out << ' ' << route.experts[i] << format(" %.6f", route.weights[i]);
    out << '\n';
  }
}

Expected<std::vector<Route>> readRoutes(const std::string &path) {
  Expected<std::string> text = readSmallFile(path, maxText);
  if (!text)
    return text.takeError();
  std::vector<Route> routes;
  StringRef rest = *text, line;
  for (unsigned number = 1; !rest.empty(); ++number) {
    std::tie(line, rest) = rest.split('\n');
    if (line.trim().empty() || line.starts_with("#"))
      continue;
    SmallVector<StringRef> words;
    SplitString(line, words);
    Route route{};
    bool valid = words.size() >= 4 && words.size() % 2 == 0 &&
                 !words[0].getAsInteger(10, route.layer) &&
                 !words[1].getAsInteger(10, route.position);
    for (size_t i = 2; valid && i < words.size(); i += 2) {
      double weight;
      valid = !words[i].getAsInteger(10, route.experts.emplace_back()) &&
              !words[i + 1].getAsDouble(weight);
      route.weights.push_back(valid ? weight : 0);
    }
    if (!valid)
      return fileError(path, "line " + Twine(number) +
                                 " is not a route: layer, token, and for each "
                                 "expert its number and weight");
    routes.push_back(std::move(route));
  }
  return routes;
}

bool compareRoutes(ArrayRef<Route> got, ArrayRef<Route> expected,
                   double tolerance, raw_ostream &out) {
  size_t differing = std::max(got.size(), expected.size()) -
                     std::min(got.size(), expected.size());
  auto isClose = [&](const auto &pair) {
    return std::abs(std::get<0>(pair) - std::get<1>(pair)) <= tolerance;
  };
  for (const auto &[g, e] : zip(got, expected)) {
    bool equal = g.layer == e.layer && g.position == e.position &&
                 g.experts == e.experts &&
                 all_of(zip(g.weights, e.weights), isClose);
    differing += !equal;
  }
  out << (differing ? "FAIL: " : "pass: ") << differing << " of "
      << std::max(got.size(), expected.size()) << " routes differ\n";
  return !differing;
}

} // namespace fpmoe
