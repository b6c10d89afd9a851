// A block's threads in turn: each runs until it waits, and the last to arrive lets the others go on.
#include "worker.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "sanitizer.h"

__thread uint3 threadIdx;
__thread uint3 blockIdx;
__thread dim3 blockDim;
__thread dim3 gridDim;

namespace emu {

__thread Worker* current_worker;

std::string format(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

std::string describe(Site site) {
  const char* name = site.file;
  for (const char* c = site.file; *c != '\0'; ++c) {
    name = *c == '/' ? c + 1 : name;
  }
  return format("%s at %s:%d", site.operation, name, site.line);
}

static bool same(Site a, Site b) {
  return a.line == b.line && (a.operation == b.operation || std::strcmp(a.operation, b.operation) == 0) &&
         (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

Worker::Worker() {
  indices_.resize(MAX_THREADS);
  sites_.resize(MAX_THREADS);
  async_.resize(MAX_THREADS);
  fences_.resize(MAX_THREADS);
  barriers_.resize(MAX_THREADS);
}

void Worker::begin_launch(Grid& grid) {
  grid_ = &grid;
  const Launch& launch = grid.launch;
  threads_ = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
  warp_count_ = (threads_ + 31) / 32;
  blockDim = launch.block;
  gridDim = launch.grid;
  shuffle_ = shuffle();
  while (fibers_.size() < static_cast<size_t>(threads_)) {
    fibers_.push_back(std::make_unique<Fiber>(&Worker::thread_main));
  }
  for (int i = 0; i < threads_; ++i) {
    const unsigned n = static_cast<unsigned>(i);
    indices_[i] = {n % launch.block.x, n / launch.block.x % launch.block.y, n / launch.block.x / launch.block.y};
  }
  shared_.begin_launch(launch);
}

bool Worker::run_block(uint3 block) {
  Fiber host;
  host_ = &host;
  current_worker = this;
  blockIdx = block;
  failed_ = false;
  live_ = threads_;
  barrier_waiting_ = 0;
  barrier_count_ = 0;
  random_ = shuffle_ + block.x + 0x9e3779b97f4a7c15ull * (block.y + 1 + (static_cast<uint64_t>(block.z) << 32));
  for (int w = 0; w < warp_count_; ++w) {
    Warp& warp = warps_[w];
    const int lanes = threads_ - 32 * w;
    warp.live = lanes >= 32 ? 0xffffffffu : (1u << lanes) - 1;
    warp.ready = warp.live;
    for (Pending& pending : warp.pending) {
      pending.arrived = 0;
    }
  }
  for (int i = 0; i < threads_; ++i) {
    async_[i].copies.clear();
    async_[i].groups.clear();
    async_[i].done = 0;
    async_[i].done_groups = 0;
    barriers_[i] = 0;  // so that all agree on the object, also with threads that the last block did not have
  }
  shared_.begin_block();
  release(&start_sync_);

  thread_ = 0;
  while (live_ > 0 && !failed_) {
    const int next = choose();
    if (next < 0) {
      report("", {"launch", "", 0}, "threads wait for each other in different places: " + blocked());
      failed_ = true;
      break;
    }
    thread_ = next;
    threadIdx = indices_[next];
    host.switch_to(*fibers_[next]);
  }
  acquire(&end_sync_);
  if (failed_) {
    for (int i = 0; i < threads_; ++i) {
      fibers_[i]->restart();
    }
  } else {
    const std::string overrun = shared_.end_block();
    if (!overrun.empty()) {
      report("", {"shared memory", "", 0}, overrun);
      failed_ = true;
    }
  }
  current_worker = nullptr;
  return !failed_;
}

/// A fiber's life: one thread of each block.
void Worker::thread_main() {
  for (;;) {
    current_worker->run_thread();
  }
}

void Worker::run_thread() {
  acquire(&start_sync_);
  const Kernel& kernel = *grid_->launch.kernel;
  kernel.call(kernel.function, grid_->launch.arguments);
  release(&end_sync_);
  thread_ends();
}

void Worker::thread_ends() {
  const int lane = thread_ % 32;
  Warp& warp = warps_[thread_ / 32];
  warp.live &= ~(1u << lane);
  warp.ready &= ~(1u << lane);
  for (const Pending& pending : warp.pending) {
    if (pending.arrived != 0 && (pending.lanes.mask >> lane & 1)) {
      fail(pending.site, format("this thread returned, but lanes 0x%08x of its warp wait for it", pending.arrived));
    }
  }
  --live_;
  if (barrier_waiting_ > 0 && barrier_waiting_ == live_) {
    release_barrier();
  }
  suspend();
}

// --- Scheduling ----------------------------------------------------------------------------------------------------

uint64_t Worker::random() {
  // splitmix64
  uint64_t z = random_ += 0x9e3779b97f4a7c15ull;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return z ^ z >> 31;
}

int Worker::choose() {
  int warp = thread_ / 32;
  if (shuffle_ == 0) {
    // The same warp as long as one of its lanes can run: its data is in the cache.
    for (int i = 0; i < warp_count_; ++i) {
      if (warps_[warp].ready != 0) {
        return 32 * warp + __builtin_ctz(warps_[warp].ready);
      }
      warp = warp + 1 == warp_count_ ? 0 : warp + 1;
    }
    return -1;
  }
  const uint64_t bits = random();
  warp = static_cast<int>((bits >> 8) % static_cast<unsigned>(warp_count_));
  for (int i = 0; i < warp_count_; ++i) {
    const unsigned ready = warps_[warp].ready;
    if (ready != 0) {
      const unsigned turn = bits & 31;
      const unsigned turned = turn == 0 ? ready : ready >> turn | ready << (32 - turn);
      return 32 * warp + ((__builtin_ctz(turned) + static_cast<int>(turn)) & 31);
    }
    warp = warp + 1 == warp_count_ ? 0 : warp + 1;
  }
  return -1;
}

/// Leaves the running thread, which waits or has ended, for another; returns when it is its turn again.
void Worker::suspend() {
  const int self = thread_;
  const int next = choose();
  if (next < 0) {
    fibers_[self]->switch_to(*host_);  // the block has ended, or nobody can run: the host sees which
  } else if (next != self) {
    thread_ = next;
    threadIdx = indices_[next];
    fibers_[self]->switch_to(*fibers_[next]);
  }
}

// --- Waiting for others --------------------------------------------------------------------------------------------

void Worker::collective(unsigned mask, void* slot, void (*execute)(const Lanes&), Site site) {
  const int lane = thread_ % 32;
  const unsigned bit = 1u << lane;
  Warp& warp = warps_[thread_ / 32];
  if ((mask & bit) == 0) {
    fail(site, format("this thread's lane %d is not in the mask 0x%08x", lane, mask));
  }
  if ((mask & ~warp.live) != 0) {
    fail(site, format("lanes 0x%08x of the mask 0x%08x are not there (returned, or beyond the block)",
        mask & ~warp.live, mask));
  }
  Pending* mine = nullptr;
  for (Pending& pending : warp.pending) {
    if (pending.arrived == 0) {
      mine = mine == nullptr ? &pending : mine;
    } else if (pending.lanes.mask == mask) {
      if (!same(pending.site, site) || pending.execute != execute) {
        fail(site, format("diverged: lanes 0x%08x of the same mask 0x%08x wait in ", pending.arrived, mask) +
            describe(pending.site));
      }
      mine = &pending;
      break;
    }
  }
  if (mine == nullptr) {
    fail(site, "the emulator follows at most 4 groups of lanes in a warp");
  }
  if (mine->arrived == 0) {
    mine->site = site;
    mine->execute = execute;
    mine->lanes.mask = mask;
  }
  mine->arrived |= bit;
  mine->lanes.slot[lane] = slot;
  if (mine->arrived == mask) {
    execute(mine->lanes);
    mine->arrived = 0;
    warp.ready |= mask;
    if (shuffle_ != 0) {
      suspend();
    }
  } else {
    sites_[thread_] = site;
    warp.ready &= ~bit;
    suspend();
  }
}

int Worker::block_barrier(bool predicate, Site site) {
  if (barrier_waiting_ == 0) {
    barrier_site_ = site;
  } else if (!same(barrier_site_, site)) {
    fail(site, format("diverged: %d threads of the block wait in ", barrier_waiting_) + describe(barrier_site_));
  }
  char* const object = &barrier_sync_[barriers_[thread_] ^= 1];
  release(object);
  barrier_count_ += predicate;
  sites_[thread_] = site;
  warps_[thread_ / 32].ready &= ~(1u << thread_ % 32);
  if (++barrier_waiting_ == live_) {
    release_barrier();
  }
  if (shuffle_ != 0 || !(warps_[thread_ / 32].ready >> thread_ % 32 & 1)) {
    suspend();
  }
  acquire(object);
  return barrier_result_;
}

void Worker::release_barrier() {
  barrier_result_ = barrier_count_;
  barrier_count_ = 0;
  barrier_waiting_ = 0;
  for (int w = 0; w < warp_count_; ++w) {
    warps_[w].ready = warps_[w].live;
  }
}

void Worker::warp_fence(bool before) {
  char* const object = &warps_[thread_ / 32].sync[before ? fences_[thread_] ^= 1 : fences_[thread_]];
  if (before) {
    release(object);
  } else {
    acquire(object);
  }
}

// --- Misdeeds ------------------------------------------------------------------------------------------------------

void Worker::fail(Site site, const std::string& message) {
  report(format(", thread (%u, %u, %u)", threadIdx.x, threadIdx.y, threadIdx.z), site, message);
  failed_ = true;
  release(&end_sync_);
  fibers_[thread_]->switch_to(*host_);
  std::abort();
}

void Worker::report(const std::string& who, Site site, const std::string& message) {
  const std::string place = site.line == 0 ? site.operation : describe(site);
  const std::string text = "kernel " + grid_->launch.kernel->name +
      format(", block (%u, %u, %u)", blockIdx.x, blockIdx.y, blockIdx.z) + who + ": " + place + ": " + message;
  const std::lock_guard<std::mutex> lock(grid_->mutex);
  if (!grid_->failed.exchange(true)) {
    grid_->report = text;
  }
}

/// Who waits where, by place.
std::string Worker::blocked() const {
  std::map<std::string, std::vector<int>> places;
  for (int i = 0; i < threads_; ++i) {
    if (warps_[i / 32].live >> i % 32 & 1) {
      places[describe(sites_[i])].push_back(i);
    }
  }
  std::string text;
  for (const auto& [place, threads] : places) {
    text += format("%s%zu threads (%d to %d) in ", text.empty() ? "" : "; ", threads.size(), threads.front(),
        threads.back()) + place;
  }
  return text;
}

void collective(unsigned mask, void* slot, void (*execute)(const Lanes&), Site site) {
  current_worker->collective(mask, slot, execute, site);
}
int block_barrier(bool predicate, Site site) { return current_worker->block_barrier(predicate, site); }
void warp_fence([[maybe_unused]] bool before) {
#ifdef GPT_EMULATOR_TSAN
  current_worker->warp_fence(before);
#endif
}
void fail(Site site, const char* pattern, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  current_worker->fail(site, text);
}

}  // namespace emu
