//===- RopeConfigTest.cpp - tests of positions and scaling ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rotary embedding of a config.json, and the options that change it.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Config/ConfigSupport.h"

#include <cmath>

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

TEST(Config, RopeTheta) {
  EXPECT_EQ(valid("").ropeTheta, 10000);
  EXPECT_EQ(valid("\"rope_theta\":1000000.0,\"rope_scaling\":null").ropeTheta,
            1e6);
  EXPECT_EQ(valid("\"rope_parameters\":{\"rope_theta\":5e5,\"rope_type\":"
                  "\"default\"}")
                .ropeTheta,
            5e5);
  // As in transformers, the inner one wins, and the outer is its default.
  EXPECT_EQ(valid("\"rope_theta\":2e4,\"rope_parameters\":{\"rope_theta\":5e5}")
                .ropeTheta,
            5e5);
  EXPECT_EQ(valid("\"rope_theta\":2e4,\"rope_parameters\":{\"rope_type\":"
                  "\"default\"}")
                .ropeTheta,
            2e4);
}

TEST(Config, LinearRope) {
  // As older versions and as newer ones call it.
  for (const char *rope : {"\"rope_scaling\":{\"type\":\"linear\",",
                           "\"rope_parameters\":{\"rope_type\":\"linear\","}) {
    RopeScaling scaling =
        valid(std::string(rope) + "\"factor\":4}").ropeScaling;
    EXPECT_EQ(scaling.kind, RopeScaling::Linear);
    EXPECT_EQ(scaling.factor, 4);
  }
}

TEST(Config, DynamicRopeIsNoneUpToTheContext) {
  ModelConfig config =
      valid("\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":2.0}");
  EXPECT_EQ(config.ropeScaling.kind, RopeScaling::None);
}

TEST(Config, Llama3Rope) {
  std::string text = "\"max_position_embeddings\":512,\"rope_scaling\":{"
                     "\"rope_type\":\"llama3\",\"factor\":8.0,"
                     "\"low_freq_factor\":1.0,\"high_freq_factor\":4.0";
  RopeScaling scaling = valid(text + "}").ropeScaling;
  EXPECT_EQ(scaling.kind, RopeScaling::Llama3);
  EXPECT_EQ(scaling.factor, 8);
  EXPECT_EQ(scaling.low, 1);
  EXPECT_EQ(scaling.high, 4);
  EXPECT_EQ(scaling.originalPositions, 512);
  text += ",\"original_max_position_embeddings\":64}";
  EXPECT_EQ(valid(text).ropeScaling.originalPositions, 64);
}

TEST(Config, YarnRope) {
  std::string text = "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4.0,"
                     "\"original_max_position_embeddings\":64";
  RopeScaling scaling = valid(text + "}").ropeScaling;
  EXPECT_EQ(scaling.kind, RopeScaling::Yarn);
  EXPECT_EQ(scaling.originalPositions, 64);
  EXPECT_EQ(scaling.betaFast, 32);
  EXPECT_EQ(scaling.betaSlow, 1);
  EXPECT_TRUE(scaling.truncate);
  EXPECT_EQ(scaling.magnitude, 0.1 * std::log(4.0) + 1);
  scaling = valid(text + ",\"attention_factor\":1.25,\"beta_fast\":8,"
                         "\"beta_slow\":2,\"truncate\":false}")
                .ropeScaling;
  EXPECT_EQ(scaling.magnitude, 1.25);
  EXPECT_EQ(scaling.betaFast, 8);
  EXPECT_EQ(scaling.betaSlow, 2);
  EXPECT_FALSE(scaling.truncate);
  // Two weights divide; only latent attention changes its own scale, too.
  ModelConfig config = valid(text + ",\"mscale\":2,\"mscale_all_dim\":0.5}");
  EXPECT_EQ(config.ropeScaling.magnitude,
            (0.2 * std::log(4.0) + 1) / (0.05 * std::log(4.0) + 1));
  EXPECT_EQ(config.attentionScale, 1 / std::sqrt(8.0));
}

TEST(Config, OtherRope) {
  EXPECT_EQ(fault("\"rope_scaling\":{\"type\":\"longrope\",\"factor\":4.0}"),
            "rope_scaling.type is \"longrope\", it must be \"default\", "
            "\"linear\", \"dynamic\", \"llama3\" or \"yarn\": other rotary "
            "embeddings are not supported");
  EXPECT_EQ(fault("\"rope_parameters\":{\"rope_type\":\"llama3\"}"),
            "rope_parameters.factor is missing");
  EXPECT_EQ(fault("\"rope_parameters\":{\"rope_type\":\"llama3\","
                  "\"factor\":2}"),
            "rope_parameters.low_freq_factor is missing");
  EXPECT_EQ(fault("\"rope_parameters\":{\"rope_type\":\"linear\","
                  "\"factor\":0.5}"),
            "rope_parameters.factor is 0.5, it must be a number between 1 and "
            "1e+06");
  EXPECT_EQ(fault("\"rope_scaling\":{\"factor\":2}"),
            "rope_scaling has the field 'factor', which is not supported");
  EXPECT_EQ(fault("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,"
                  "\"beta_slow\":1,\"attention_factor\":2}"),
            "rope_scaling has the fields 'attention_factor', 'beta_slow', "
            "which are not supported");
  EXPECT_EQ(fault("\"rope_parameters\":{\"partial_rotary_factor\":0.5}"),
            "rope_parameters.partial_rotary_factor is 0.5, it must be 1");
  EXPECT_EQ(fault("\"partial_rotary_factor\":0.5"),
            "partial_rotary_factor is 0.5, it must be 1");
  EXPECT_EQ(fault("\"rope_scaling\":2"),
            "rope_scaling is 2, it must be an object or null");
  EXPECT_EQ(fault("\"rope_theta\":null"),
            "rope_theta is null, it must be a number between 1 and 1e+12");
}

// As transformers takes them, see test/golden.
TEST(Config, TwoRopeObjects) {
  std::string yarn = "{\"type\":\"yarn\",\"factor\":4.0,"
                     "\"original_max_position_embeddings\":64}";
  std::string same = "{\"rope_type\":\"yarn\",\"factor\":4,"
                     "\"original_max_position_embeddings\":64,"
                     "\"rope_theta\":5e5}";
  auto both = [&](const std::string &older, const std::string &newer) {
    return "\"rope_scaling\":" + older + ",\"rope_parameters\":" + newer;
  };
  // An empty one is none; of two the older one counts, with the outer theta.
  EXPECT_EQ(valid(both("{}", same)).ropeTheta, 5e5);
  EXPECT_EQ(valid(both(yarn, "{}")).ropeScaling.factor, 4);
  EXPECT_EQ(valid("\"rope_theta\":5e5," + both(yarn, same)).ropeTheta, 5e5);
  EXPECT_EQ(fault(both(yarn, same)),
            "rope_parameters.rope_theta is 500000, but rope_scaling.rope_theta "
            "is missing; keep one of the two objects");
  EXPECT_EQ(fault(both(yarn, "{\"rope_type\":\"yarn\",\"factor\":2}")),
            "rope_parameters.factor is 2, but rope_scaling.factor is 4; keep "
            "one of the two objects");
  EXPECT_EQ(fault(both(yarn, "{\"rope_type\":\"default\"}")),
            "rope_parameters.rope_type is \"default\", but rope_scaling.type "
            "is \"yarn\"; keep one of the two objects");
}

TEST(Config, OriginalContext) {
  std::string text = "\"max_position_embeddings\":256,"
                     "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":";
  // The one outside wins, and means nothing without a scaling that uses it.
  std::string outer = ",\"original_max_position_embeddings\":64";
  EXPECT_EQ(valid(text + "4}" + outer).ropeScaling.originalPositions, 64);
  EXPECT_EQ(valid(text + "4,\"original_max_position_embeddings\":32}" + outer)
                .ropeScaling.originalPositions,
            64);
  EXPECT_EQ(valid("\"hidden_act\":\"silu\"" + outer).ropeScaling.kind,
            RopeScaling::None);
  // A factor of null is the ratio of the two contexts.
  EXPECT_EQ(valid(text + "null}" + outer).ropeScaling.factor, 4);
  EXPECT_EQ(fault(text + "null,\"original_max_position_embeddings\":512}"),
            "original_max_position_embeddings is 512, it must be at most "
            "max_position_embeddings, which is 256");
  valid(text + "4,\"finetuned\":true}");
  // The newer name of the type wins.
  EXPECT_EQ(valid("\"rope_scaling\":{\"type\":\"su\",\"rope_type\":"
                  "\"linear\",\"factor\":2}")
                .ropeScaling.kind,
            RopeScaling::Linear);
}

TEST(Config, RopeScalingOption) {
  FileOptions options;
  options.ropeScaling = valueOf(parseRopeScaling("yarn:4"));
  std::string positions = "\"max_position_embeddings\":64";
  ModelConfig config = valid(positions, options);
  EXPECT_EQ(config.ropeScaling.kind, RopeScaling::Yarn);
  EXPECT_EQ(config.ropeScaling.factor, 4);
  EXPECT_EQ(config.ropeScaling.originalPositions, 64);
  EXPECT_EQ(config.maxPositions, 256);
  EXPECT_EQ(config.ropeScaling.magnitude, 0.1 * std::log(4.0) + 1);
  // Theta stays, wherever it stands.
  for (std::string theta :
       {",\"rope_theta\":5e5", ",\"rope_parameters\":{\"rope_theta\":5e5,"
                               "\"rope_type\":\"default\"}"})
    EXPECT_EQ(valid(positions + theta, options).ropeTheta, 5e5);
  // The file's own original context counts, the option's more.
  std::string original = ",\"original_max_position_embeddings\":32";
  EXPECT_EQ(valid(positions + original, options).ropeScaling.originalPositions,
            32);
  options.ropeScaling = valueOf(parseRopeScaling("yarn:4:48"));
  config = valid(positions + original, options);
  EXPECT_EQ(config.ropeScaling.originalPositions, 48);
  EXPECT_EQ(config.maxPositions, 192);
  options.ropeScaling = valueOf(parseRopeScaling("linear:2"));
  config = valid(positions, options);
  EXPECT_EQ(config.ropeScaling.kind, RopeScaling::Linear);
  EXPECT_EQ(config.maxPositions, 128);

  EXPECT_EQ(fault("\"hidden_act\":\"silu\"", options),
            "has no 'max_position_embeddings', which the option rope_scaling "
            "multiplies");
  EXPECT_EQ(fault(positions + ",\"rope_scaling\":{\"type\":\"linear\","
                              "\"factor\":2}",
                  options),
            "rope_scaling is {\"factor\":2,\"type\":\"linear\"}, so that the "
            "model is scaled already; leave out the option rope_scaling");
  options.ropeScaling->factor = 1e6;
  EXPECT_EQ(fault(positions, options),
            "the option rope_scaling makes more than 16777216 positions of 64");
}

TEST(Config, ContextOption) {
  FileOptions options;
  options.context = 200;
  std::string positions = "\"max_position_embeddings\":64";
  EXPECT_EQ(fault(positions, options),
            "the option context is 200, but the model has 64 positions");
  // As far as a scaling reaches, which stays what it is.
  std::string yarn = ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}";
  ModelConfig config = valid(positions + yarn, options);
  EXPECT_EQ(config.maxPositions, 200);
  EXPECT_EQ(config.ropeScaling.originalPositions, 64);
  options.context = 257;
  EXPECT_EQ(fault(positions + yarn, options),
            "the option context is 257, but the model has 256 positions");
  // Dynamic scaling changes with the text beyond the model's own positions.
  options.context = 65;
  EXPECT_EQ(fault(positions + ",\"rope_scaling\":{\"type\":\"dynamic\","
                              "\"factor\":4}",
                  options),
            "the option context is 65, but the model has 64 positions");
  options.context = 8;
  EXPECT_EQ(valid(positions, options).maxPositions, 8);
}
