// A worker runs blocks one after another: 1024 fibers, and the shared memory of the block at hand.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fiber.h"
#include "ptx_host.h"
#include "runtime.h"

namespace emu {

/// What the workers of one launch have in common.
struct Grid {
  explicit Grid(const Launch& launch) : launch(launch) {}

  const Launch& launch;
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::string report;  // the first misdeed
};

/// A block's shared memory: dynamic first, then each static array when a thread first reaches its declaration; a gap
/// after each. What nobody wrote is NaN; a gap that changed is reported, and is poisoned for AddressSanitizer.
class SharedArena {
 public:
  SharedArena();
  void begin_launch(const Launch& launch);
  void begin_block();
  /// A report of a gap that was written to, or an empty string.
  std::string end_block() const;
  void* declare(const void* tag, size_t bytes, const char* name, const char* file, int line);
  void* dynamic() const { return base_; }
  bool contains(const void* address, size_t bytes) const;

 private:
  struct Array {
    const void* tag;
    size_t offset;
    size_t bytes;
    const char* name;
    const char* file;
    int line;
  };
  void add(const Array& array);

  unsigned char* base_;
  size_t end_ = 0;  // of the last gap
  size_t static_bytes_ = 0;
  size_t limit_ = 0;
  std::vector<Array> arrays_;
};

/// The copies that a thread began with cp.async, oldest first, and where its committed groups end.
struct AsyncQueue {
  std::vector<AsyncCopy> copies;
  std::vector<size_t> groups;
  size_t done = 0;
  size_t done_groups = 0;
};

class Worker {
 public:
  Worker();
  void begin_launch(Grid& grid);
  /// Runs one block; false when it failed.
  bool run_block(uint3 block);

  // Called by device threads.
  void collective(unsigned mask, void* slot, void (*execute)(const Lanes&), Site site);
  int block_barrier(bool predicate, Site site);
  void warp_fence(bool before);
  [[noreturn]] void fail(Site site, const std::string& message);
  AsyncQueue& async_queue() { return async_[thread_]; }
  SharedArena& shared() { return shared_; }

 private:
  struct Pending {  // a collective that some lanes have reached
    Site site;
    void (*execute)(const Lanes&);
    unsigned arrived = 0;
    Lanes lanes;
  };
  struct Warp {
    unsigned live = 0;
    unsigned ready = 0;
    Pending pending[4];    // more than one when masks split the warp
    char sync[2];          // ThreadSanitizer's objects of __syncwarp, in turn
  };

  static void thread_main();
  void run_thread();
  void thread_ends();
  void release_barrier();
  void suspend();
  /// The next thread to run, or -1.
  int choose();
  std::string blocked() const;
  void report(const std::string& who, Site site, const std::string& message);
  uint64_t random();

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<uint3> indices_;  // threadIdx of each thread
  std::vector<Site> sites_;     // where each thread waits
  std::vector<AsyncQueue> async_;
  std::vector<unsigned char> fences_;  // warp fences of each thread, modulo 2
  std::vector<unsigned char> barriers_;
  SharedArena shared_;
  Warp warps_[32];

  Fiber* host_ = nullptr;
  Grid* grid_ = nullptr;
  int threads_ = 0;
  int warp_count_ = 0;
  int thread_ = 0;  // the running one
  int live_ = 0;
  bool failed_ = false;

  Site barrier_site_{};
  int barrier_waiting_ = 0;
  int barrier_count_ = 0;
  int barrier_result_ = 0;
  char barrier_sync_[2];  // in turn, so that nobody sees what others did after the same barrier
  char start_sync_;      // the host before the threads
  char end_sync_;        // the threads before the host; not before threads that start later

  uint64_t shuffle_ = 0;
  uint64_t random_ = 0;
};

/// The worker whose device thread is running here.
extern __thread Worker* current_worker __attribute__((tls_model("initial-exec")));

std::string describe(Site site);
std::string format(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace emu
