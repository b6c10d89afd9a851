// NVTX: ranges of a thread, which nest. Nothing listens; a test reads what was pushed and popped.
#include <cstring>
#include <mutex>
#include <string>

#include "driver.h"

namespace {

constexpr int NVTX_NO_PUSH_POP_TRACKING = -2;

std::mutex mutex;
std::string pushed_and_popped;
thread_local int depth = 0;

void note(const std::string& what) {
  const std::lock_guard<std::mutex> lock(mutex);
  pushed_and_popped += what;
}

}  // namespace

/// Returns the level of the new range, 0 for the outermost.
EXPORTED int nvtxRangePushA(const char* message) {
  note(std::string("<") + message);
  return depth++;
}

/// Returns the level of the range that ends.
EXPORTED int nvtxRangePop() {
  note(">");
  return depth == 0 ? NVTX_NO_PUSH_POP_TRACKING : --depth;
}

/// Copies what all threads did since the last call, "<name" for a push and ">" for a pop, and forgets it; returns its length.
EXPORTED size_t nvtxEmulatorLog(char* out, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  const size_t length = pushed_and_popped.size();
  if (length < bytes) {
    std::memcpy(out, pushed_and_popped.c_str(), length + 1);
  }
  pushed_and_popped.clear();
  return length;
}
