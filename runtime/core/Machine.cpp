//===- Machine.cpp - what the machine offers ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the affinity mask, /proc and the control group's files, version 2 and
// version 1. A file that is missing sets no limit.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Machine.h"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <sys/auxv.h>
#include <unistd.h>

using namespace fpmoe;

int64_t fpmoe::cacheBytesOfCpu() {
  // Virtual machines may show the third level of the whole processor.
  constexpr long most = 8 << 20;
  long second = sysconf(_SC_LEVEL2_CACHE_SIZE);
  long third = sysconf(_SC_LEVEL3_CACHE_SIZE) / usableCpus();
  return (second > 0 ? second : 512 << 10) + std::clamp(third, 0L, most);
}

int64_t fpmoe::nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t(1000000000) + now.tv_nsec;
}

std::string fpmoe::readSmallFile(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return "";
  std::string text(16384, '\0');
  size_t used = 0;
  ssize_t got;
  while (used < text.size() &&
         (got = read(file, &text[used], text.size() - used)) > 0)
    used += got;
  close(file);
  text.resize(used);
  return text;
}

/// Returns the folder of this process's control group of version 2, "" when
/// it has none.
static std::string controlGroup() {
  std::string text = readSmallFile("/proc/self/cgroup");
  size_t at = text.rfind("0::/", 0) == 0 ? 0 : text.find("\n0::/");
  if (at == std::string::npos)
    return "";
  at = text.find("::", at) + 2;
  return "/sys/fs/cgroup" + text.substr(at, text.find('\n', at) - at);
}

/// Calls visit with the folder of the control group and of all its parents,
/// each of which may set a limit.
template <typename Visit> static void forEachControlGroup(Visit visit) {
  std::string folder = controlGroup();
  while (folder.size() >= strlen("/sys/fs/cgroup")) {
    visit(folder);
    folder.resize(folder.rfind('/'));
  }
}

static int32_t affinityCpus() {
  for (size_t cpus = 1024; cpus <= 1024 * 1024; cpus *= 4) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set)
      break;
    size_t bytes = CPU_ALLOC_SIZE(cpus);
    bool known = sched_getaffinity(0, bytes, set) == 0;
    int32_t count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known)
      return std::max(count, 1);
  }
  return std::max<int32_t>(sysconf(_SC_NPROCESSORS_ONLN), 1);
}

int32_t fpmoe::usableCpus() {
  int64_t cpus = affinityCpus();
  auto limit = [&](long long quota, long long period) {
    if (quota > 0 && period > 0)
      cpus = std::min<int64_t>(cpus, (quota + period - 1) / period);
  };
  forEachControlGroup([&](const std::string &folder) {
    long long quota = 0, period = 0;
    std::string text = readSmallFile((folder + "/cpu.max").c_str());
    if (sscanf(text.c_str(), "%lld %lld", &quota, &period) == 2)
      limit(quota, period);
  });
  limit(atoll(readSmallFile("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").c_str()),
        atoll(readSmallFile("/sys/fs/cgroup/cpu/cpu.cfs_period_us").c_str()));
  return static_cast<int32_t>(std::max<int64_t>(cpus, 1));
}

int64_t fpmoe::installedMemory() {
  return int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

int64_t fpmoe::availableMemory() {
  int64_t available = 0;
  std::string text = readSmallFile("/proc/meminfo");
  size_t at = text.find("MemAvailable:");
  if (at != std::string::npos)
    available = atoll(text.c_str() + at + strlen("MemAvailable:")) * 1024;
  forEachControlGroup([&](const std::string &folder) {
    std::string most = readSmallFile((folder + "/memory.max").c_str());
    std::string now = readSmallFile((folder + "/memory.current").c_str());
    if (!most.empty() && most[0] != 'm' && !now.empty())
      available = std::min<int64_t>(
          available, std::max(0ll, atoll(most.c_str()) - atoll(now.c_str())));
  });
  return available;
}

bool fpmoe::hasLoader() {
  auto headers = reinterpret_cast<const ElfW(Phdr) *>(getauxval(AT_PHDR));
  return std::any_of(
      headers, headers + getauxval(AT_PHNUM),
      [](const ElfW(Phdr) & header) { return header.p_type == PT_INTERP; });
}

std::string fpmoe::cpuName() {
  std::string text = readSmallFile("/proc/cpuinfo");
  size_t at = text.find("model name");
  if (at == std::string::npos ||
      (at = text.find(": ", at)) == std::string::npos)
    return "";
  return text.substr(at + 2, text.find('\n', at) - at - 2);
}
