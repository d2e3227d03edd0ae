//===- GgufTest.cpp - tests of the GGUF reader ------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each test of a fault has one fault of an untrusted file, and its message.
// What the types mean is compared with ggml itself (gguf/make.py).
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Gguf.h"

#include "lib/Checkpoint/Checkpoint.h"
#include "lib/Checkpoint/Input.h"
#include "test/lib/Checkpoint/GgufSupport.h"

#include "llvm/Support/MathExtras.h"

#include <cstring>

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

static std::string fault(const std::string &file) {
  return message(parseGguf(file, "m.gguf"));
}

/// A file with one key, or one tensor.
static std::string keyFault(const std::string &key) {
  return fault(ggufFile({key}, {}, 0));
}
static std::string tensorFault(const std::string &tensor,
                               size_t dataBytes = 64) {
  return fault(ggufFile({}, {tensor}, dataBytes));
}

//===----------------------------------------------------------------------===//
// Good files
//===----------------------------------------------------------------------===//

TEST(Gguf, ReadsMetadata) {
  auto file = valueOf(parseGguf(
      ggufFile(
          {ggufKey("u8", kU8, raw<uint8_t>(200)),
           ggufKey("i8", kI8, raw<int8_t>(-3)),
           ggufKey("u16", kU16, raw<uint16_t>(60000)),
           ggufKey("i16", kI16, raw<int16_t>(-300)),
           ggufKey("u32", kU32, raw<uint32_t>(4000000000u)),
           ggufKey("i32", kI32, raw<int32_t>(-70000)),
           ggufKey("u64", kU64, raw<uint64_t>(1) + ""),
           ggufKey("huge", kU64, raw<uint64_t>(UINT64_MAX)),
           ggufKey("i64", kI64, raw<int64_t>(-5)),
           ggufKey("f32", kF32, raw<float>(1.5)),
           ggufKey("f64", kF64, raw<double>(0.1)),
           ggufKey("yes", kBool, raw<uint8_t>(1)),
           ggufKey("text", kString, ggufString("x\xff")),
           ggufStrings("texts", {"a", "", "bcd"}),
           ggufArray("numbers", kI16, 2, raw<int16_t>(7) + raw<int16_t>(-8)),
           ggufArray("none", kF64, 0, "")},
          {}, 0),
      "m.gguf"));
  const GgufMetadata &m = file.metadata;
  EXPECT_EQ(m.values().size(), 16u);
  EXPECT_EQ(valueOf(m.getInteger("u8")), 200);
  EXPECT_EQ(valueOf(m.getInteger("i8")), -3);
  EXPECT_EQ(valueOf(m.getInteger("u16")), 60000);
  EXPECT_EQ(valueOf(m.getInteger("i16")), -300);
  EXPECT_EQ(valueOf(m.getInteger("u32")), 4000000000);
  EXPECT_EQ(valueOf(m.getInteger("i32")), -70000);
  EXPECT_EQ(valueOf(m.getInteger("u64")), 1);
  EXPECT_EQ(valueOf(m.getInteger("i64")), -5);
  EXPECT_EQ(valueOf(m.getReal("f32")), 1.5);
  EXPECT_EQ(valueOf(m.getReal("f64")), 0.1);
  EXPECT_EQ(valueOf(m.getReal("i8")), -3);
  EXPECT_TRUE(valueOf(m.getBool("yes")));
  EXPECT_EQ(valueOf(m.getString("text")), "x\xff");
  const GgufValue *texts = valueOf(m.getArray("texts", GgufType::String));
  EXPECT_EQ(texts->count, 3u);
  EXPECT_EQ(texts->string(0), StringRef("a"));
  EXPECT_EQ(texts->string(1), StringRef(""));
  EXPECT_EQ(texts->string(2), StringRef("bcd"));
  EXPECT_EQ(valueOf(m.getArray("numbers", GgufType::I16))->integer(1), -8);
  EXPECT_EQ(valueOf(m.getArray("none", GgufType::F64))->count, 0u);

  EXPECT_EQ(message(m.getInteger("u9")), "m.gguf: has no key 'u9'");
  EXPECT_EQ(message(m.getInteger("huge")),
            "m.gguf: huge is a U64 above 63 bits, it must be an integer");
  EXPECT_EQ(message(m.getInteger("f32")),
            "m.gguf: f32 is the F32 1.500000, it must be an integer");
  EXPECT_EQ(message(m.getInteger("numbers")),
            "m.gguf: numbers is an array of 2 I16, it must be an integer");
  EXPECT_EQ(message(m.getReal("yes")),
            "m.gguf: yes is the BOOL true, it must be a number");
  EXPECT_EQ(message(m.getBool("text")),
            "m.gguf: text is the STRING 'x\xef\xbf\xbd', it must be a BOOL");
  EXPECT_EQ(message(m.getString("texts")),
            "m.gguf: texts is an array of 3 STRING, it must be a STRING");
  EXPECT_EQ(message(m.getArray("numbers", GgufType::I32)),
            "m.gguf: numbers is an array of 2 I16, it must be an array of I32");
}

TEST(Gguf, ReadsTensors) {
  std::string bytes = ggufFile({ggufKey("general.alignment", kU32, raw(64u))},
                               {ggufTensor("a", {3, 2}, 0, 0),
                                ggufTensor("b", {32, 2, 5}, 8, 64),
                                ggufTensor("none", {4, 0}, 1, 448)},
                               448, 64);
  auto file = valueOf(parseGguf(bytes, "m.gguf"));
  ASSERT_EQ(file.tensors.size(), 3u);
  EXPECT_EQ(file.tensors[0].name, "a");
  EXPECT_EQ(file.tensors[0].dtype, DType::F32);
  EXPECT_EQ(formatShape(file.tensors[0].shape), "[2, 3]");
  EXPECT_EQ(file.tensors[0].offset, bytes.size() - 448);
  EXPECT_EQ(file.tensors[0].bytes, 24u);
  EXPECT_EQ(file.tensors[1].dtype, DType::Q8_0);
  EXPECT_EQ(formatShape(file.tensors[1].shape), "[5, 2, 32]");
  EXPECT_EQ(file.tensors[1].offset, bytes.size() - 384);
  EXPECT_EQ(file.tensors[1].bytes, 340u);
  EXPECT_EQ(file.tensors[2].bytes, 0u);
}

TEST(Gguf, ReadsVersion2AndFilesWithoutTensors) {
  std::string file = ggufFile({}, {}, 0);
  EXPECT_EQ(fault(file), "no error");
  file[4] = 2;
  EXPECT_EQ(fault(file), "no error");
}

TEST(Gguf, PaddingAfterTheLastTensorMayBeThereOrNot) {
  EXPECT_EQ(tensorFault(ggufTensor("x", {9}, 0, 0), 36), "no error");
  EXPECT_EQ(tensorFault(ggufTensor("x", {9}, 0, 0), 64), "no error");
}

TEST(Gguf, StringsLongerThanTheWindow) {
  std::string text(200000, 'x');
  auto file =
      valueOf(parseGguf(ggufFile({ggufKey("a", kString, ggufString(text)),
                                  ggufKey("b", kU8, raw<uint8_t>(1))},
                                 {}, 0),
                        "m.gguf"));
  EXPECT_EQ(valueOf(file.metadata.getString("a")), text);
  EXPECT_EQ(valueOf(file.metadata.getInteger("b")), 1);
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

TEST(Gguf, EveryPrefixIsRefused) {
  std::string file =
      ggufFile({ggufStrings("texts", {"a", "b"}), ggufKey("n", kU32, raw(1u))},
               {ggufTensor("x", {8}, 0, 0)}, 32);
  EXPECT_EQ(fault(file), "no error");
  for (size_t size = 0; size != file.size(); ++size)
    EXPECT_NE(fault(file.substr(0, size)), "no error") << size;
  EXPECT_EQ(fault(""), "m.gguf: ends at byte 0, in the magic number");
  EXPECT_EQ(fault(file.substr(0, 20)),
            "m.gguf: ends at byte 20, in the number of keys");
  EXPECT_EQ(fault(file.substr(0, 80)), "m.gguf: ends at byte 80, in key 'n'");
}

TEST(Gguf, WrongStart) {
  std::string file = ggufFile({}, {}, 0);
  file[0] = '\x1b';
  EXPECT_EQ(fault(file), "m.gguf: starts with '\\x1bGUF', a GGUF file starts "
                         "with 'GGUF'");
  file = ggufFile({}, {}, 0);
  for (char version : {0, 1, 4}) {
    file[4] = version;
    EXPECT_EQ(fault(file), ("m.gguf: has the version " + Twine(int(version)) +
                            ", supported are 2 and 3")
                               .str());
  }
  file[4] = 0;
  file[7] = 3;
  EXPECT_EQ(fault(file), "m.gguf: has the version 50331648: it is big-endian, "
                         "only little-endian files are supported");
}

TEST(Gguf, CountsThatTheFileCannotHold) {
  std::string start = "GGUF" + raw<uint32_t>(3);
  EXPECT_EQ(fault(start + raw<uint64_t>(0) + raw<uint64_t>(2) +
                  std::string(27, '\0')),
            "m.gguf: has 2 keys of at least 14 bytes each, only 27 bytes "
            "follow");
  EXPECT_EQ(fault(start + raw<uint64_t>(2) + raw<uint64_t>(0) +
                  std::string(65, '\0')),
            "m.gguf: has 2 tensors of at least 33 bytes each, only 65 bytes "
            "follow");
  EXPECT_EQ(fault(start + raw<uint64_t>(0) + raw<uint64_t>(UINT64_MAX)),
            "m.gguf: has 18446744073709551615 keys, the limit is 65536");
  EXPECT_EQ(fault(start + raw<uint64_t>(UINT64_MAX) + raw<uint64_t>(0)),
            "m.gguf: has 18446744073709551615 tensors, the limit is 1048576");
}

TEST(Gguf, NamesOfKeys) {
  EXPECT_EQ(keyFault(ggufKey("", kU8, raw<uint16_t>(0))),
            "m.gguf: the name of key 0 is empty");
  EXPECT_EQ(keyFault(ggufKey("a\xff", kU8, raw<uint8_t>(0))),
            "m.gguf: the name of key 0 'a\xef\xbf\xbd' is not valid UTF-8");
  EXPECT_EQ(keyFault(ggufKey(std::string(65536, 'x'), kU8, raw<uint8_t>(0))),
            "m.gguf: the name of key 0 has 65536 bytes, the limit is 65535");
  EXPECT_EQ(keyFault(raw<uint64_t>(100) + std::string(20, 'x')),
            "m.gguf: the name of key 0 has 100 bytes, only 20 follow");
  EXPECT_EQ(fault(ggufFile({ggufKey("a", kU8, raw<uint8_t>(0)),
                            ggufKey("a", kU16, raw<uint16_t>(0))},
                           {}, 0)),
            "m.gguf: has the key 'a' twice");
}

TEST(Gguf, Values) {
  EXPECT_EQ(keyFault(ggufKey("a", 13, raw<uint8_t>(0))),
            "m.gguf: key 'a' has the unknown type 13, known are 0 to 12");
  EXPECT_EQ(keyFault(ggufArray("a", 77, 0, "")),
            "m.gguf: key 'a' has the unknown type of elements 77, known are 0 "
            "to 12");
  EXPECT_EQ(keyFault(ggufArray("a", kArray, 0, "")),
            "m.gguf: key 'a' is an array of arrays, which no model has");
  EXPECT_EQ(keyFault(ggufKey("a", kBool, raw<uint8_t>(2))),
            "m.gguf: key 'a' is a BOOL of 2, it must be 0 or 1");
  EXPECT_EQ(keyFault(ggufArray("a", kBool, 3, std::string("\0\1\xff", 3))),
            "m.gguf: key 'a' is a BOOL of 255, it must be 0 or 1");
  EXPECT_EQ(keyFault(ggufKey("a", kF64, raw(1.0f))),
            "m.gguf: ends at byte 41, in key 'a'");
  EXPECT_EQ(keyFault(ggufKey("a", kString, raw<uint64_t>(UINT64_MAX))),
            "m.gguf: key 'a' has 18446744073709551615 bytes, the limit is "
            "100000000");
  EXPECT_EQ(keyFault(ggufKey("a", kString, raw<uint64_t>(9) + "12345678")),
            "m.gguf: key 'a' has 9 bytes, only 8 follow");
}

TEST(Gguf, ArraysThatTheFileCannotHold) {
  EXPECT_EQ(keyFault(ggufArray("a", kU32, 3, std::string(11, '\0'))),
            "m.gguf: key 'a' is an array of 3 elements of at least 4 bytes "
            "each, only 11 bytes follow");
  EXPECT_EQ(keyFault(ggufArray("a", kBool, UINT64_MAX, "")),
            "m.gguf: key 'a' is an array of 18446744073709551615 elements, "
            "the limit is 100000000");
  EXPECT_EQ(keyFault(ggufArray("a", kString, 2, ggufString("12345"))),
            "m.gguf: key 'a' is an array of 2 elements of at least 8 bytes "
            "each, only 13 bytes follow");
}

TEST(Gguf, NamesOfTensors) {
  std::string longest(64, 'x');
  EXPECT_EQ(tensorFault(ggufTensor(longest, {8}, 0, 0), 32), "no error");
  EXPECT_EQ(tensorFault(ggufTensor(longest + "x", {8}, 0, 0), 32),
            "m.gguf: the name of tensor 0 has 65 bytes, the limit is 64");
  EXPECT_EQ(tensorFault(ggufTensor("", {8}, 0, 0), 32),
            "m.gguf: the name of tensor 0 is empty");
  EXPECT_EQ(
      fault(ggufFile(
          {}, {ggufTensor("x", {8}, 0, 0), ggufTensor("x", {8}, 0, 32)}, 64)),
      "m.gguf: has the tensor 'x' twice");
}

TEST(Gguf, Shapes) {
  EXPECT_EQ(tensorFault(ggufTensor("x", {}, 0, 0)),
            "m.gguf: tensor 'x' has 0 dimensions, it must have 1 to 4");
  EXPECT_EQ(tensorFault(ggufTensor("x", {1, 1, 1, 1, 1}, 0, 0)),
            "m.gguf: tensor 'x' has 5 dimensions, it must have 1 to 4");
  EXPECT_EQ(tensorFault(ggufTensor("x", {uint64_t(1) << 63}, 0, 0)),
            "m.gguf: tensor 'x' has the extent 9223372036854775808, which "
            "overflows 63 bits");
  EXPECT_EQ(tensorFault(ggufTensor("x", {1u << 31, 1u << 31}, 0, 0)),
            "m.gguf: tensor 'x' has the shape [2147483648, 2147483648], whose "
            "size overflows 63 bits");
  EXPECT_EQ(tensorFault(ggufTensor("x", {0, 1u << 31, 1u << 31}, 0, 0)),
            "m.gguf: tensor 'x' has the shape [2147483648, 2147483648, 0], "
            "whose size overflows 63 bits");
  EXPECT_EQ(tensorFault(ggufTensor("x", {33, 32}, 2, 0)),
            "m.gguf: tensor 'x' has rows of 33 elements, Q4_0 has blocks of "
            "32");
  EXPECT_EQ(tensorFault(ggufTensor("x", {32}, 14, 0)),
            "m.gguf: tensor 'x' has rows of 32 elements, Q6_K has blocks of "
            "256");
}

TEST(Gguf, TypesOfTensors) {
  const char supported[] = "supported are F32, F16, BF16, F64, Q4_0, Q4_1, "
                           "Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K";
  EXPECT_EQ(tensorFault(ggufTensor("x", {256}, 17, 0)),
            std::string("m.gguf: tensor 'x' has the type 17 (IQ2_XS), ") +
                supported);
  EXPECT_EQ(tensorFault(ggufTensor("x", {256}, 5, 0)),
            std::string("m.gguf: tensor 'x' has the type 5 (unknown), ") +
                supported);
}

TEST(Gguf, Offsets) {
  EXPECT_EQ(tensorFault(ggufTensor("x", {8}, 0, 32), 64),
            "m.gguf: tensor 'x' begins at byte 32 of the data, it must begin "
            "at 0, after the tensor before it");
  EXPECT_EQ(
      fault(ggufFile(
          {}, {ggufTensor("x", {9}, 0, 0), ggufTensor("y", {8}, 0, 36)}, 128)),
      "m.gguf: tensor 'y' begins at byte 36 of the data, it must begin "
      "at 64, after the tensor before it");
  EXPECT_EQ(tensorFault(ggufTensor("x", {8}, 0, UINT64_MAX), 32),
            "m.gguf: tensor 'x' begins at byte 18446744073709551615 of the "
            "data, it must begin at 0, after the tensor before it");
  EXPECT_EQ(tensorFault(ggufTensor("x", {9}, 0, 0), 35),
            "m.gguf: tensor 'x' needs 36 bytes from byte 0 of the data on, "
            "the file has 35");
  // A tensor of no bytes too has a place, which must be inside the file.
  for (uint64_t extent : {0, 8})
    EXPECT_EQ(tensorFault(ggufTensor("x", {extent}, 0, 0), 0),
              "m.gguf: ends at byte 57, its tensors begin at byte 64");
  EXPECT_EQ(tensorFault(ggufTensor("x", {9}, 0, 0), 65),
            "m.gguf: has 65 bytes of data, its tensors end at byte 36");
}

TEST(Gguf, Alignment) {
  auto with = [](uint32_t alignment) {
    return keyFault(ggufKey("general.alignment", kU32, raw(alignment)));
  };
  EXPECT_EQ(with(1), "no error");
  EXPECT_EQ(with(1u << 30), "no error");
  for (uint32_t wrong : {0u, 48u, 1u << 31})
    EXPECT_EQ(with(wrong), "m.gguf: general.alignment is " +
                               std::to_string(wrong) +
                               ", it must be a power of two below 2^31");
  EXPECT_EQ(keyFault(ggufKey("general.alignment", kString, ggufString("32"))),
            "m.gguf: general.alignment is the STRING '32', it must be an "
            "integer");
}

TEST(Gguf, NumberOfAPart) {
  auto count = [](uint16_t value) {
    return ggufKey("split.count", kU16, raw(value));
  };
  auto number = [](uint16_t value) {
    return ggufKey("split.no", kU16, raw(value));
  };
  for (uint16_t one : {0, 1})
    EXPECT_EQ(
        valueOf(parseGguf(ggufFile({count(one)}, {}, 0), "m.gguf")).partCount,
        1);
  GgufFile part =
      valueOf(parseGguf(ggufFile({count(3), number(2)}, {}, 0), "m.gguf"));
  EXPECT_EQ(part.partNumber, 2);
  EXPECT_EQ(part.partCount, 3);
  EXPECT_EQ(keyFault(count(3)), "m.gguf: has no key 'split.no'");
  EXPECT_EQ(fault(ggufFile({count(3), number(3)}, {}, 0)),
            "m.gguf: split.no is 3, it must be less than split.count, which "
            "is 3");
  EXPECT_EQ(keyFault(count(5000)),
            "m.gguf: split.count is 5000, it must be between 0 and 4096");
}

//===----------------------------------------------------------------------===//
// What the types mean
//===----------------------------------------------------------------------===//

static const std::string folder = FPMOE_SOURCE_DIR "/test/lib/Checkpoint/gguf/";

namespace {
class GgufTypes : public testing::Test {
protected:
  void SetUp() override {
    std::string bytes = valueOf(readSmallFile(folder + "types.f32", 1 << 20));
    expected.resize(bytes.size() / sizeof(float));
    std::memcpy(expected.data(), bytes.data(), bytes.size());
    auto opened = Checkpoint::open(folder + "types.gguf");
    ASSERT_TRUE(bool(opened)) << toString(opened.takeError());
    checkpoint = std::move(*opened);
    ASSERT_EQ(checkpoint->tensors().size(), 12u);
    ASSERT_EQ(expected.size(), 12u * 512);
  }

  /// Compares bits of elements [first, first + count) of every tensor.
  void compare(size_t first, size_t count) {
    for (const auto &[i, tensor] : enumerate(checkpoint->tensors())) {
      std::vector<float> got(count);
      ASSERT_EQ(message(checkpoint->read(tensor, first, got)), "no error");
      EXPECT_EQ(0, std::memcmp(got.data(), &expected[i * 512 + first],
                               count * sizeof(float)))
          << tensor.name << ", " << count << " from " << first;
    }
  }

  std::vector<float> expected;
  std::unique_ptr<Checkpoint> checkpoint;
};
} // namespace

TEST_F(GgufTypes, AreDequantisedAsGgmlDoes) { compare(0, 512); }

TEST_F(GgufTypes, WindowsMayCutBlocks) {
  for (size_t first : {0, 1, 15, 31, 32, 33, 255, 256, 300, 511})
    for (size_t count : {1, 2, 31, 32, 33, 64, 200, 257, 500})
      if (first + count <= 512)
        compare(first, count);
}

TEST_F(GgufTypes, RangesOutsideTheTensor) {
  float out[2];
  for (const TensorInfo &tensor : checkpoint->tensors()) {
    EXPECT_EQ(message(checkpoint->read(tensor, 511, out)),
              folder + "types.gguf: tensor '" + tensor.name +
                  "' has 512 elements, 2 from 511 on were asked for");
    EXPECT_EQ(message(checkpoint->read(tensor, 512, MutableArrayRef<float>())),
              "no error");
  }
}

TEST_F(GgufTypes, LongRangesTakeSeveralReads) {
  TemporaryDirectory directory;
  std::string block = raw<uint16_t>(0x3c00); // the scale 1
  for (int i = 0; i < 32; ++i)
    block += static_cast<char>(i - 16);
  size_t blocks = 5000;
  std::string file =
      ggufFile({}, {ggufTensor("x", {32, blocks}, 8, 0)}, 34 * blocks);
  for (size_t i = 0; i < blocks; ++i)
    block.copy(&file[file.size() - 34 * (blocks - i)], block.size());
  directory.write("x.gguf", file);
  auto opened = Checkpoint::open(directory / "x.gguf");
  ASSERT_TRUE(bool(opened)) << toString(opened.takeError());
  std::vector<float> out(32 * blocks - 40);
  ASSERT_EQ(message((*opened)->read((*opened)->tensors()[0], 21, out)),
            "no error");
  for (size_t i = 0; i < out.size(); ++i)
    ASSERT_EQ(out[i], static_cast<float>((i + 21) % 32) - 16) << i;
}

//===----------------------------------------------------------------------===//
// Several files
//===----------------------------------------------------------------------===//

namespace {
/// A model in three files: keys, then a tensor in each of the others.
class GgufParts : public testing::Test {
protected:
  void SetUp() override { write(2); }

  void write(int32_t total) {
    file(0, 3, {ggufKey("split.tensors.count", kI32, raw(total)), name}, {});
    file(1, 3, {}, {ggufTensor("x", {8}, 0, 0)});
    file(2, 3, {}, {ggufTensor("y", {8}, 0, 0)});
  }
  void file(uint16_t number, uint16_t count, std::vector<std::string> keys,
            const std::vector<std::string> &tensors) {
    keys.push_back(ggufKey("split.no", kU16, raw(number)));
    keys.push_back(ggufKey("split.count", kU16, raw(count)));
    directory.write(partName(number),
                    ggufFile(keys, tensors, tensors.empty() ? 0 : 32));
  }
  static std::string partName(int number) {
    return "m-0000" + std::to_string(number + 1) + "-of-00003.gguf";
  }
  std::string path(int number) { return directory / partName(number); }

  TemporaryDirectory directory;
  std::string name = ggufKey("general.name", kString, ggufString("t"));
};
} // namespace

TEST_F(GgufParts, AnyOfThemIsTheModel) {
  for (int given : {0, 1, 2}) {
    GgufFile model = valueOf(readGguf(path(given)));
    EXPECT_TRUE(model.metadata.has("general.name"));
    EXPECT_EQ(model.metadata.file(), path(0));
    ASSERT_EQ(model.tensors.size(), 2u);
    EXPECT_EQ(model.tensors[1].name, "y");
    EXPECT_EQ(model.parts[model.tensors[1].file], path(2));

    auto checkpoint = valueOf(Checkpoint::open(path(given)));
    const TensorInfo *y = checkpoint->find("y");
    ASSERT_TRUE(y);
    EXPECT_EQ(checkpoint->fileName(y->file), path(2));
    float out[8];
    EXPECT_EQ(message(checkpoint->read(*y, 0, out)), "no error");
  }
}

TEST_F(GgufParts, ThatDoNotFit) {
  write(3);
  EXPECT_EQ(message(readGguf(path(1))),
            path(0) + ": split.tensors.count is 3, the 3 parts have 2 tensors");
  write(2);
  file(2, 4, {}, {ggufTensor("y", {8}, 0, 0)});
  EXPECT_EQ(message(Checkpoint::open(path(0))),
            path(2) + ": is part 3 of 4, its name says part 3 of 3");
  file(2, 3, {}, {ggufTensor("x", {8}, 0, 0)});
  EXPECT_EQ(message(Checkpoint::open(path(0))),
            path(2) + ": tensor 'x' is also in " + path(1));
  sys::fs::remove(path(2));
  EXPECT_EQ(message(Checkpoint::open(path(0))),
            path(2) + ": cannot be opened: No such file or directory");
}

TEST_F(GgufParts, ThatCannotBeFound) {
  sys::fs::rename(path(1), directory / "second.gguf");
  EXPECT_EQ(message(readGguf(directory / "second.gguf")),
            directory / "second.gguf" +
                ": is one of 3 parts of a model; its name must end in "
                "-00002-of-00003.gguf, so that the others can be found");
}

TEST(Gguf, IsKnownByItsStart) {
  TemporaryDirectory directory;
  std::string file = ggufFile({}, {ggufTensor("x", {8}, 0, 0)}, 32);
  directory.write("blob", file);
  directory.write("other", "GGU");
  directory.write("wrong.gguf", "x");
  EXPECT_TRUE(isGgufPath(directory / "blob"));
  EXPECT_TRUE(valueOf(Checkpoint::open(directory / "blob"))->isGguf());
  EXPECT_FALSE(isGgufPath(directory / "other"));
  EXPECT_TRUE(isGgufPath(directory / "wrong.gguf"));
  EXPECT_FALSE(isGgufPath(directory.str()));
}
