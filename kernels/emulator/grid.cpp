// Blocks over host threads, and the table of kernels.
#include <cstdlib>
#include <map>
#include <memory>

#include "pool.h"
#include "worker.h"

namespace emu {

namespace {

std::map<std::string, Kernel>& kernels() {
  static auto* const table = new std::map<std::string, Kernel>();
  return *table;
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

/// The worker of a participant, made when it first runs a block.
Worker& worker_of(unsigned participant) {
  static auto* const workers = new std::vector<std::unique_ptr<Worker>>(participants());
  std::unique_ptr<Worker>& worker = (*workers)[participant];
  if (worker == nullptr) {
    worker = std::make_unique<Worker>();
  }
  return *worker;
}

}  // namespace

unsigned long long environment(const char* name, unsigned long long otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : std::strtoull(value, nullptr, 0);
}

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
  if (!refusal.empty()) {
    return "kernel " + launch.kernel->name + ": refused: " + refusal;
  }
  Grid grid(launch);
  const dim3 size = launch.grid;
  const uint64_t count = static_cast<uint64_t>(size.x) * size.y * size.z;
  const BlockOrder order(count, shuffle());
  std::vector<char> begun(participants());
  parallel(count, [&](uint64_t i, unsigned participant) {
    Worker& worker = worker_of(participant);
    if (!begun[participant]) {
      worker.begin_launch(grid);
      begun[participant] = 1;
    }
    const uint64_t block = order.at(i);
    return worker.run_block({static_cast<unsigned>(block % size.x), static_cast<unsigned>(block / size.x % size.y),
        static_cast<unsigned>(block / size.x / size.y)});
  });
  return grid.report;
}

}  // namespace emu
