//===- Service.cpp - a thread that runs the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Service.h"

#include <cstring>

using namespace fpmoe;

Status Service::start(std::function<void()> job) {
  between = std::move(job);
  lastCounts = scheduler->counts();
  auto run = [](void *service) -> void * {
    static_cast<Service *>(service)->work();
    return nullptr;
  };
  if (int error = pthread_create(&thread, nullptr, run, this))
    return Status::error(format("cannot start a thread: %s", strerror(error)));
  isRunning = true;
  return Status::success();
}

void Service::stop() {
  if (!isRunning)
    return;
  {
    std::lock_guard<std::mutex> lock(mutex);
    isEnding = true;
  }
  arrived.notify_one();
  pthread_join(thread, nullptr);
  isRunning = false;
}

void Service::post(std::function<void(Scheduler &)> job) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    box.push_back(std::move(job));
  }
  arrived.notify_one();
}

SchedulerCounts Service::counts() {
  std::lock_guard<std::mutex> lock(mutex);
  return lastCounts;
}

void Service::renewCounts() {
  std::lock_guard<std::mutex> lock(mutex);
  lastCounts = scheduler->counts();
}

Status Service::status() {
  std::lock_guard<std::mutex> lock(mutex);
  return broken;
}

void Service::work() {
  bool isIdle = true;
  while (true) {
    std::vector<std::function<void(Scheduler &)>> jobs;
    {
      std::unique_lock<std::mutex> lock(mutex);
      lastCounts = scheduler->counts();
      if (isIdle)
        arrived.wait(lock, [&] { return isEnding || !box.empty(); });
      if (isEnding)
        return;
      jobs.swap(box);
    }
    for (auto &job : jobs)
      job(*scheduler);
    if (!jobs.empty()) // what they ended is over before the next step is
      renewCounts();
    isIdle = !scheduler->step();
    if (scheduler->status().failed()) {
      std::lock_guard<std::mutex> lock(mutex);
      broken = scheduler->status();
    }
    if (between)
      between();
  }
}
