// Blocks over host threads, and the table of kernels.
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <thread>

#include "sanitizer.h"
#include "worker.h"

namespace emu {

namespace {

std::map<std::string, Kernel>& kernels() {
  static auto* const table = new std::map<std::string, Kernel>();
  return *table;
}

unsigned long long environment(const char* name, unsigned long long otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : std::strtoull(value, nullptr, 0);
}

std::atomic<unsigned long long>& shuffle_seed() {
  static std::atomic<unsigned long long> seed{environment("GPT_EMULATOR_SHUFFLE", 0)};
  return seed;
}

/// The i-th block in a seeded order: an affine map that is a permutation of 0 … count-1.
class BlockOrder {
 public:
  BlockOrder(uint64_t count, uint64_t seed) : count_(count) {
    if (seed != 0 && count > 1) {
      offset_ = seed % count;
      step_ = seed * 0x9e3779b9u % count;
      while (gcd(step_, count) != 1) {
        step_ = (step_ + 1) % count;
      }
    }
  }
  uint64_t at(uint64_t i) const {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(i) * step_ + offset_) % count_);
  }

 private:
  static uint64_t gcd(uint64_t a, uint64_t b) { return b == 0 ? a : gcd(b, a % b); }

  uint64_t count_;
  uint64_t offset_ = 0;
  uint64_t step_ = 1;
};

/// Worker 0 is whoever launches; the others are host threads that wait for a grid of more than one block. One grid at a
/// time. The pool lives as long as the process.
class Pool {
 public:
  static Pool& instance() {
    static auto* const pool = new Pool();
    return *pool;
  }

  std::string run(const Launch& launch) {
    const std::lock_guard<std::mutex> one_grid(launch_mutex_);
    Grid grid(launch);
    const uint64_t count = static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
    BlockOrder order(count, shuffle());
    next_ = 0;
    grid_ = &grid;
    order_ = &order;
    count_ = count;
    const bool shared = count > 1 && helpers_ > 0;
    if (shared) {
      release(&sync_);
      const std::lock_guard<std::mutex> lock(mutex_);
      ++generation_;
      working_ = helpers_;
      begin_.notify_all();
    }
    work(*first_);
    if (shared) {
      std::unique_lock<std::mutex> lock(mutex_);
      end_.wait(lock, [this] { return working_ == 0; });
      acquire(&sync_);
    }
    return grid.report;
  }

 private:
  Pool() : first_(new Worker()) {
    const unsigned cores = std::thread::hardware_concurrency();
    const unsigned long long wanted = environment("GPT_EMULATOR_THREADS", cores > 8 ? 8 : cores);
    for (unsigned long long i = 1; i < wanted; ++i) {
      std::thread([this] { serve(); }).detach();
      ++helpers_;
    }
  }

  void serve() {
    auto* const worker = new Worker();
    uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        begin_.wait(lock, [&] { return generation_ != seen; });
        seen = generation_;
      }
      acquire(&sync_);
      work(*worker);
      release(&sync_);
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--working_ == 0) {
        end_.notify_one();
      }
    }
  }

  void work(Worker& worker) {
    Grid& grid = *grid_;
    const dim3 size = grid.launch.grid;
    bool begun = false;
    for (uint64_t i = next_++; i < count_ && !grid.failed; i = next_++) {
      if (!begun) {
        worker.begin_launch(grid);
        begun = true;
      }
      const uint64_t block = order_->at(i);
      worker.run_block({static_cast<unsigned>(block % size.x), static_cast<unsigned>(block / size.x % size.y),
          static_cast<unsigned>(block / size.x / size.y)});
    }
  }

  std::mutex launch_mutex_;
  Worker* const first_;
  unsigned helpers_ = 0;

  std::mutex mutex_;
  std::condition_variable begin_;
  std::condition_variable end_;
  uint64_t generation_ = 0;
  unsigned working_ = 0;
  char sync_;

  std::atomic<uint64_t> next_{0};
  Grid* grid_ = nullptr;
  const BlockOrder* order_ = nullptr;
  uint64_t count_ = 0;
};

}  // namespace

void Export::add(const char* name, void (*function)(), void (*call)(void (*)(), void* const*), const size_t* sizes,
    int count, int max_threads) {
  kernels()[name] = Kernel{name, function, call, std::vector<size_t>(sizes, sizes + count), max_threads};
}

const Kernel* find_kernel(const std::string& name) {
  const auto found = kernels().find(name);
  return found == kernels().end() ? nullptr : &found->second;
}

std::vector<const Kernel*> all_kernels() {
  std::vector<const Kernel*> all;
  for (const auto& [name, kernel] : kernels()) {
    all.push_back(&kernel);
  }
  return all;
}

void set_shuffle(unsigned long long seed) { shuffle_seed() = seed; }
unsigned long long shuffle() { return shuffle_seed(); }

std::string refuse(const Launch& launch) {
  const dim3 grid = launch.grid;
  const dim3 block = launch.block;
  const uint64_t threads = static_cast<uint64_t>(block.x) * block.y * block.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > MAX_GRID_YZ || grid.z > MAX_GRID_YZ) {
    return format("a grid of (%u, %u, %u) blocks", grid.x, grid.y, grid.z);
  }
  if (threads == 0 || threads > MAX_THREADS || block.z > 64) {
    return format("a block of (%u, %u, %u) threads", block.x, block.y, block.z);
  }
  if (threads > static_cast<uint64_t>(launch.kernel->max_threads)) {
    return format("%llu threads a block; the kernel's launch bound is %d", static_cast<unsigned long long>(threads),
        launch.kernel->max_threads);
  }
  if (launch.dynamic_shared > launch.shared_limit || launch.shared_limit > MAX_SHARED) {
    return format("%zu bytes of dynamic shared memory; the function's limit is %zu", launch.dynamic_shared,
        launch.shared_limit);
  }
  return "";
}

std::string run(const Launch& launch) {
  const std::string refusal = refuse(launch);
  return refusal.empty() ? Pool::instance().run(launch) : "kernel " + launch.kernel->name + ": refused: " + refusal;
}

}  // namespace emu
