// What the files of the emulated driver share. Everything is asynchronous for real: a stream is a queue and a thread that works
// it off later than the call, so that a missing synchronisation shows.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime.h"

/// Marks what the library exports.
#define EXPORTED extern "C" __attribute__((visibility("default")))

using CUresult = int;

// The results that the emulator gives, with the driver API's numbers. X(NAME, number, description)
#define GPT_EMULATOR_RESULTS(X)                                                                          \
  X(CUDA_SUCCESS, 0, "no error")                                                                         \
  X(CUDA_ERROR_INVALID_VALUE, 1, "invalid argument")                                                     \
  X(CUDA_ERROR_OUT_OF_MEMORY, 2, "out of memory")                                                        \
  X(CUDA_ERROR_NOT_INITIALIZED, 3, "initialization error")                                               \
  X(CUDA_ERROR_INVALID_DEVICE, 101, "invalid device ordinal")                                            \
  X(CUDA_ERROR_INVALID_CONTEXT, 201, "invalid device context")                                           \
  X(CUDA_ERROR_NO_BINARY_FOR_GPU, 209, "no kernel image is available for execution on the device")       \
  X(CUDA_ERROR_INVALID_PTX, 218, "a PTX JIT compilation failed")                                         \
  X(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222, "the provided PTX was compiled with an unsupported toolchain") \
  X(CUDA_ERROR_INVALID_HANDLE, 400, "invalid resource handle")                                           \
  X(CUDA_ERROR_ILLEGAL_STATE, 401, "the operation cannot be performed in the present state")             \
  X(CUDA_ERROR_NOT_FOUND, 500, "named symbol not found")                                                 \
  X(CUDA_ERROR_NOT_READY, 600, "device not ready")                                                       \
  X(CUDA_ERROR_ILLEGAL_ADDRESS, 700, "an illegal memory access was encountered")                         \
  X(CUDA_ERROR_LAUNCH_FAILED, 719, "unspecified launch failure")                                         \
  X(CUDA_ERROR_NOT_SUPPORTED, 801, "operation not supported")                                            \
  X(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, 900, "operation not permitted when stream is capturing")      \
  X(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, 901, "operation failed due to a previous error during capture") \
  X(CUDA_ERROR_STREAM_CAPTURE_MERGE, 902, "operation would result in a merge of separate capture sequences") \
  X(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, 903, "capture was not ended in the same stream as it began")    \
  X(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, 904, "capturing stream has unjoined work")                       \
  X(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, 905, "dependency created on uncaptured work in another stream")  \
  X(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, 908, "attempt to terminate a capture from another thread")   \
  X(CUDA_ERROR_CAPTURED_EVENT, 907, "operation not permitted on an event last recorded in a capturing stream")

#define GPT_EMULATOR_CODE(name, number, description) name = number,
enum Result : CUresult { GPT_EMULATOR_RESULTS(GPT_EMULATOR_CODE) };
#undef GPT_EMULATOR_CODE

namespace emu {

// --- The device and its context (context.cpp) ----------------------------------------------------------------------

/// Compute capability times 10: 90, or GPT_EMULATOR_SM.
int compute_capability();
/// Dynamic shared memory that a block may ask for.
size_t max_shared();
size_t total_memory();

/// Why a call cannot go ahead on this thread (no cuInit, no context, an earlier failure), or CUDA_SUCCESS.
CUresult ready();

/// What a device thread did wrong: from here on every call fails with it, as on a device, until the context is released.
void device_failed(CUresult result, const std::string& report);
CUresult device_failure();
std::string device_report();

// --- Handles -------------------------------------------------------------------------------------------------------

/// Objects that are known to the caller by their address; a stale or foreign handle is not found.
template <typename T>
class Handles {
 public:
  T* add(std::shared_ptr<T> object) {
    const std::lock_guard<std::mutex> lock(mutex_);
    T* const handle = object.get();
    objects_.insert(std::move(object));
    return handle;
  }
  std::shared_ptr<T> find(const void* handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& object : objects_) {
      if (object.get() == handle) {
        return object;
      }
    }
    return nullptr;
  }
  std::shared_ptr<T> remove(const void* handle) {
    const std::shared_ptr<T> object = find(handle);
    const std::lock_guard<std::mutex> lock(mutex_);
    objects_.erase(object);
    return object;
  }
  std::vector<std::shared_ptr<T>> all() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {objects_.begin(), objects_.end()};
  }

 private:
  std::mutex mutex_;
  std::set<std::shared_ptr<T>> objects_;
};

// --- Memory (memory.cpp) -------------------------------------------------------------------------------------------

/// Whether the bytes lie in one device allocation.
bool on_device(const void* address, size_t bytes);
/// Whether the byte is in device memory that was given back and is not in use again.
bool was_freed(const void* address);
/// Whether the bytes lie in one page-locked host allocation.
bool pinned(const void* address, size_t bytes);
/// A report of device memory that was written next to an allocation, or an empty string; repaired, to be reported once.
std::string overrun();

// --- Streams, events, captures (stream.cpp) ------------------------------------------------------------------------

/// Work on a stream, run on the stream's thread.
using Operation = std::function<void()>;

/// A capture under way, and then its result: operations in the order of the calls, which respects every dependency.
struct Graph {
  std::vector<Operation> nodes;
  const void* origin = nullptr;     // the stream that began it
  std::set<const void*> unjoined;   // other streams that took part and that the origin has not waited for since
  bool invalid = false;
  int mode = 0;
  std::thread::id thread;
};

class Stream {
 public:
  explicit Stream(bool blocking);
  /// Works off what is queued, then ends.
  ~Stream();
  void enqueue(Operation operation);
  void synchronize();
  bool idle();
  /// In lazy mode (GPT_EMULATOR_LAZY=1) nothing runs before someone waits or asks; this lets what is queued by now run.
  void demand();

  const bool blocking;             // waits for, and is waited for by, the null stream
  std::shared_ptr<Graph> capture;  // guarded by capture_mutex()

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Operation> queue_;
  uint64_t enqueued_ = 0;
  uint64_t allowed_ = 0;
  uint64_t done_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

/// A stream by its handle: null (the legacy default stream) is an own one, which first waits for all blocking streams. The
/// per-thread default stream is not supported. A null pointer for a bad handle.
std::shared_ptr<Stream> find_stream(const void* handle);
/// Puts the operation on the stream, or into the graph that the stream is captured in.
CUresult submit(const std::shared_ptr<Stream>& stream, Operation operation);
void demand_all();
void synchronize_all();
/// For calls that must not be made while a stream is captured: invalidates such captures and gives 900, or CUDA_SUCCESS.
CUresult not_capturing();

}  // namespace emu
