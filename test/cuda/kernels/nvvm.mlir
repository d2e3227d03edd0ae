// What MLIR makes of its nvvm dialect: a product of a warpgroup of which both
// operands lie in shared memory, of ones and the numbers of the columns.
// RUN: mlir-opt %s --convert-nvvm-to-llvm --reconcile-unrealized-casts \
// RUN:   | mlir-translate --mlir-to-llvmir > %t.ll
// RUN: fpmoe-emulate %t.ll --kernel=product --block=128 --schedules=4 \
// RUN:   --buffer=b:bf16[8]=1,2,3,4,5,6,7,8 --buffer=out:f32[512] --arg=b \
// RUN:   --arg=out --print=out | FileCheck %s
// Threads 0 to 3 have row 0, two columns each.
// CHECK: out: 16 32 16 32 48 64 48 64 80 96 80 96 112 128 112 128 16 32

module attributes {llvm.target_triple = "nvptx64-nvidia-cuda"} {
  llvm.mlir.global internal @a() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<1024 x bf16>
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<128 x bf16>

  llvm.func @product(%columns: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.maxntid = array<i32: 128>} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %ones = llvm.mlir.constant(dense<1.0> : vector<8xbf16>) : vector<8xbf16>
    %pa = llvm.getelementptr %a[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<8xbf16>
    llvm.store %ones, %pa {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr<3>
    // Core matrices of 8 rows of 16 bytes: row tid / 8 % 8.
    %eight = llvm.mlir.constant(8 : i32) : i32
    %row = llvm.udiv %tid, %eight : i32
    %column = llvm.urem %row, %eight : i32
    %pc = llvm.getelementptr %columns[%column] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, bf16
    %value = llvm.load %pc {alignment = 2 : i64} : !llvm.ptr<1> -> bf16
    %pb = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, bf16
    llvm.store %value, %pb {alignment = 2 : i64} : bf16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    nvvm.barrier
    // Leading 128 bytes, stride 256 bytes, no swizzle.
    %layout = llvm.mlir.constant(68720001024 : i64) : i64
    %mask = llvm.mlir.constant(262143 : i64) : i64
    %four = llvm.mlir.constant(4 : i64) : i64
    %ia = llvm.ptrtoint %a : !llvm.ptr<3> to i64
    %la = llvm.and %ia, %mask : i64
    %sa = llvm.lshr %la, %four : i64
    %da = llvm.or %sa, %layout : i64
    %ib = llvm.ptrtoint %b : !llvm.ptr<3> to i64
    %lb = llvm.and %ib, %mask : i64
    %sb = llvm.lshr %lb, %four : i64
    %db = llvm.or %sb, %layout : i64
    %zero = llvm.mlir.constant(0.0 : f32) : f32
    %z = llvm.mlir.undef : !llvm.struct<(f32, f32, f32, f32)>
    %z0 = llvm.insertvalue %zero, %z[0] : !llvm.struct<(f32, f32, f32, f32)>
    %z1 = llvm.insertvalue %zero, %z0[1] : !llvm.struct<(f32, f32, f32, f32)>
    %z2 = llvm.insertvalue %zero, %z1[2] : !llvm.struct<(f32, f32, f32, f32)>
    %z3 = llvm.insertvalue %zero, %z2[3] : !llvm.struct<(f32, f32, f32, f32)>
    nvvm.wgmma.fence.aligned
    %d = nvvm.wgmma.mma_async %da, %db, %z3,
      #nvvm.shape<m = 64, n = 8, k = 16>,
      D [<f32>, #nvvm.wgmma_scale_out<one>],
      A [<bf16>, #nvvm.wgmma_scale_in<one>, <row>],
      B [<bf16>, #nvvm.wgmma_scale_in<one>, <col>]
      : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.wgmma.wait.group.sync.aligned 0
    %po = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.struct<(f32, f32, f32, f32)>
    llvm.store %d, %po {alignment = 4 : i64} : !llvm.struct<(f32, f32, f32, f32)>, !llvm.ptr<1>
    llvm.return
  }
}
