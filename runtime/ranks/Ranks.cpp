//===- Ranks.cpp - the processes that run a model together ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library stays open until the process ends.
//
//===----------------------------------------------------------------------===//

#include "runtime/ranks/Ranks.h"
#include "runtime/core/Machine.h"
#include "runtime/core/Weights.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <unistd.h>

using namespace fpmoe;

// Null in a program that was linked with --static, which it does not make
// larger.
extern "C" __attribute__((weak)) decltype(dlopen) dlopen;
extern "C" __attribute__((weak)) decltype(dlsym) dlsym;
extern "C" __attribute__((weak)) decltype(dlerror) dlerror;

Launch fpmoe::findLaunch() {
  static constexpr struct {
    const char *rank, *localRank, *library;
  } known[] = {
      // mpirun of Open MPI
      {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK",
       "libfpmoe-openmpi.so"},
      // that of MPICH, and of others with its binary interface
      {"PMI_RANK", "MPI_LOCALRANKID", "libfpmoe-mpich.so"},
      // srun --mpi=pmi2, which sets the one above, too, and --mpi=pmix
      {"PMI_RANK", "SLURM_LOCALID", "libfpmoe-mpich.so"},
      {"PMIX_RANK", "SLURM_LOCALID", "libfpmoe-openmpi.so"},
  };
  Launch launch;
  for (const auto &each : known) {
    const char *rank = getenv(each.rank);
    const char *localRank = getenv(each.localRank);
    if (rank && launch.rank < 0)
      launch = {each.library, atoll(rank), -1};
    if (rank && localRank && launch.localRank < 0)
      launch.localRank = atoll(localRank);
  }
  return launch;
}

static Status openLibrary(const std::string &file, const FpmoeMpi *&mpi) {
  if (!dlopen || !hasLoader())
    return Status::error("--mpi: a program that was linked with --static "
                         "cannot open a library; compile it without");
  // Parts of MPI that it opens itself look for its symbols everywhere.
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library)
    return Status::error(format(
        "--mpi: cannot open the library for MPI: %s; copy it there from where "
        "fpmoe-compile has it, or make it with the mpicc of your MPI "
        "(docs/machines.md) and name it with --mpi=FILE",
        dlerror()));
  auto table = reinterpret_cast<decltype(&fpmoe_mpi)>(
      dlsym(library, FPMOE_MPI_FUNCTION));
  if (!table)
    return Status::error(format("--mpi: %s is no library of fpmoe's: it has "
                                "no " FPMOE_MPI_FUNCTION,
                                file.c_str()));
  mpi = table(FPMOE_MPI_VERSION);
  return mpi ? Status::success()
             : Status::error(format("--mpi: %s is of another version of fpmoe "
                                    "than this program; make it again",
                                    file.c_str()));
}

static std::unique_ptr<Ranks> ofProcess;

Ranks *Ranks::joined() { return ofProcess.get(); }

Status Ranks::join(const std::string &given, double timeout) {
  std::string file = given;
  if (file.empty()) {
    Launch launch = findLaunch();
    if (!launch.library)
      return Status::error("--mpi: nothing tells which MPI started this "
                           "process: start it with mpirun or srun, and if it "
                           "was, name the library with --mpi=FILE");
    // Beside the program; where it is not, where the system looks.
    file = programFolder() + launch.library;
    if (access(file.c_str(), F_OK))
      file = launch.library;
  }
  const FpmoeMpi *mpi = nullptr;
  Status status = openLibrary(file, mpi);
  if (!status.failed() && mpi->start(timeout))
    status = Status::error(std::string("--mpi: ") + mpi->error());
  if (!status.failed())
    ofProcess = std::make_unique<Ranks>(*mpi);
  return status;
}

std::string Ranks::nameOf(int32_t rank) const {
  return format("rank %d on %s", rank, mpi.host(rank));
}

void Ranks::end(const std::string &error) {
  if (!error.empty()) {
    fprintf(stderr, "error: %s\n", error.c_str());
    usleep(300000); // for mpirun, which passes it on, and not when it ends all
  }
  mpi.abort(EXIT_FAILURE);
  _exit(EXIT_FAILURE);
}

void Ranks::check(int result) {
  if (result)
    end(mpi.error());
}

void Ranks::send(const std::vector<uint8_t> &message) {
  check(mpi.send(message.data(), message.size()));
}

std::vector<uint8_t> Ranks::receive() {
  int64_t bytes = mpi.wait();
  check(bytes < 0);
  std::vector<uint8_t> message(bytes);
  check(mpi.receive(message.data(), bytes));
  return message;
}

void Ranks::collect(const void *own, int64_t bytes, void *all) {
  check(mpi.collect(own, bytes, all));
}

void Ranks::share(void *data, int64_t bytes) {
  if (rank() == 0) {
    check(mpi.send(data, bytes));
    return;
  }
  std::vector<uint8_t> message = receive();
  if (int64_t(message.size()) != bytes)
    end(format("%s got %zu bytes from rank 0 instead of %lld",
               nameOf(rank()).c_str(), message.size(),
               static_cast<long long>(bytes)));
  std::memcpy(data, message.data(), bytes);
}

Status Ranks::agree(const Status &own) {
  struct Record {
    int32_t failed;
    char text[508];
  } record = {own.failed(), ""};
  snprintf(record.text, sizeof(record.text), "%s", own.message().c_str());
  std::vector<Record> all = collect(record);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].text[sizeof(record.text) - 1] = 0;
    if (all[i].failed)
      return Status::error(i == 0 ? own.message()
                                  : nameOf(i) + ": " + all[i].text);
  }
  return own;
}

void Ranks::reduce(float *numbers, int64_t number) {
  check(mpi.reduce(numbers, number));
}

void Ranks::gather(const float *part, int64_t rows, int64_t partColumns,
                   float *all, int64_t columns) {
  check(mpi.gather(part, rows, partColumns, all, columns));
}

void Ranks::leave(int code) { check(mpi.finish(code)); }
