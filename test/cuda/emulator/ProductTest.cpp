//===- ProductTest.cpp - tests of whole products ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole products against plain references: cp.async, ldmatrix and mma.sync by
// many blocks; wgmma with each swizzle, and A in registers or shared memory.
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include "TestKernel.h"

#include <random>

using namespace fpmoe::emulator;

namespace {

std::vector<uint16_t> randomMatrix(unsigned count, Format format,
                                   unsigned seed) {
  std::mt19937 draw(seed);
  std::vector<uint16_t> values(count);
  for (uint16_t &value : values)
    value = fromFloat(int(draw() % 33) - 16, format);
  return values;
}

// D[m][n] = sum of A[m][k] B[n][k]: small integers, so exact in any order.
std::vector<float> product(const std::vector<uint16_t> &a,
                           const std::vector<uint16_t> &b, unsigned k,
                           Format format) {
  std::vector<float> d;
  for (unsigned m = 0; m < a.size() / k; ++m)
    for (unsigned n = 0; n < b.size() / k; ++n) {
      float sum = 0;
      for (unsigned i = 0; i < k; ++i)
        sum += toFloat(a[m * k + i], format) * toFloat(b[n * k + i], format);
      d.push_back(sum);
    }
  return d;
}

// A block is a warp and makes 16 x 8 of D; %k is a multiple of 16.
const char *const mmaKernel = R"(
@tiles = internal addrspace(3) global [768 x i8] undef, align 16
define ptx_kernel void @test(ptr addrspace(1) %a, ptr addrspace(1) %b, ptr addrspace(1) %d, i64 %k, i64 %n) {
entry:
  %lane32 = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %lane = zext i32 %lane32 to i64
  %bm32 = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %bn32 = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.y()
  %bm = zext i32 %bm32 to i64
  %bn = zext i32 %bn32 to i64
  ; 16 bytes for each lane: row lane / 2, half lane % 2.
  %row = lshr i64 %lane, 1
  %half = and i64 %lane, 1
  %m0 = shl i64 %bm, 4
  %m = add i64 %m0, %row
  %am = mul i64 %m, %k
  %n0 = shl i64 %bn, 3
  %nn = add i64 %n0, %row
  %bnk = mul i64 %nn, %k
  %h8 = shl i64 %half, 3
  %ai = add i64 %am, %h8
  %bi = add i64 %bnk, %h8
  %l16 = shl i64 %lane, 4
  %sa = getelementptr i8, ptr addrspace(3) @tiles, i64 %l16
  %sb0 = getelementptr i8, ptr addrspace(3) @tiles, i64 512
  %sb = getelementptr i8, ptr addrspace(3) %sb0, i64 %l16
  %hasB = icmp ult i64 %lane, 16
  ; Rows of 32 bytes: of A lane % 16, of B lane % 8.
  %ra = and i64 %lane, 15
  %ra32 = shl i64 %ra, 5
  %ha = lshr i64 %lane, 4
  %ha16 = shl i64 %ha, 4
  %oa = add i64 %ra32, %ha16
  %pa = getelementptr i8, ptr addrspace(3) @tiles, i64 %oa
  %rb = and i64 %lane, 7
  %rb32 = shl i64 %rb, 5
  %hb = lshr i64 %lane, 3
  %hb1 = and i64 %hb, 1
  %hb16 = shl i64 %hb1, 4
  %ob = add i64 %rb32, %hb16
  %pb = getelementptr i8, ptr addrspace(3) %sb0, i64 %ob
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %step ]
  %c0 = phi float [ 0.0, %entry ], [ %d0, %step ]
  %c1 = phi float [ 0.0, %entry ], [ %d1, %step ]
  %c2 = phi float [ 0.0, %entry ], [ %d2, %step ]
  %c3 = phi float [ 0.0, %entry ], [ %d3, %step ]
  %ak = add i64 %ai, %i
  %fa = getelementptr i16, ptr addrspace(1) %a, i64 %ak
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %sa, ptr addrspace(1) %fa)
  br i1 %hasB, label %copy, label %step
copy:
  %bk = add i64 %bi, %i
  %fb = getelementptr i16, ptr addrspace(1) %b, i64 %bk
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %sb, ptr addrspace(1) %fb)
  br label %step
step:
  call void @llvm.nvvm.cp.async.wait.all()
  call void @llvm.nvvm.bar.warp.sync(i32 -1)
  %qa = call { i32, i32, i32, i32 } @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3) %pa)
  %qb = call { i32, i32 } @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.b16.p3(ptr addrspace(3) %pb)
  call void @llvm.nvvm.bar.warp.sync(i32 -1)
  %a0 = extractvalue { i32, i32, i32, i32 } %qa, 0
  %a1 = extractvalue { i32, i32, i32, i32 } %qa, 1
  %a2 = extractvalue { i32, i32, i32, i32 } %qa, 2
  %a3 = extractvalue { i32, i32, i32, i32 } %qa, 3
  %b0 = extractvalue { i32, i32 } %qb, 0
  %b1 = extractvalue { i32, i32 } %qb, 1
  %r = call { float, float, float, float } @llvm.nvvm.mma.m16n8k16.row.col.bf16(i32 %a0, i32 %a1, i32 %a2, i32 %a3, i32 %b0, i32 %b1, float %c0, float %c1, float %c2, float %c3)
  %d0 = extractvalue { float, float, float, float } %r, 0
  %d1 = extractvalue { float, float, float, float } %r, 1
  %d2 = extractvalue { float, float, float, float } %r, 2
  %d3 = extractvalue { float, float, float, float } %r, 3
  %next = add i64 %i, 16
  %more = icmp ult i64 %next, %k
  br i1 %more, label %loop, label %end
end:
  %group = lshr i64 %lane, 2
  %t = and i64 %lane, 3
  %t2 = shl i64 %t, 1
  %om = add i64 %m0, %group
  %on = add i64 %n0, %t2
  %omn = mul i64 %om, %n
  %o = add i64 %omn, %on
  %p0 = getelementptr float, ptr addrspace(1) %d, i64 %o
  %v0 = insertelement <2 x float> poison, float %d0, i32 0
  %v1 = insertelement <2 x float> %v0, float %d1, i32 1
  store <2 x float> %v1, ptr addrspace(1) %p0, align 8
  %n8 = shl i64 %n, 3
  %p1 = getelementptr float, ptr addrspace(1) %p0, i64 %n8
  %w0 = insertelement <2 x float> poison, float %d2, i32 0
  %w1 = insertelement <2 x float> %w0, float %d3, i32 1
  store <2 x float> %w1, ptr addrspace(1) %p1, align 8
  ret void
}
declare i32 @llvm.nvvm.read.ptx.sreg.laneid()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.y()
declare void @llvm.nvvm.bar.warp.sync(i32)
declare void @llvm.nvvm.cp.async.wait.all()
declare void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3), ptr addrspace(1))
declare { i32, i32, i32, i32 } @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3))
declare { i32, i32 } @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.b16.p3(ptr addrspace(3))
declare { float, float, float, float } @llvm.nvvm.mma.m16n8k16.row.col.bf16(i32, i32, i32, i32, i32, i32, float, float, float, float)
)";

using Product = TestKernel;

TEST_F(Product, OfManyBlocksIsThatOfTheReference) {
  const unsigned m = 48, n = 24, k = 80;
  std::vector<uint16_t> a = randomMatrix(m * k, Format::BF16, 1);
  std::vector<uint16_t> b = randomMatrix(n * k, Format::BF16, 2);
  uint64_t pa = upload(a, "a"), pb = upload(b, "b");
  uint64_t pd = upload(std::vector<float>(m * n), "d");
  grid = {m / 16, n / 8};
  for (Copies when : {Copies::Eager, Copies::Lazy, Copies::Random}) {
    copies = when;
    ASSERT_EQ(run(mmaKernel, 32, {pa, pb, pd, k, n}), "");
    EXPECT_EQ(download<float>(pd, m * n), product(a, b, k, Format::BF16));
  }
  // Without the wait the tiles are not there yet.
  std::string text = mmaKernel;
  std::string wait = "call void @llvm.nvvm.cp.async.wait.all()\n";
  text.erase(text.find(wait), wait.size());
  EXPECT_NE(run(text, 32, {pa, pb, pd, k, n}).find("race: read"),
            std::string::npos);
}

struct WgmmaCase {
  unsigned columns;
  unsigned swizzle; // as in a descriptor: 0 none, 1, 2, 3: 128, 64, 32 bytes
  bool aInRegisters;
  Format format;
};

// PTX ISA, "Shared Memory Matrix Layout": where the 8 elements of 16 bytes of a
// row lie. With a swizzle, rows are of 128, 64 or 32 bytes, and the 16 bytes
// change places with the row; without, 8 rows of 16 bytes lie together.
unsigned placeOf(unsigned row, unsigned half, unsigned swizzle,
                 unsigned leading, unsigned stride) {
  unsigned group = row / 8, in = row % 8;
  switch (swizzle) {
  case 0:
    return group * stride + half * leading + in * 16;
  case 1:
    return group * stride + in * 128 + (half ^ in) * 16;
  case 2:
    return group * stride + in * 64 + (half ^ in / 2) * 16;
  default:
    return group * stride + in * 32 + (half ^ in / 4) * 16;
  }
}

class Wgmma : public TestKernel,
              public ::testing::WithParamInterface<WgmmaCase> {
protected:
  static constexpr unsigned tileBytes = 32768, leading = 128;
  unsigned stride() const {
    switch (GetParam().swizzle) {
    case 0:
      return 256;
    case 1:
      return 1024;
    case 2:
      return 512;
    default:
      return 256;
    }
  }
  void place(std::vector<uint16_t> &shared, unsigned at,
             const std::vector<uint16_t> &matrix) const {
    for (unsigned row = 0; row < matrix.size() / 16; ++row)
      for (unsigned k = 0; k < 16; ++k) {
        unsigned byte =
            placeOf(row, k / 8, GetParam().swizzle, leading, stride());
        shared[(at + byte) / 2 + k % 8] = matrix[row * 16 + k];
      }
  }
  uint64_t descriptor(unsigned at) const {
    return at >> 4 | uint64_t(leading >> 4) << 16 |
           uint64_t(stride() >> 4) << 32 | uint64_t(GetParam().swizzle) << 62;
  }
  std::string text() const;
};

std::string Wgmma::text() const {
  const WgmmaCase &test = GetParam();
  unsigned results = test.columns / 2;
  std::string d, types, outputs, ties, zeros, sources, arguments;
  auto n = [](unsigned i) { return std::to_string(i); };
  for (unsigned i = 0; i < results; ++i) {
    std::string comma = i ? ", " : "";
    d += comma + "$" + n(i);
    types += comma + "float";
    outputs += i ? ",=f" : "=f";
    ties += "," + n(i);
    zeros += comma + "float 1.0";
  }
  unsigned first = 2 * results;
  if (test.aInRegisters) {
    sources = "{$" + n(first) + ", $" + n(first + 1) + ", $" + n(first + 2) +
              ", $" + n(first + 3) + "}, $" + n(first + 4) + ", 1, 1, 1, 0;";
    arguments = ", i32 %a0, i32 %a1, i32 %a2, i32 %a3, i64 %b)";
    ties += ",r,r,r,r,l";
  } else {
    sources = "$" + n(first) + ", $" + n(first + 1) + ", 1, 1, 1, 0, 0;";
    arguments = ", i64 %a, i64 %b)";
    ties += ",l,l";
  }
  std::string format = test.format == Format::F16 ? "f16" : "bf16";
  std::string body =
      "@tiles = internal addrspace(3) global [16384 x i32] undef, align 1024\n"
      "define ptx_kernel void @test(ptr addrspace(1) %shared, ptr addrspace(1) "
      "%regs, ptr addrspace(1) %out, i64 %a, i64 %b) {\nentry:\n"
      "  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n  br label %copy\n"
      "copy:\n  %i = phi i32 [ %tid, %entry ], [ %next, %copy ]\n"
      "  %from = getelementptr i32, ptr addrspace(1) %shared, i32 %i\n"
      "  %word = load i32, ptr addrspace(1) %from, align 4\n"
      "  %to = getelementptr i32, ptr addrspace(3) @tiles, i32 %i\n"
      "  store i32 %word, ptr addrspace(3) %to, align 4\n"
      "  %next = add i32 %i, 128\n  %more = icmp ult i32 %next, 16384\n"
      "  br i1 %more, label %copy, label %ready\nready:\n"
      "  call void @llvm.nvvm.fence.proxy.async.shared_cta()\n"
      "  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)\n"
      "  %qa = getelementptr <4 x i32>, ptr addrspace(1) %regs, i32 %tid\n"
      "  %quad = load <4 x i32>, ptr addrspace(1) %qa, align 16\n";
  for (unsigned i = 0; i < 4; ++i)
    body +=
        "  %a" + n(i) + " = extractelement <4 x i32> %quad, i32 " + n(i) + "\n";
  std::string result = "{ " + types + " }";
  body += "  call void @llvm.nvvm.wgmma.fence.sync.aligned()\n  %d = call " +
          result + " asm sideeffect \"wgmma.mma_async.sync.aligned.m64n" +
          n(test.columns) + "k16.f32." + format + "." + format + " {" + d +
          "}, " + sources + "\", \"" + outputs + ties + "\"(" + zeros +
          arguments +
          "\n  call void @llvm.nvvm.wgmma.commit_group.sync.aligned()\n"
          "  call void @llvm.nvvm.wgmma.wait_group.sync.aligned(i64 0)\n"
          "  %at = mul i32 %tid, " +
          n(results) +
          "\n  %base = getelementptr float, ptr addrspace(1) %out, i32 %at\n";
  for (unsigned i = 0; i < results; ++i)
    body += "  %e" + n(i) + " = extractvalue " + result + " %d, " + n(i) +
            "\n  %p" + n(i) +
            " = getelementptr float, ptr addrspace(1) %base, i32 " + n(i) +
            "\n  store float %e" + n(i) + ", ptr addrspace(1) %p" + n(i) +
            ", align 4\n";
  return body + R"(  ret void
}
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare void @llvm.nvvm.fence.proxy.async.shared_cta()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare void @llvm.nvvm.wgmma.fence.sync.aligned()
declare void @llvm.nvvm.wgmma.commit_group.sync.aligned()
declare void @llvm.nvvm.wgmma.wait_group.sync.aligned(i64)
)";
}

TEST_P(Wgmma, IsThatOfTheReference) {
  const WgmmaCase &test = GetParam();
  std::vector<uint16_t> a = randomMatrix(64 * 16, test.format, 3);
  std::vector<uint16_t> b = randomMatrix(test.columns * 16, test.format, 4);
  std::vector<uint16_t> shared(32768);
  place(shared, 0, b);
  place(shared, tileBytes, a);
  // "Register Fragments" of A: warp w has rows 16 w to 16 w + 15; elements 0
  // and 1 of row lane / 4, 2 and 3 of that + 8, 4 to 7 the same of k + 8.
  std::vector<uint16_t> registers(128 * 8);
  for (unsigned tid = 0; tid < 128; ++tid)
    for (unsigned i = 0; i < 8; ++i) {
      unsigned lane = tid % 32;
      unsigned row = tid / 32 * 16 + lane / 4 + (i / 2 % 2 ? 8 : 0);
      unsigned k = lane % 4 * 2 + i % 2 + (i >= 4 ? 8 : 0);
      registers[tid * 8 + i] = a[row * 16 + k];
    }
  unsigned results = test.columns / 2;
  uint64_t out = upload(std::vector<float>(128 * results), "out");
  ASSERT_EQ(run(text(), 128,
                {upload(shared, "shared"), upload(registers, "registers"), out,
                 descriptor(tileBytes), descriptor(0)}),
            "");
  std::vector<float> seen = download<float>(out, 128 * results);
  std::vector<float> expected = product(a, b, 16, test.format);
  for (unsigned tid = 0; tid < 128; ++tid)
    for (unsigned i = 0; i < results; ++i) {
      // The accumulators: d0 and d1 of row lane / 4, d2 and d3 of that + 8,
      // the next four of the columns 8 further on.
      unsigned row = tid / 32 * 16 + tid % 32 / 4 + (i % 4 >= 2 ? 8 : 0);
      unsigned column = i / 4 * 8 + tid % 4 * 2 + i % 2;
      ASSERT_EQ(seen[tid * results + i],
                expected[row * test.columns + column] + 1)
          << "thread " << tid << ", element " << i;
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, Wgmma,
    ::testing::Values(WgmmaCase{8, 3, true, Format::BF16},
                      WgmmaCase{64, 1, true, Format::BF16},
                      WgmmaCase{128, 1, false, Format::BF16},
                      WgmmaCase{256, 1, true, Format::F16},
                      WgmmaCase{32, 2, false, Format::BF16},
                      WgmmaCase{16, 0, true, Format::F16},
                      WgmmaCase{24, 0, false, Format::BF16}));

} // namespace
