// Runs the tests whose name holds one of the arguments, or all: kernel_tests [PART …]
#include <algorithm>
#include <chrono>
#include <cinttypes>

#include "kernel_test.h"

namespace kernel_test {

namespace {

struct Entry {
  std::string name;
  void (*body)();
};

std::vector<Entry>& tests() {
  static std::vector<Entry> all;
  return all;
}

std::vector<std::string> failures;  // of the running test

}  // namespace

Test::Test(const char* name, void (*body)()) { tests().push_back({name, body}); }

void failed(const std::string& message) { failures.push_back(message); }

std::vector<Memory*>& Memory::live() {
  static auto* const all = new std::vector<Memory*>();
  return *all;
}

Memory::Memory(size_t bytes) : bytes_(bytes) {
  void* block = nullptr;
  if (posix_memalign(&block, 256, bytes + 2 * FENCE_BYTES) != 0) {
    throw std::bad_alloc();
  }
  block_ = static_cast<unsigned char*>(block);
  std::memset(block_, 0xff, bytes + 2 * FENCE_BYTES);
  emu::poison(block_, FENCE_BYTES);
  emu::poison(data() + bytes, FENCE_BYTES);
  live().push_back(this);
}

Memory::~Memory() {
  live().erase(std::find(live().begin(), live().end(), this));
  emu::unpoison(block_, bytes_ + 2 * FENCE_BYTES);
  std::free(block_);
}

ptrdiff_t Memory::overrun(bool& intact) const {
  intact = true;
#ifndef GPT_EMULATOR_ASAN  // which reports such a write itself, and this read, too
  for (size_t i = 0; i < FENCE_BYTES; ++i) {
    if (block_[FENCE_BYTES - 1 - i] != 0xff) {
      intact = false;
      return -static_cast<ptrdiff_t>(i) - 1;
    }
    if (data()[bytes_ + i] != 0xff) {
      intact = false;
      return static_cast<ptrdiff_t>(bytes_ + i);
    }
  }
#endif
  return 0;
}

std::string run_kernel(const std::string& name, dim3 grid, dim3 block, size_t shared, void** arguments,
    const std::vector<size_t>& sizes) {
  const emu::Kernel* const kernel = emu::find_kernel(name);
  if (kernel == nullptr) {
    return "there is no kernel " + name;
  }
  if (sizes.size() != kernel->parameter_sizes.size()) {
    return name + " has " + std::to_string(kernel->parameter_sizes.size()) + " parameters, given " +
        std::to_string(sizes.size());
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] != kernel->parameter_sizes[i]) {
      return name + ": parameter " + std::to_string(i) + " has " + std::to_string(kernel->parameter_sizes[i]) +
          " bytes, given " + std::to_string(sizes[i]);
    }
  }
  emu::Launch launch{kernel, grid, block, shared, emu::MAX_SHARED, arguments};
  std::string report = emu::run(launch);
  for (const Memory* memory : Memory::live()) {
    bool intact = true;
    const ptrdiff_t at = memory->overrun(intact);
    if (!intact && report.empty()) {
      report = name + " wrote outside of an array " + memory->name + ", at byte " + std::to_string(at);
    }
  }
  return report;
}

bool close(double actual, double expected, double relative, double absolute) {
  if (std::isnan(actual) || std::isnan(expected)) {
    return std::isnan(actual) && std::isnan(expected);
  }
  if (std::isinf(actual) || std::isinf(expected)) {
    return actual == expected;
  }
  return std::fabs(actual - expected) <= absolute + relative * std::fabs(expected);
}

std::string mismatch(const std::string& what, size_t i, double actual, double expected) {
  char text[200];
  std::snprintf(text, sizeof text, "%s[%zu] is %.9g, expected %.9g\n", what.c_str(), i, actual, expected);
  return text;
}

/// Whether the test passed.
static bool run(const Entry& test) {
  failures.clear();
  const auto start = std::chrono::steady_clock::now();
  try {
    test.body();
  } catch (const std::exception& exception) {
    failures.emplace_back(exception.what());
  }
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  std::printf("%s %s (%.0f ms)\n", failures.empty() ? "ok    " : "FAILED", test.name.c_str(), time.count());
  for (const std::string& failure : failures) {
    std::printf("%s\n", failure.c_str());
  }
  std::fflush(stdout);
  return failures.empty();
}

}  // namespace kernel_test

int main(int count, char** arguments) {
  using namespace kernel_test;
  size_t ran = 0;
  size_t failed = 0;
  for (const Entry& test : tests()) {
    bool chosen = count == 1;
    for (int i = 1; i < count; ++i) {
      chosen = chosen || test.name.find(arguments[i]) != std::string::npos;
    }
    if (chosen) {
      ++ran;
      failed += run(test) ? 0 : 1;
    }
  }
  std::printf("%zu tests, %zu failed; order %s\n", ran, failed,
      emu::shuffle() == 0 ? "as numbered" : ("shuffled by " + std::to_string(emu::shuffle())).c_str());
  return ran == 0 || failed > 0 ? 1 : 0;
}
