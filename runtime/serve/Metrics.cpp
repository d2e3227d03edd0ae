//===- Metrics.cpp - what a server has done, for Prometheus ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Metrics.h"

using namespace fpmoe;

constexpr std::array<double, 12> Metrics::Histogram::bounds;

void Metrics::Histogram::add(double seconds) {
  size_t i = 0;
  while (i < bounds.size() && seconds > bounds[i])
    ++i;
  ++counts[i];
  sum += seconds;
}

static std::string describe(const char *name, const char *type,
                            const char *help) {
  return format("# HELP fpmoe:%s %s\n# TYPE fpmoe:%s %s\n", name, help, name,
                type);
}

static std::string number(const char *name, const char *type, const char *help,
                          double value) {
  return describe(name, type, help) + format("fpmoe:%s %.17g\n", name, value);
}

static std::string histogram(const char *name, const char *help,
                             const Metrics::Histogram &h) {
  std::string text = describe(name, "histogram", help);
  int64_t below = 0;
  for (size_t i = 0; i < h.counts.size(); ++i) {
    below += h.counts[i];
    std::string bound =
        i < h.bounds.size() ? format("%g", h.bounds[i]) : "+Inf";
    text += format("fpmoe:%s_bucket{le=\"%s\"} %lld\n", name, bound.c_str(),
                   static_cast<long long>(below));
  }
  return text + format("fpmoe:%s_sum %.9g\nfpmoe:%s_count %lld\n", name, h.sum,
                       name, static_cast<long long>(below));
}

std::string Metrics::text(const SchedulerCounts &c) const {
  std::string text;
  text += number("num_requests_running", "gauge",
                 "Texts that are in the cache.", c.running);
  text += number("num_requests_waiting", "gauge",
                 "Texts that wait for their turn.", c.waiting);
  text += number("kv_cache_usage_perc", "gauge",
                 "Share of the cache that texts have, 1 is all.",
                 c.pages ? double(c.pagesInUse) / c.pages : 0);
  text += number("num_preemptions_total", "counter",
                 "Texts that gave up their cache and were computed again.",
                 c.preemptions);
  text += number("prompt_tokens_total", "counter", "Tokens of prompts.",
                 c.promptTokens);
  text += number("generation_tokens_total", "counter", "Tokens made.",
                 c.madeTokens);
  text += number("prefix_cache_queries_total", "counter",
                 "Tokens of prompts that were looked for in the cache.",
                 c.promptTokens);
  text += number("prefix_cache_hits_total", "counter", "Of these, found.",
                 c.foundTokens);
  text += number("spec_decode_num_draft_tokens_total", "counter",
                 "Tokens that were guessed.", c.drafted);
  text += number("spec_decode_num_accepted_tokens_total", "counter",
                 "Of these, right.", c.accepted);
  text += number("steps_total", "counter", "Steps of the model.", c.steps);
  text +=
      number("step_seconds_total", "counter", "Time in them.", c.stepSeconds);
  text += histogram("time_to_first_token_seconds",
                    "From the request to its first token.", firstToken);
  text += histogram("inter_token_latency_seconds",
                    "From a token of a text to its next one.", betweenTokens);
  text += histogram("e2e_request_latency_seconds",
                    "From a request to its last token.", request);
  text += describe("request_success_total", "counter",
                   "Texts that are complete, by what ended them.");
  for (auto [name, count] : {std::pair("stop", stopped),
                             {"length", tooLong},
                             {"abort", cancelled},
                             {"error", failed}})
    text += format("fpmoe:request_success_total{finished_reason=\"%s\"} %lld\n",
                   name, static_cast<long long>(count));
  text += number("http_errors_total", "counter",
                 "Requests that were answered with an error.", refused);
  return text;
}
