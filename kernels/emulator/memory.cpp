// Device memory between fences of NaN, page-locked host memory, copies and fills.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "driver.h"
#include "sanitizer.h"
#include "worker.h"

namespace emu {

namespace {

constexpr size_t FENCE_BYTES = 512;
constexpr size_t ALIGNMENT = 256;
constexpr size_t HUGE_PAGE_BYTES = 2 << 20;
constexpr unsigned char UNWRITTEN = 0xff;

std::mutex mutex;
std::map<uintptr_t, size_t> device_blocks;  // address to size
std::map<uintptr_t, size_t> freed_blocks;
std::map<uintptr_t, size_t> pinned_blocks;
size_t device_bytes = 0;

/// The block that holds the bytes, or end().
std::map<uintptr_t, size_t>::const_iterator holder(const std::map<uintptr_t, size_t>& blocks, const void* address,
    size_t bytes) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  auto next = blocks.upper_bound(at);
  if (next == blocks.begin()) {
    return blocks.end();
  }
  --next;
  const uintptr_t offset = at - next->first;
  return offset <= next->second && bytes <= next->second - offset ? next : blocks.end();
}

[[maybe_unused]] bool intact(const unsigned char* fence) {
  static unsigned char expected[FENCE_BYTES];
  if (expected[0] == 0) {
    std::memset(expected, UNWRITTEN, FENCE_BYTES);
  }
  return std::memcmp(fence, expected, FENCE_BYTES) == 0;
}

// Large blocks that were given back, by size, filled with NaN: a program that opens the device again and again, as tests do,
// would spend its time on page faults. AddressSanitizer is to see every block come and go.
#ifdef GPT_EMULATOR_ASAN
constexpr size_t KEPT_BYTES = 0;
#else
constexpr size_t KEPT_BYTES = 512 << 20;
#endif
constexpr size_t LARGE_BYTES = 1 << 20;
std::multimap<size_t, void*> kept_blocks;
size_t kept_bytes = 0;

/// A block of that many bytes, filled with NaN; null when there is no memory.
void* take_block(size_t bytes) {
  const auto kept = kept_blocks.find(bytes);
  if (kept != kept_blocks.end()) {
    void* const block = kept->second;
    kept_blocks.erase(kept);
    kept_bytes -= bytes;
    return block;
  }
  void* block = nullptr;
  const size_t alignment = bytes >= LARGE_BYTES ? HUGE_PAGE_BYTES : ALIGNMENT;
  if (posix_memalign(&block, alignment, bytes) != 0) {
    return nullptr;
  }
  if (bytes >= LARGE_BYTES) {
    madvise(block, bytes, MADV_HUGEPAGE);
  }
  std::memset(block, UNWRITTEN, bytes);
  return block;
}

void give_block(void* block, size_t bytes) {
  std::memset(block, UNWRITTEN, bytes);
  if (bytes >= LARGE_BYTES && kept_bytes + bytes <= KEPT_BYTES) {
    kept_blocks.emplace(bytes, block);
    kept_bytes += bytes;
  } else {
    std::free(block);
  }
}

/// Removes freed blocks that overlap memory in use again.
void forget_freed(uintptr_t begin, uintptr_t end) {
  for (auto block = freed_blocks.begin(); block != freed_blocks.end();) {
    const bool overlaps = block->first < end && begin < block->first + block->second;
    block = overlaps ? freed_blocks.erase(block) : std::next(block);
  }
}

}  // namespace

bool on_device(const void* address, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  return holder(device_blocks, address, bytes) != device_blocks.end();
}

bool was_freed(const void* address) {
  const std::lock_guard<std::mutex> lock(mutex);
  return holder(freed_blocks, address, 1) != freed_blocks.end() &&
         holder(device_blocks, address, 1) == device_blocks.end() &&
         holder(pinned_blocks, address, 1) == pinned_blocks.end();
}

bool pinned(const void* address, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  return holder(pinned_blocks, address, bytes) != pinned_blocks.end();
}

std::string overrun() {
  std::string report;
#ifndef GPT_EMULATOR_ASAN
  const std::lock_guard<std::mutex> lock(mutex);
  for (const auto& [address, bytes] : device_blocks) {
    auto* const data = reinterpret_cast<unsigned char*>(address);
    for (unsigned char* const fence : {data - FENCE_BYTES, data + bytes}) {
      if (!intact(fence)) {
        report = format("memory %s an allocation of %zu bytes at 0x%zx was written", fence < data ? "before" : "after",
            bytes, static_cast<size_t>(address));
        std::memset(fence, UNWRITTEN, FENCE_BYTES);
      }
    }
  }
#endif
  return report;
}

}  // namespace emu

using namespace emu;

EXPORTED CUresult cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  const CUresult result = ready();
  if (result == CUDA_SUCCESS) {
    const std::lock_guard<std::mutex> lock(emu::mutex);
    *free_bytes = total_memory() - device_bytes;
    *total = total_memory();
  }
  return result;
}

EXPORTED CUresult cuMemAlloc_v2(void** address, size_t bytes) {
  CUresult result = ready();
  result = result == CUDA_SUCCESS ? not_capturing() : result;
  if (result != CUDA_SUCCESS) {
    return result;
  }
  if (bytes == 0 || address == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const std::lock_guard<std::mutex> lock(emu::mutex);
  void* const block = bytes > total_memory() - device_bytes ? nullptr : take_block(bytes + 2 * FENCE_BYTES);
  if (block == nullptr) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  unsigned char* const data = static_cast<unsigned char*>(block) + FENCE_BYTES;
  poison(block, FENCE_BYTES);
  poison(data + bytes, FENCE_BYTES);
  const auto begin = reinterpret_cast<uintptr_t>(data);
  forget_freed(begin - FENCE_BYTES, begin + bytes + FENCE_BYTES);
  device_blocks[begin] = bytes;
  device_bytes += bytes;
  *address = data;
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuMemFree_v2(void* address) {
  CUresult result = ready();
  result = result == CUDA_SUCCESS ? not_capturing() : result;
  if (result != CUDA_SUCCESS || address == nullptr) {
    return result;
  }
  synchronize_all();  // as the driver does
  const std::string report = overrun();
  if (!report.empty()) {
    device_failed(CUDA_ERROR_ILLEGAL_ADDRESS, report);
  }
  const std::lock_guard<std::mutex> lock(emu::mutex);
  const auto block = device_blocks.find(reinterpret_cast<uintptr_t>(address));
  if (block == device_blocks.end()) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  unsigned char* const begin = static_cast<unsigned char*>(address) - FENCE_BYTES;
  unpoison(begin, block->second + 2 * FENCE_BYTES);
  give_block(begin, block->second + 2 * FENCE_BYTES);
  device_bytes -= block->second;
  freed_blocks[block->first] = block->second;
  device_blocks.erase(block);
  return device_failure();
}

EXPORTED CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned) {
  CUresult result = ready();
  result = result == CUDA_SUCCESS ? not_capturing() : result;
  if (result != CUDA_SUCCESS) {
    return result;
  }
  if (bytes == 0 || address == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  void* block = nullptr;
  if (posix_memalign(&block, 4096, bytes) != 0) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  std::memset(block, UNWRITTEN, bytes);
  const std::lock_guard<std::mutex> lock(emu::mutex);
  pinned_blocks[reinterpret_cast<uintptr_t>(block)] = bytes;
  *address = block;
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuMemAllocHost_v2(void** address, size_t bytes) { return cuMemHostAlloc(address, bytes, 0); }

EXPORTED CUresult cuMemFreeHost(void* address) {
  CUresult result = ready();
  result = result == CUDA_SUCCESS ? not_capturing() : result;
  if (result != CUDA_SUCCESS) {
    return result;
  }
  synchronize_all();
  const std::lock_guard<std::mutex> lock(emu::mutex);
  const auto block = pinned_blocks.find(reinterpret_cast<uintptr_t>(address));
  if (block == pinned_blocks.end()) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::memset(address, UNWRITTEN, block->second);
  std::free(address);
  pinned_blocks.erase(block);
  return CUDA_SUCCESS;
}

// --- Copies and fills ----------------------------------------------------------------------------------------------

/// The stream, if the call may go ahead on it.
static CUresult begin(const void* handle, std::shared_ptr<Stream>& stream) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  stream = find_stream(handle);
  return stream == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

static bool capturing(const std::shared_ptr<Stream>& stream) { return stream->capture != nullptr; }

EXPORTED CUresult cuMemcpyHtoDAsync_v2(void* target, const void* source, size_t bytes, void* handle) {
  std::shared_ptr<Stream> stream;
  CUresult result = begin(handle, stream);
  if (result != CUDA_SUCCESS || bytes == 0) {
    return result;
  }
  if (!on_device(target, bytes) || source == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (pinned(source, bytes)) {
    return submit(stream, [=] { std::memcpy(target, source, bytes); });
  }
  // Pageable: the driver has taken the bytes when the call returns.
  const auto* const from = static_cast<const unsigned char*>(source);
  auto staged = std::make_shared<std::vector<unsigned char>>(from, from + bytes);
  return submit(stream, [=] { std::memcpy(target, staged->data(), bytes); });
}

EXPORTED CUresult cuMemcpyDtoHAsync_v2(void* target, const void* source, size_t bytes, void* handle) {
  std::shared_ptr<Stream> stream;
  CUresult result = begin(handle, stream);
  if (result != CUDA_SUCCESS || bytes == 0) {
    return result;
  }
  if (!on_device(source, bytes) || target == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const bool waits = !pinned(target, bytes);  // pageable: the driver copies before it returns
  if (waits && capturing(stream)) {
    return not_capturing();
  }
  result = submit(stream, [=] { std::memcpy(target, source, bytes); });
  if (result == CUDA_SUCCESS && waits) {
    stream->synchronize();
    result = device_failure();
  }
  return result;
}

EXPORTED CUresult cuMemcpyDtoDAsync_v2(void* target, const void* source, size_t bytes, void* handle) {
  std::shared_ptr<Stream> stream;
  const CUresult result = begin(handle, stream);
  if (result != CUDA_SUCCESS || bytes == 0) {
    return result;
  }
  if (!on_device(source, bytes) || !on_device(target, bytes)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return submit(stream, [=] { std::memmove(target, source, bytes); });
}

/// A synchronous call: through the null stream, to its end.
static CUresult finish(CUresult result) {
  if (result == CUDA_SUCCESS) {
    find_stream(nullptr)->synchronize();
    result = device_failure();
  }
  return result;
}

EXPORTED CUresult cuMemcpyHtoD_v2(void* target, const void* source, size_t bytes) {
  const CUresult result = not_capturing();
  return result != CUDA_SUCCESS ? result : finish(cuMemcpyHtoDAsync_v2(target, source, bytes, nullptr));
}

EXPORTED CUresult cuMemcpyDtoH_v2(void* target, const void* source, size_t bytes) {
  const CUresult result = not_capturing();
  return result != CUDA_SUCCESS ? result : finish(cuMemcpyDtoHAsync_v2(target, source, bytes, nullptr));
}

EXPORTED CUresult cuMemcpyDtoD_v2(void* target, const void* source, size_t bytes) {
  const CUresult result = not_capturing();
  return result != CUDA_SUCCESS ? result : finish(cuMemcpyDtoDAsync_v2(target, source, bytes, nullptr));
}

template <typename T>
static CUresult fill(void* target, T value, size_t count, void* handle) {
  std::shared_ptr<Stream> stream;
  const CUresult result = begin(handle, stream);
  if (result != CUDA_SUCCESS || count == 0) {
    return result;
  }
  if (!on_device(target, count * sizeof(T)) || reinterpret_cast<uintptr_t>(target) % sizeof(T) != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return submit(stream, [=] {
    for (size_t i = 0; i < count; ++i) {
      static_cast<T*>(target)[i] = value;
    }
  });
}

EXPORTED CUresult cuMemsetD8Async(void* target, unsigned char value, size_t count, void* stream) {
  return fill(target, value, count, stream);
}
EXPORTED CUresult cuMemsetD16Async(void* target, unsigned short value, size_t count, void* stream) {
  return fill(target, value, count, stream);
}
EXPORTED CUresult cuMemsetD32Async(void* target, unsigned value, size_t count, void* stream) {
  return fill(target, value, count, stream);
}
