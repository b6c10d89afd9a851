// Shared memory of a block, and the copies into it that cp.async defers.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sanitizer.h"
#include "worker.h"

namespace emu {

namespace {
constexpr size_t ARENA_BYTES = 512 << 10;  // the device's 227 KB and many gaps
constexpr size_t GAP_BYTES = 256;
constexpr unsigned char UNWRITTEN = 0xff;  // a NaN in every floating-point type

/// Not memset: the sanitizers watch it, and the kernel's threads are not to be blamed for this.
void fill_unwritten(unsigned char* begin, size_t bytes) {
  for (unsigned char* p = begin; p != begin + bytes; ++p) {
    *p = UNWRITTEN;
  }
}

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
}  // namespace

SharedArena::SharedArena() {
  // Twice the size, to align: a 32-bit shared address is an offset from an aligned base.
  void* const memory = mmap(nullptr, 2 * ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("emulator: shared memory");
    std::abort();
  }
  base_ = reinterpret_cast<unsigned char*>(round_up(reinterpret_cast<uintptr_t>(memory), ARENA_BYTES));
}

void SharedArena::begin_launch(const Launch& launch) {
  arrays_.clear();
  poison(base_, ARENA_BYTES);
  end_ = 0;
  static_bytes_ = 0;
  limit_ = launch.shared_limit > DEFAULT_SHARED ? MAX_SHARED : DEFAULT_SHARED;
  add({nullptr, 0, launch.dynamic_shared, "dynamic shared memory", "launch", 0});
}

/// Places an array at array.offset, which is where the last gap ends.
void SharedArena::add(const Array& array) {
  const size_t array_end = array.offset + array.bytes;
  end_ = round_up(array_end + GAP_BYTES, 16);
  unpoison(base_ + array.offset, end_ - array.offset);
  fill_unwritten(base_ + array.offset, end_ - array.offset);
  poison(base_ + array_end, end_ - array_end);
  arrays_.push_back(array);
}

void SharedArena::begin_block() {
  for (const Array& array : arrays_) {
    fill_unwritten(base_ + array.offset, array.bytes);
  }
}

std::string SharedArena::end_block() const {
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const size_t next = i + 1 < arrays_.size() ? arrays_[i + 1].offset : end_;
    for (size_t at = arrays_[i].offset + arrays_[i].bytes; at < next; ++at) {
      if (base_[at] != UNWRITTEN) {
        return format("byte %zu of %s (%s:%d, %zu bytes) was written", at - arrays_[i].offset, arrays_[i].name,
            arrays_[i].file, arrays_[i].line, arrays_[i].bytes);
      }
    }
  }
  return "";
}

void* SharedArena::declare(const void* tag, size_t bytes, const char* name, const char* file, int line) {
  for (const Array& array : arrays_) {
    if (array.tag == tag) {
      return base_ + array.offset;
    }
  }
  static_bytes_ += bytes;
  const Site site{"shared memory", file, line};
  if (static_bytes_ > DEFAULT_SHARED) {
    fail(site, "%zu bytes of static shared memory; at most %zu", static_bytes_, DEFAULT_SHARED);
  }
  if (static_bytes_ + arrays_.front().bytes > limit_) {
    fail(site, "%zu bytes static and %zu dynamic; at most %zu", static_bytes_, arrays_.front().bytes, limit_);
  }
  if (end_ + bytes + 2 * GAP_BYTES > ARENA_BYTES) {
    fail(site, "too many shared arrays");
  }
  add({tag, end_, bytes, name, file, line});
  return base_ + arrays_.back().offset;
}

bool SharedArena::contains(const void* address, size_t bytes) const {
  const auto at = static_cast<size_t>(static_cast<const unsigned char*>(address) - base_);
  for (const Array& array : arrays_) {
    if (at >= array.offset && at + bytes <= array.offset + array.bytes) {
      return true;
    }
  }
  return false;
}

void* shared_array(const void* tag, size_t bytes, const char* name, const char* file, int line) {
  return current_worker->shared().declare(tag, bytes, name, file, line);
}
void* dynamic_shared() { return current_worker->shared().dynamic(); }
bool in_shared(const void* address, size_t bytes) { return current_worker->shared().contains(address, bytes); }

// --- cp.async ------------------------------------------------------------------------------------------------------

void async_copy_begin(const AsyncCopy& copy) {
  AsyncQueue& queue = current_worker->async_queue();
  if (queue.done == queue.copies.size() && queue.done_groups == queue.groups.size()) {
    queue = {};
  }
  queue.copies.push_back(copy);
}

void async_copy_commit() {
  AsyncQueue& queue = current_worker->async_queue();
  queue.groups.push_back(queue.copies.size());  // an empty group counts, too
}

AsyncCopies async_copy_take(int pending) {
  AsyncQueue& queue = current_worker->async_queue();
  const size_t begin = queue.done;
  if (queue.groups.size() > queue.done_groups + static_cast<size_t>(pending)) {
    queue.done_groups = queue.groups.size() - static_cast<size_t>(pending);
    queue.done = queue.groups[queue.done_groups - 1];
  }
  return {queue.copies.data() + begin, queue.copies.data() + queue.done};
}

}  // namespace emu
