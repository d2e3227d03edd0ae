//===- Report.cpp - What storage formats change, on a page ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/Report.h"
#include "lib/Checkpoint/Input.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;
using namespace fpmoe;

static double getBitsPerWeight(ArrayRef<WeightError> errors) {
  double bytes = 0, elements = 0;
  for (const WeightError &error : errors) {
    bytes += error.bytes;
    elements += error.elements;
  }
  return elements == 0 ? 0 : 8 * bytes / elements;
}

std::string fpmoe::makeJsonReport(StringRef model,
                                  ArrayRef<WeightError> errors) {
  std::string text;
  raw_string_ostream os(text);
  json::OStream json(os, /*IndentSize=*/2);
  json.object([&] {
    json.attribute("model", json::fixUTF8(model));
    json.attribute("bits_per_weight", getBitsPerWeight(errors));
    json.attributeArray("weights", [&] {
      for (const WeightError &error : errors)
        json.object([&] {
          json.attribute("name", json::fixUTF8(error.weight));
          if (error.layer)
            json.attribute("layer", *error.layer);
          json.attribute("format", error.format);
          json.attribute("elements", error.elements);
          json.attribute("bytes", error.bytes);
          json.attribute("relative_error", error.getRelative());
        });
    });
  });
  return text + "\n";
}

static std::string escapeXml(StringRef text) {
  std::string escaped;
  raw_string_ostream os(escaped);
  printHTMLEscaped(printable(text), os);
  return escaped;
}

std::string fpmoe::makeSvgReport(StringRef model,
                                 ArrayRef<WeightError> errors) {
  constexpr double left = 70, top = 50, width = 620, height = 320;
  // Colours that people who see few of them can tell apart.
  constexpr StringLiteral colours[] = {"#0072b2", "#d55e00", "#009e73",
                                       "#cc79a7", "#56b4e9", "#e69f00",
                                       "#000000", "#999999"};
  MapVector<std::pair<StringRef, StringRef>, std::vector<const WeightError *>>
      lines;
  double most = 0;
  int64_t layers = 1;
  for (const WeightError &error : errors) {
    lines[{error.weight, error.format}].push_back(&error);
    most = std::max(most, error.getRelative());
    layers = std::max(layers, error.layer.value_or(0) + 1);
  }
  // A round step, of which the axis has four to eight.
  double step = most > 0 ? std::pow(10, std::floor(std::log10(most))) : 0.1;
  step *= most / step > 5 ? 1 : most / step > 2 ? 0.5 : 0.2;
  double axis = std::max(std::ceil(most / step), 1.0) * step;
  auto x = [&](int64_t layer) {
    return left + (layers == 1 ? width / 2 : width * layer / (layers - 1));
  };
  auto y = [&](double error) { return top + height * (1 - error / axis); };

  std::string text;
  raw_string_ostream os(text);
  double bottom = top + height + 60 + 20 * double(lines.size());
  os << formatv("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 "
                "{0:F0}\" font-family=\"sans-serif\" font-size=\"13\">\n",
                bottom)
     << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
     << formatv("<text x=\"{0:F0}\" y=\"25\" font-size=\"16\">{1}: relative "
                "error of weights, {2:F2} bits each</text>\n",
                left, escapeXml(model), getBitsPerWeight(errors));
  for (double mark = 0; mark <= axis * 1.001; mark += step)
    os << formatv("<line x1=\"{0:F0}\" x2=\"{1:F0}\" y1=\"{2:F1}\" "
                  "y2=\"{2:F1}\" stroke=\"#ddd\"/><text x=\"{3:F0}\" "
                  "y=\"{4:F1}\" text-anchor=\"end\">{5:F2}%</text>\n",
                  left, left + width, y(mark), left - 8, y(mark) + 4,
                  100 * mark);
  int64_t every = std::max<int64_t>(layers / 10, 1);
  for (int64_t layer = 0; layer < layers; layer += every)
    os << formatv("<text x=\"{0:F1}\" y=\"{1:F0}\" "
                  "text-anchor=\"middle\">{2}</text>\n",
                  x(layer), top + height + 18, layer);
  os << formatv("<text x=\"{0:F0}\" y=\"{1:F0}\" "
                "text-anchor=\"middle\">layer</text>\n",
                left + width / 2, top + height + 36);
  double legend = top + height + 60;
  for (auto [i, line] : enumerate(lines)) {
    auto &[name, instances] = line;
    StringRef colour = colours[i % std::size(colours)];
    double squares = 0;
    if (instances.front()->layer) {
      os << "<polyline fill=\"none\" stroke=\"" << colour << "\" points=\"";
      for (const WeightError *error : instances)
        os << formatv("{0:F1},{1:F1} ", x(*error->layer),
                      y(error->getRelative()));
      os << "\"/>\n";
    }
    for (const WeightError *error : instances) {
      squares += error->getRelative() * error->getRelative();
      std::string where =
          error->layer ? formatv(", layer {0}", *error->layer).str() : "";
      os << formatv("<circle cx=\"{0:F1}\" cy=\"{1:F1}\" r=\"3\" "
                    "fill=\"{2}\"><title>{3}{4}: {5:F3}%</title></circle>\n",
                    x(error->layer.value_or(layers / 2)),
                    y(error->getRelative()), colour, escapeXml(error->weight),
                    where, 100 * error->getRelative());
    }
    os << formatv("<rect x=\"{0:F0}\" y=\"{1:F0}\" width=\"14\" height=\"10\" "
                  "fill=\"{2}\"/><text x=\"{3:F0}\" y=\"{4:F0}\">{5}, {6}: "
                  "{7:F3}%</text>\n",
                  left, legend - 10, colour, left + 22, legend,
                  escapeXml(name.first), name.second,
                  100 * std::sqrt(squares / double(instances.size())));
    legend += 20;
  }
  os << "</svg>\n";
  return text;
}
