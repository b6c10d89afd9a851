// The device's world for host code: qualifiers, vector types, threadIdx and friends, shared memory, and the operations for
// which a thread waits for others. A kernel compiled with this header runs on the fibers of block.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

// --- Qualifiers ----------------------------------------------------------------------------------------------------

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) alignas(n)
#define __launch_bounds__(...)

#define KERNEL(max_threads, name)                    \
  static constexpr int name##_max_threads = max_threads; \
  extern "C" void name

#define KERNEL_OF_BLOCKS(max_threads, blocks, name) KERNEL(max_threads, name)

/// Makes the kernel known by its name, with the sizes of its parameters.
#define EXPORT_KERNEL(name) static const emu::Export name##_export(#name, &name, name##_max_threads);

#define SHARED(type, name, dimensions)                                                                               \
  static const char name##_tag = 0;                                                                                  \
  typedef type name##_array dimensions;                                                                              \
  name##_array& name = *static_cast<name##_array*>(                                                                  \
      emu::shared_array(&name##_tag, sizeof(name##_array), #name, __FILE__, __LINE__))

#define DYN_SHARED(type, name) type* const name = static_cast<type*>(emu::dynamic_shared())

// --- Vector types, aligned as on the device ------------------------------------------------------------------------

struct uint3 { unsigned x, y, z; };
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

constexpr int warpSize = 32;

// Real variables, one set a worker, which the scheduler sets as it switches threads. initial-exec: a plain offset from the
// thread pointer, also in a library that is loaded late. __thread: no initialiser to look for at each access.
#define GPT_EMULATOR_TLS extern __thread __attribute__((tls_model("initial-exec")))
GPT_EMULATOR_TLS uint3 threadIdx;
GPT_EMULATOR_TLS uint3 blockIdx;
GPT_EMULATOR_TLS dim3 blockDim;
GPT_EMULATOR_TLS dim3 gridDim;

// --- The runtime's side --------------------------------------------------------------------------------------------

/// For what reads and writes other threads' slots on the runtime's behalf: no race, although nothing orders it for
/// ThreadSanitizer, which must not learn an order from shuffles that do not order memory.
#define GPT_EMULATOR_NOT_A_RACE __attribute__((no_sanitize("thread")))

namespace emu {

/// Where in a kernel, and in which operation, a thread waits. The same place and operation, the same collective.
struct Site {
  const char* operation;
  const char* file;
  int line;
};

/// The slots of a warp's lanes when the last of them has arrived; slots of lanes outside the mask are not to be read.
struct Lanes {
  unsigned mask;
  void* slot[32];
};

/// Waits until all lanes of mask are here, each with its slot; the last to arrive runs `execute` for all.
void collective(unsigned mask, void* slot, void (*execute)(const Lanes&), Site site);

/// Waits for all threads of the block that have not returned; gives the number of those whose predicate holds.
int block_barrier(bool predicate, Site site);

/// Orders memory within the warp (known to the thread sanitizer only; fibers of a worker see all writes anyway).
void warp_fence(bool before);

void* shared_array(const void* tag, size_t bytes, const char* name, const char* file, int line);
void* dynamic_shared();
/// Whether the bytes lie in one of the shared arrays that the block has declared so far.
bool in_shared(const void* address, size_t bytes);

/// Ends the launch with a report of this thread's misdeed. printf format.
[[noreturn]] void fail(Site site, const char* format, ...) __attribute__((format(printf, 2, 3)));

/// Registers a kernel at load time.
struct Export {
  template <typename... A>
  Export(const char* name, void (*function)(A...), int max_threads) {
    static const size_t sizes[sizeof...(A) + 1] = {sizeof(A)..., 0};
    add(name, reinterpret_cast<void (*)()>(function), &call<A...>, sizes, sizeof...(A), max_threads);
  }

 private:
  template <typename... A>
  static void call(void (*function)(), void* const* arguments) {
    call_indexed<A...>(reinterpret_cast<void (*)(A...)>(function), arguments, std::index_sequence_for<A...>());
  }
  template <typename... A, size_t... I>
  GPT_EMULATOR_NOT_A_RACE static void call_indexed(void (*function)(A...), [[maybe_unused]] void* const* arguments, std::index_sequence<I...>) {
    function(*static_cast<const std::remove_reference_t<A>*>(arguments[I])...);
  }
  static void add(const char* name, void (*function)(), void (*call)(void (*)(), void* const*), const size_t* sizes,
      int count, int max_threads);
};

// --- Shuffles and votes --------------------------------------------------------------------------------------------

template <typename T>
struct Shuffle {
  T value;
  T result;
  int source;

  /// Gives each lane of the mask the value of its source lane.
  GPT_EMULATOR_NOT_A_RACE static void execute(const Lanes& lanes) {
    for (unsigned rest = lanes.mask; rest != 0; rest &= rest - 1) {
      auto* mine = static_cast<Shuffle*>(lanes.slot[__builtin_ctz(rest)]);
      mine->result = static_cast<Shuffle*>(lanes.slot[mine->source])->value;
    }
  }
};

template <typename T>
inline T shuffle(unsigned mask, T value, int source, Site site) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
  if (!(mask >> source & 1)) {
    fail(site, "reads lane %d, which is not in the mask 0x%08x", source, mask);
  }
  Shuffle<T> slot{value, value, source};
  collective(mask, &slot, &Shuffle<T>::execute, site);
  return slot.result;
}

struct Vote {
  unsigned value;
  unsigned result;

  GPT_EMULATOR_NOT_A_RACE static void ballot(const Lanes& lanes) {
    unsigned set = 0;
    for (unsigned rest = lanes.mask; rest != 0; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      set |= static_cast<unsigned>(static_cast<Vote*>(lanes.slot[lane])->value != 0) << lane;
    }
    give(lanes, set);
  }
  GPT_EMULATOR_NOT_A_RACE static void add(const Lanes& lanes) {
    unsigned sum = 0;
    for (unsigned rest = lanes.mask; rest != 0; rest &= rest - 1) {
      sum += static_cast<Vote*>(lanes.slot[__builtin_ctz(rest)])->value;
    }
    give(lanes, sum);
  }
  static void nothing(const Lanes&) {}

 private:
  GPT_EMULATOR_NOT_A_RACE static void give(const Lanes& lanes, unsigned result) {
    for (unsigned rest = lanes.mask; rest != 0; rest &= rest - 1) {
      static_cast<Vote*>(lanes.slot[__builtin_ctz(rest)])->result = result;
    }
  }
};

inline unsigned vote(unsigned mask, unsigned value, void (*execute)(const Lanes&), Site site) {
  Vote slot{value, 0};
  collective(mask, &slot, execute, site);
  return slot.result;
}

inline int lane() {
  return static_cast<int>((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) & 31);
}

}  // namespace emu

// The place of the call is the default argument of a parameter that nobody passes.
#define GPT_EMULATOR_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(GPT_EMULATOR_HERE) { emu::block_barrier(false, {"__syncthreads", file, line}); }
inline int __syncthreads_count(int p, GPT_EMULATOR_HERE) {
  return emu::block_barrier(p != 0, {"__syncthreads_count", file, line});
}
inline int __syncthreads_or(int p, GPT_EMULATOR_HERE) {
  return emu::block_barrier(p != 0, {"__syncthreads_or", file, line}) != 0;
}
inline int __syncthreads_and(int p, GPT_EMULATOR_HERE) {
  return emu::block_barrier(p == 0, {"__syncthreads_and", file, line}) == 0;
}
inline void __syncwarp(unsigned mask = 0xffffffffu, GPT_EMULATOR_HERE) {
  emu::warp_fence(true);
  emu::vote(mask, 0, &emu::Vote::nothing, {"__syncwarp", file, line});
  emu::warp_fence(false);
}

// As in the CUDA guide, `width` (a power of two) splits the warp into segments, and a source outside the segment means oneself.
template <typename T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, GPT_EMULATOR_HERE) {
  const int base = emu::lane() & ~(width - 1);
  return emu::shuffle(mask, value, base | (source & (width - 1)), {"__shfl_sync", file, line});
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, GPT_EMULATOR_HERE) {
  const int lane = emu::lane();
  const int source = lane ^ lane_mask;
  // A source in a later segment is oneself; one in an earlier segment may be read.
  return emu::shuffle(mask, value, source > (lane | (width - 1)) ? lane : source, {"__shfl_xor_sync", file, line});
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, GPT_EMULATOR_HERE) {
  const int lane = emu::lane();
  const unsigned source = lane + delta;
  const bool outside = source > static_cast<unsigned>(lane | (width - 1));
  return emu::shuffle(mask, value, outside ? lane : static_cast<int>(source), {"__shfl_down_sync", file, line});
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, GPT_EMULATOR_HERE) {
  const int lane = emu::lane();
  const int source = lane - static_cast<int>(delta);
  const bool outside = source < (lane & ~(width - 1));
  return emu::shuffle(mask, value, outside ? lane : source, {"__shfl_up_sync", file, line});
}

inline unsigned __ballot_sync(unsigned mask, int p, GPT_EMULATOR_HERE) {
  return emu::vote(mask, p != 0, &emu::Vote::ballot, {"__ballot_sync", file, line});
}
inline int __any_sync(unsigned mask, int p, GPT_EMULATOR_HERE) {
  return emu::vote(mask, p != 0, &emu::Vote::ballot, {"__any_sync", file, line}) != 0;
}
inline int __all_sync(unsigned mask, int p, GPT_EMULATOR_HERE) {
  return emu::vote(mask, p == 0, &emu::Vote::ballot, {"__all_sync", file, line}) == 0;
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value, GPT_EMULATOR_HERE) {
  return emu::vote(mask, value, &emu::Vote::add, {"__reduce_add_sync", file, line});
}

[[noreturn]] inline void __trap(GPT_EMULATOR_HERE) { emu::fail({"__trap", file, line}, "trapped"); }
