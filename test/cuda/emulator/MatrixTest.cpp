//===- MatrixTest.cpp - tests of fragments ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fragments of mma.sync and ldmatrix against the formulae of the PTX ISA,
// which are written here as they are there: row and column of element i of a
// lane's fragment, where groupID = lane / 4 and threadID_in_group = lane % 4.
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include "TestKernel.h"

#include <functional>
#include <random>

using namespace fpmoe::emulator;

namespace {

struct Position {
  unsigned row, column;
};
using Fragment =
    std::function<Position(unsigned group, unsigned thread, unsigned i)>;

struct Case {
  const char *intrinsic;
  const char *type; // of a register
  unsigned k, aElements, bElements, packed;
  Fragment a, b;
  int minA, minB; // the least value of an element
};

// Matrix Fragments for mma.m16n8k8, .f16 and .bf16
Position a16n8k8(unsigned group, unsigned thread, unsigned i) {
  return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
}
Position b16n8k8(unsigned group, unsigned thread, unsigned i) {
  return {thread * 2 + i, group};
}
// Matrix Fragments for mma.m16n8k16 with floating point type
Position a16n8k16(unsigned group, unsigned thread, unsigned i) {
  bool upper = i < 2 || (4 <= i && i < 6);
  return {upper ? group : group + 8,
          i < 4 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8};
}
Position b16n8k16(unsigned group, unsigned thread, unsigned i) {
  return {i < 2 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8, group};
}
// Matrix Fragments for mma.m16n8k16 with integer type
Position a16n8k16s8(unsigned group, unsigned thread, unsigned i) {
  return {i < 4 ? group : group + 8, thread * 4 + (i & 3)};
}
Position b16n8k16s8(unsigned group, unsigned thread, unsigned i) {
  return {thread * 4 + i, group};
}
// Matrix Fragments for mma.m16n8k32
Position a16n8k32(unsigned group, unsigned thread, unsigned i) {
  bool upper = i < 4 || (8 <= i && i < 12);
  return {upper ? group : group + 8,
          i < 8 ? thread * 4 + (i & 3) : thread * 4 + (i & 3) + 16};
}
Position b16n8k32(unsigned group, unsigned thread, unsigned i) {
  return {i < 4 ? thread * 4 + (i & 3) : thread * 4 + (i & 3) + 16, group};
}
// The accumulators are alike in all of them.
Position accumulator(unsigned group, unsigned thread, unsigned i) {
  return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
}

const Case cases[] = {
    {"m16n8k8.row.col.bf16", "bf16", 8, 4, 2, 2, a16n8k8, b16n8k8, -9, -9},
    {"m16n8k8.row.col.f32.f32", "f16", 8, 4, 2, 2, a16n8k8, b16n8k8, -9, -9},
    {"m16n8k16.row.col.bf16", "bf16", 16, 8, 4, 2, a16n8k16, b16n8k16, -9, -9},
    {"m16n8k16.row.col.f32.f32", "f16", 16, 8, 4, 2, a16n8k16, b16n8k16, -9,
     -9},
    {"m16n8k16.row.col.s8", "s8", 16, 8, 4, 4, a16n8k16s8, b16n8k16s8, -128,
     -128},
    {"m16n8k16.row.col.u8", "s8", 16, 8, 4, 4, a16n8k16s8, b16n8k16s8, 0, 0},
    {"m16n8k32.row.col.s8", "s8", 32, 16, 8, 4, a16n8k32, b16n8k32, -128, -128},
    {"m16n8k32.row.col.u8", "s8", 32, 16, 8, 4, a16n8k32, b16n8k32, 0, 0},
    {"m16n8k32.row.col.s8.u8", "s8", 32, 16, 8, 4, a16n8k32, b16n8k32, -128, 0},
    {"m16n8k32.row.col.u8.s8", "s8", 32, 16, 8, 4, a16n8k32, b16n8k32, 0, -128},
};

uint32_t encode(const std::string &type, int value) {
  if (type == "s8")
    return uint8_t(value);
  return fromFloat(value, type == "f16" ? Format::F16 : Format::BF16);
}

// Each lane has `in` registers side by side, then `out` results.
std::string mmaText(const Case &test, unsigned a, unsigned b) {
  bool integer = test.type == std::string("s8");
  std::string reg = test.type == std::string("f16") ? "<2 x half>" : "i32";
  std::string acc = integer ? "i32" : "float", types, operands, loads;
  unsigned count = a + b + 4;
  for (unsigned i = 0; i < count; ++i) {
    std::string n = std::to_string(i), type = i < a + b ? reg : acc;
    loads += "  %p" + n + " = getelementptr i32, ptr addrspace(1) %from, i32 " +
             n + "\n  %r" + n + " = load " + type + ", ptr addrspace(1) %p" +
             n + ", align 4\n";
    operands += (i ? ", " : "") + type + " %r" + n;
    types += (i ? ", " : "") + type;
  }
  std::string result = "{ " + acc + ", " + acc + ", " + acc + ", " + acc + " }";
  std::string name = std::string("@llvm.nvvm.mma.") + test.intrinsic;
  std::string text =
      "define ptx_kernel void @test(ptr addrspace(1) %in, ptr addrspace(1) "
      "%out) {\n  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()\n"
      "  %first = mul i32 %lane, " +
      std::to_string(count) +
      "\n"
      "  %from = getelementptr i32, ptr addrspace(1) %in, i32 %first\n" +
      loads + "  %d = call " + result + " " + name + "(" + operands +
      ")\n"
      "  %at = mul i32 %lane, 4\n"
      "  %to = getelementptr i32, ptr addrspace(1) %out, i32 %at\n";
  for (unsigned i = 0; i < 4; ++i) {
    std::string n = std::to_string(i);
    text += "  %d" + n + " = extractvalue " + result + " %d, " + n + "\n  %q" +
            n + " = getelementptr i32, ptr addrspace(1) %to, i32 " + n +
            "\n  store " + acc + " %d" + n + ", ptr addrspace(1) %q" + n +
            ", align 4\n";
  }
  return text +
         "  ret void\n}\ndeclare i32 "
         "@llvm.nvvm.read.ptx.sreg.laneid()\ndeclare " +
         result + " " + name + "(" + types + ")\n";
}

class Mma : public TestKernel, public ::testing::WithParamInterface<Case> {};

TEST_P(Mma, FragmentsAreThoseOfTheIsa) {
  const Case &test = GetParam();
  bool integer = test.type == std::string("s8");
  std::mt19937 draw(7);
  auto fill = [&](std::vector<int> &matrix, int least) {
    int range = integer ? 256 : 19;
    for (int &value : matrix)
      value = int(draw() % range) + least;
  };
  std::vector<int> a(16 * test.k), b(test.k * 8), c(16 * 8);
  fill(a, test.minA);
  fill(b, test.minB);
  fill(c, -9);

  unsigned aRegs = test.aElements / test.packed;
  unsigned bRegs = test.bElements / test.packed, count = aRegs + bRegs + 4;
  unsigned bits = 32 / test.packed;
  std::vector<uint32_t> in(32 * count);
  for (unsigned lane = 0; lane < 32; ++lane) {
    uint32_t *registers = &in[lane * count];
    for (unsigned i = 0; i < test.aElements; ++i) {
      Position at = test.a(lane / 4, lane % 4, i);
      registers[i / test.packed] |=
          encode(test.type, a[at.row * test.k + at.column])
          << bits * (i % test.packed);
    }
    for (unsigned i = 0; i < test.bElements; ++i) {
      Position at = test.b(lane / 4, lane % 4, i);
      registers[aRegs + i / test.packed] |=
          encode(test.type, b[at.row * 8 + at.column])
          << bits * (i % test.packed);
    }
    for (unsigned i = 0; i < 4; ++i) {
      Position at = accumulator(lane / 4, lane % 4, i);
      float value = c[at.row * 8 + at.column];
      if (integer)
        registers[aRegs + bRegs + i] = c[at.row * 8 + at.column];
      else
        std::memcpy(&registers[aRegs + bRegs + i], &value, 4);
    }
  }
  auto product = [&](const std::vector<uint32_t> &operands) {
    uint64_t from = upload(operands, "in");
    uint64_t to = upload(std::vector<uint32_t>(128), "out");
    EXPECT_EQ(run(mmaText(test, aRegs, bRegs), 32, {from, to}), "");
    std::vector<int> d(16 * 8);
    std::vector<uint32_t> out = download<uint32_t>(to, 128);
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < 4; ++i) {
        Position at = accumulator(lane / 4, lane % 4, i);
        float value;
        std::memcpy(&value, &out[lane * 4 + i], 4);
        d[at.row * 8 + at.column] =
            integer ? int(out[lane * 4 + i]) : int(value);
      }
    return d;
  };
  std::vector<int> expected = c;
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned column = 0; column < 8; ++column)
      for (unsigned k = 0; k < test.k; ++k)
        expected[row * 8 + column] += a[row * test.k + k] * b[k * 8 + column];
  EXPECT_EQ(product(in), expected);

  // A kernel that takes registers of A for one another is seen.
  for (unsigned lane = 0; lane < 32; ++lane)
    std::swap(in[lane * count], in[lane * count + 1]);
  EXPECT_NE(product(in), expected);
}

INSTANTIATE_TEST_SUITE_P(All, Mma, ::testing::ValuesIn(cases),
                         [](const auto &info) {
                           std::string name = info.param.intrinsic;
                           for (char &c : name)
                             c = c == '.' ? '_' : c;
                           return name;
                         });

class Ldmatrix
    : public TestKernel,
      public ::testing::WithParamInterface<std::pair<unsigned, bool>> {};

TEST_P(Ldmatrix, LanesGetWhatTheIsaSays) {
  auto [count, transposed] = GetParam();
  std::string n = std::to_string(count);
  std::string result = "i32";
  if (count > 1) {
    result = "{ i32";
    for (unsigned i = 1; i < count; ++i)
      result += ", i32";
    result += " }";
  }
  std::string name = "@llvm.nvvm.ldmatrix.sync.aligned.m8n8.x" + n +
                     (transposed ? ".trans" : "") + ".b16.p3";
  std::string text =
      "@rows = internal addrspace(3) global [128 x i32] undef, align 16\n"
      "declare i32 @llvm.nvvm.read.ptx.sreg.laneid()\n"
      "declare void @llvm.nvvm.bar.warp.sync(i32)\n"
      "declare " +
      result + " " + name +
      "(ptr addrspace(3))\n"
      "define ptx_kernel void @test(ptr addrspace(1) %in, ptr addrspace(1) "
      "%out) {\n"
      "  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()\n"
      "  %from = getelementptr <4 x i32>, ptr addrspace(1) %in, i32 %lane\n"
      "  %quad = load <4 x i32>, ptr addrspace(1) %from, align 16\n"
      "  %row = getelementptr <4 x i32>, ptr addrspace(3) @rows, i32 %lane\n"
      "  store <4 x i32> %quad, ptr addrspace(3) %row, align 16\n"
      "  call void @llvm.nvvm.bar.warp.sync(i32 -1)\n"
      "  %r = call " +
      result + " " + name +
      "(ptr addrspace(3) %row)\n"
      "  %at = mul i32 %lane, " +
      n +
      "\n"
      "  %to = getelementptr i32, ptr addrspace(1) %out, i32 %at\n";
  for (unsigned i = 0; i < count; ++i) {
    std::string k = std::to_string(i);
    text += "  %r" + k + " = " +
            (count > 1 ? "extractvalue " + result + " %r, " + k
                       : std::string("add i32 %r, 0")) +
            "\n  %q" + k + " = getelementptr i32, ptr addrspace(1) %to, i32 " +
            k + "\n  store i32 %r" + k + ", ptr addrspace(1) %q" + k +
            ", align 4\n";
  }
  text += "  ret void\n}\n";

  std::mt19937 draw(5);
  std::vector<uint16_t> in(32 * 8); // row r of matrix m: 8 m + r
  for (uint16_t &value : in)
    value = draw();
  uint64_t from = upload(in, "in");
  uint64_t to = upload(std::vector<uint32_t>(32 * count), "out");
  ASSERT_EQ(run(text, 32, {from, to}), "");
  std::vector<uint32_t> out = download<uint32_t>(to, 32 * count);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned m = 0; m < count; ++m)
      for (unsigned i = 0; i < 2; ++i) {
        unsigned row = lane / 4, column = 2 * (lane % 4) + i;
        uint16_t expected = transposed ? in[(8 * m + column) * 8 + row]
                                       : in[(8 * m + row) * 8 + column];
        EXPECT_EQ(uint16_t(out[lane * count + m] >> 16 * i), expected)
            << "lane " << lane << ", matrix " << m << ", element " << i;
      }
}

INSTANTIATE_TEST_SUITE_P(
    All, Ldmatrix,
    ::testing::Values(std::pair(1u, false), std::pair(2u, false),
                      std::pair(4u, false), std::pair(1u, true),
                      std::pair(2u, true), std::pair(4u, true)));

} // namespace
