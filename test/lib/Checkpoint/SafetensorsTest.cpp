//===- SafetensorsTest.cpp - tests of the header reader ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each test has one fault of an untrusted file, and its message.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Safetensors.h"

#include "test/lib/Checkpoint/Support.h"

#include <set>

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

/// The message for a file with that header and 24 bytes of data.
static std::string fault(StringRef header, size_t bytes = 24) {
  return message(parseSafetensors(safetensors(header, bytes), "m.safetensors"));
}

/// A tensor that is right but for its name.
static std::string tensor(StringRef name, StringRef dtype, StringRef shape,
                          StringRef offsets) {
  return ("\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
          ",\"data_offsets\":" + offsets + "}")
      .str();
}

static std::string one(StringRef dtype, StringRef shape, StringRef offsets) {
  return "{" + tensor("x", dtype, shape, offsets) + "}";
}

TEST(Safetensors, ReadsTensorsInOrderOfOffset) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," +
                       tensor("b", "BF16", "[2,3]", "[12,24]") + "," +
                       tensor("a", "F32", "[3]", "[0,12]") + "," +
                       tensor("none", "F32", "[0,5]", "[12,12]") + "}   ";
  std::string file = safetensors(header, 24);
  auto tensors = parseSafetensors(file, "m.safetensors");
  ASSERT_TRUE(bool(tensors)) << toString(tensors.takeError());
  ASSERT_EQ(tensors->size(), 3u);
  const TensorInfo &a = (*tensors)[0], &none = (*tensors)[1],
                   &b = (*tensors)[2];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, DType::F32);
  EXPECT_EQ(a.offset, 8 + header.size());
  EXPECT_EQ(a.bytes, 12u);
  EXPECT_EQ(none.name, "none");
  EXPECT_EQ(none.elements(), 0);
  EXPECT_EQ(b.dtype, DType::BF16);
  EXPECT_EQ(formatShape(b.shape), "[2, 3]");
  EXPECT_EQ(b.elements(), 6);
  EXPECT_EQ(b.offset + b.bytes, file.size());
}

TEST(Safetensors, ReadsEveryDType) {
  EXPECT_EQ(fault("{}", 0), "no error");
  for (const char *name :
       {"F32",     "F16",     "BF16",        "F64",         "F8_E4M3",
        "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3",
        "F6_E3M2", "F4",      "BOOL",        "I8",          "I16",
        "I32",     "I64",     "U8",          "U16",         "U32",
        "U64",     "C64"}) {
    auto tensors = parseSafetensors(safetensors(one(name, "[0]", "[0,0]"), 0),
                                    "m.safetensors");
    ASSERT_TRUE(bool(tensors)) << toString(tensors.takeError());
    EXPECT_EQ(getName(tensors->front().dtype), name);
    EXPECT_EQ(isLoadable(tensors->front().dtype),
              (std::set<std::string>{"F32", "F16", "BF16", "F64"}.count(name)));
  }
  EXPECT_EQ(fault(one("F4", "[3,16]", "[0,24]")), "no error");
  EXPECT_EQ(fault(one("F6_E2M3", "[32]", "[0,24]")), "no error");
  EXPECT_EQ(fault(one("I64", "[3]", "[0,24]")), "no error");
}

TEST(Safetensors, ScalarHasOneElement) {
  EXPECT_EQ(fault(one("F32", "[]", "[0,4]"), 4), "no error");
}

TEST(Safetensors, FileOfLessThanEightBytes) {
  EXPECT_EQ(
      message(parseSafetensors("abcde", "m.safetensors")),
      "m.safetensors: is 5 bytes long, a safetensors file has at least 8");
}

TEST(Safetensors, HeaderLengthThatWraps) {
  EXPECT_EQ(
      message(parseSafetensors(std::string(8, '\xff') + "{}", "m.safetensors")),
      "m.safetensors: has a header of 18446744073709551615 bytes, the "
      "limit is 100000000");
}

TEST(Safetensors, HeaderLongerThanTheFile) {
  std::string file = safetensors("{}", 0);
  file[0] = 3;
  EXPECT_EQ(message(parseSafetensors(file, "m.safetensors")),
            "m.safetensors: has a header of 3 bytes, but only 2 bytes follow "
            "its length");
}

TEST(Safetensors, HeaderAboveTheLimit) {
  std::string start(8, '\0');
  support::endian::write64le(start.data(), 100'000'001);
  EXPECT_EQ(message(parseSafetensorsLength(start, uint64_t(1) << 40,
                                           "m.safetensors")),
            "m.safetensors: has a header of 100000001 bytes, the limit is "
            "100000000");
}

TEST(Safetensors, HeaderThatIsNotJson) {
  EXPECT_EQ(fault("{\"x\":"), "m.safetensors: header byte 5: the JSON text "
                              "ends too early, expected '{' to begin an "
                              "object");
}

TEST(Safetensors, ShapeProductThatOverflows) {
  EXPECT_EQ(fault(one("F32", "[4294967296,4294967296]", "[0,24]")),
            "m.safetensors: tensor 'x' has the shape [4294967296, 4294967296], "
            "whose size overflows 64 bits");
  // Wraps to 24 bytes in 64-bit arithmetic.
  EXPECT_EQ(
      fault(one("I8", "[5813839320,19037413721]", "[0,24]")),
      "m.safetensors: tensor 'x' has the shape [5813839320, 19037413721], "
      "whose size overflows 64 bits");
}

TEST(Safetensors, OverflowHiddenByAZeroExtent) {
  EXPECT_EQ(fault(one("F32", "[0,4294967296,4294967296]", "[0,0]"), 0),
            "m.safetensors: tensor 'x' has the shape [0, 4294967296, "
            "4294967296], whose size overflows 64 bits");
}

TEST(Safetensors, NegativeExtent) {
  EXPECT_EQ(
      fault(one("F32", "[-2,-3]", "[0,24]")),
      "m.safetensors: tensor 'x' has the negative extent -2 in its shape");
}

TEST(Safetensors, FractionalExtent) {
  EXPECT_EQ(
      fault(one("F32", "[6.0]", "[0,24]")),
      "m.safetensors: header byte 29: expected a whole number, found 6.0");
}

TEST(Safetensors, TooManyDimensions) {
  std::string shape = "[1";
  for (int i = 0; i < 32; ++i)
    shape += ",1";
  EXPECT_EQ(fault(one("F32", shape + "]", "[0,4]"), 4),
            "m.safetensors: tensor 'x' has more than 32 dimensions");
}

TEST(Safetensors, SpanThatDisagreesWithTheShape) {
  EXPECT_EQ(fault(one("F32", "[2,3]", "[0,12]"), 12),
            "m.safetensors: tensor 'x' spans 12 bytes, its shape [2, 3] of F32 "
            "needs 24");
}

TEST(Safetensors, SubByteTensorThatEndsInsideAByte) {
  EXPECT_EQ(fault(one("F4", "[3]", "[0,2]"), 2),
            "m.safetensors: tensor 'x' has the shape [3] of F4, which ends "
            "inside a byte");
}

TEST(Safetensors, OverlappingSpans) {
  EXPECT_EQ(fault("{" + tensor("a", "F32", "[4]", "[0,16]") + "," +
                  tensor("b", "F32", "[3]", "[12,24]") + "}"),
            "m.safetensors: tensor 'b' overlaps tensor 'a': it begins at byte "
            "12 of the data, the other ends at 16");
  EXPECT_EQ(fault("{" + tensor("a", "F32", "[6]", "[0,24]") + "," +
                  tensor("b", "F32", "[6]", "[0,24]") + "}"),
            "m.safetensors: tensor 'b' overlaps tensor 'a': it begins at byte "
            "0 of the data, the other ends at 24");
}

TEST(Safetensors, GapBetweenSpans) {
  EXPECT_EQ(fault("{" + tensor("a", "F32", "[2]", "[0,8]") + "," +
                  tensor("b", "F32", "[3]", "[12,24]") + "}"),
            "m.safetensors: tensor 'b' begins at byte 12 of the data and "
            "leaves a gap, the tensors before it end at 8");
}

TEST(Safetensors, GapBeforeTheFirstSpan) {
  EXPECT_EQ(fault(one("F32", "[5]", "[4,24]")),
            "m.safetensors: tensor 'x' begins at byte 4 of the data and leaves "
            "a gap, the tensors before it end at 0");
}

TEST(Safetensors, BytesAfterTheLastSpan) {
  EXPECT_EQ(fault(one("F32", "[5]", "[0,20]")),
            "m.safetensors: has 4 bytes that belong to no tensor after the "
            "last one");
}

TEST(Safetensors, OffsetPastTheEnd) {
  EXPECT_EQ(fault(one("F32", "[7]", "[0,28]")),
            "m.safetensors: tensor 'x' ends at byte 28 of the data, the file "
            "has only 24");
}

TEST(Safetensors, OffsetsOutOfOrder) {
  EXPECT_EQ(fault(one("F32", "[2]", "[16,8]")),
            "m.safetensors: tensor 'x' begins at byte 16 of the data, after "
            "its end at 8");
}

TEST(Safetensors, NegativeOffset) {
  EXPECT_EQ(fault(one("F32", "[6]", "[-24,0]")),
            "m.safetensors: tensor 'x' has the negative data offset -24");
}

TEST(Safetensors, OffsetBeyond64Bits) {
  EXPECT_EQ(fault(one("F32", "[6]", "[0,18446744073709551640]")),
            "m.safetensors: header byte 50: the number 18446744073709551640 is "
            "beyond 2^53 and not exact in JSON");
}

TEST(Safetensors, WrongNumberOfOffsets) {
  EXPECT_EQ(fault(one("F32", "[6]", "[0]")),
            "m.safetensors: tensor 'x' has 1 data offsets, it must have two");
  EXPECT_EQ(fault(one("F32", "[6]", "[0,24,0]")),
            "m.safetensors: tensor 'x' has more than two data offsets");
}

TEST(Safetensors, DuplicateName) {
  std::string x = tensor("x", "F32", "[6]", "[0,24]");
  EXPECT_EQ(fault("{" + x + "," + x + "}"),
            "m.safetensors: header byte 55: the key 'x' occurs twice");
}

TEST(Safetensors, DuplicateField) {
  EXPECT_EQ(fault("{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[6],"
                  "\"data_offsets\":[0,24]}}"),
            "m.safetensors: header byte 20: the key 'dtype' occurs twice");
}

TEST(Safetensors, UnknownDType) {
  EXPECT_EQ(fault(one("F7", "[6]", "[0,24]")),
            "m.safetensors: tensor 'x' has the unknown dtype 'F7'");
}

TEST(Safetensors, MissingField) {
  EXPECT_EQ(fault("{\"x\":{\"shape\":[6],\"data_offsets\":[0,24]}}"),
            "m.safetensors: tensor 'x' has no dtype");
  EXPECT_EQ(fault("{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,24]}}"),
            "m.safetensors: tensor 'x' has no shape");
  EXPECT_EQ(fault("{\"x\":{\"dtype\":\"F32\",\"shape\":[6]}}"),
            "m.safetensors: tensor 'x' has no data_offsets");
}

TEST(Safetensors, UnknownField) {
  EXPECT_EQ(fault("{\"x\":{\"strides\":[1]}}"),
            "m.safetensors: tensor 'x' has the unknown field 'strides'");
}

TEST(Safetensors, KeyThatIsNotUtf8) {
  EXPECT_EQ(fault("{\"x\x80\":{}}"),
            "m.safetensors: header byte 3: a string is not valid UTF-8");
}

TEST(Safetensors, NestingBomb) {
  EXPECT_EQ(fault("{\"x\":{\"shape\":" + std::string(100000, '[') + "}}"),
            "m.safetensors: header byte 15: expected a digit of a number");
}

TEST(Safetensors, MetadataThatIsNotStrings) {
  EXPECT_EQ(fault("{\"__metadata__\":{\"a\":1}}"),
            "m.safetensors: header byte 21: expected '\"' to begin a string, "
            "found '1'");
}

TEST(Safetensors, NameThatDrivesTheTerminalIsEscaped) {
  EXPECT_EQ(fault("{\"\\u001b[2J\":{\"a\":1}}"),
            "m.safetensors: tensor '\\x1b[2J' has the unknown field 'a'");
}
