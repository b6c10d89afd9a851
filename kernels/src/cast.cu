// Conversions between float types, fills and copies.
//
// Roofline: memory: each element read once and written once. A thread has 8 elements (16 or 32 bytes), or 32 bytes of a fill or
// copy, in two accesses a warp wide each: 32 to 64 KB in flight a multiprocessor.
#include "vector.cuh"

constexpr int THREADS = 256;
constexpr int GROUP = 8;  // elements of a thread

template <typename From, typename To>
DEVICE void cast(const From* __restrict__ from, To* __restrict__ to, int64_t count) {
  constexpr int FROM_PACKS = GROUP * sizeof(From) / 16;
  constexpr int TO_PACKS = GROUP * sizeof(To) / 16;
  const int64_t at = (static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x) * GROUP;
  if (aligned(from, to) && at + GROUP <= count) {
    struct alignas(16) {
      uint4 packs[FROM_PACKS];
    } source;
    struct alignas(16) {
      To values[GROUP];
    } target;
#pragma unroll
    for (int i = 0; i < FROM_PACKS; ++i) {
      source.packs[i] = reinterpret_cast<const uint4*>(from + at)[i];
    }
#pragma unroll
    for (int i = 0; i < GROUP; ++i) {
      target.values[i] = from_float<To>(to_float(reinterpret_cast<const From*>(source.packs)[i]));
    }
#pragma unroll
    for (int i = 0; i < TO_PACKS; ++i) {
      reinterpret_cast<uint4*>(to + at)[i] = reinterpret_cast<const uint4*>(target.values)[i];
    }
    return;
  }
  for (int i = 0; i < GROUP && at + i < count; ++i) {
    to[at + i] = from_float<To>(to_float(from[at + i]));
  }
}

#define CAST(name, From, To)                                                                                          \
  KERNEL(THREADS, name)(const From* __restrict__ from, To* __restrict__ to, int64_t count) {                          \
    cast<From, To>(from, to, count);                                                                                  \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

CAST(cast_f32_bf16, float, bf16)
CAST(cast_f32_f16, float, f16)
CAST(cast_bf16_f32, bf16, float)
CAST(cast_bf16_f16, bf16, f16)
CAST(cast_f16_f32, f16, float)
CAST(cast_f16_bf16, f16, bf16)

/// Elements of 16 bytes that each thread of a block writes or copies, one block's stride apart.
constexpr int PACKS = 2;

template <typename T>
DEVICE void fill(T* to, T value, uint4 pattern, int64_t count) {
  constexpr int SIZE = 16 / sizeof(T);
  const bool wide = aligned(to);
#pragma unroll
  for (int i = 0; i < PACKS; ++i) {
    const int64_t at = ((static_cast<int64_t>(blockIdx.x) * PACKS + i) * THREADS + threadIdx.x) * SIZE;
    if (wide && at + SIZE <= count) {
      *reinterpret_cast<uint4*>(to + at) = pattern;
    } else {
      for (int j = 0; j < SIZE && at + j < count; ++j) {
        to[at + j] = value;
      }
    }
  }
}

/// Sets elements of 32 bits.
KERNEL(THREADS, fill_32)(unsigned* __restrict__ to, unsigned bits, int64_t count) {
  fill<unsigned>(to, bits, make_uint4(bits, bits, bits, bits), count);
}
EXPORT_KERNEL(fill_32)

/// Sets elements of 16 bits, the lower half of `bits`.
KERNEL(THREADS, fill_16)(uint16_t* __restrict__ to, unsigned bits, int64_t count) {
  const unsigned twice = (bits & 0xffffu) * 0x10001u;
  fill<uint16_t>(to, static_cast<uint16_t>(bits), make_uint4(twice, twice, twice, twice), count);
}
EXPORT_KERNEL(fill_16)

KERNEL(THREADS, copy_bytes)
(const unsigned char* __restrict__ from, unsigned char* __restrict__ to, int64_t bytes) {
  const bool wide = aligned(from, to);
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * PACKS * THREADS + threadIdx.x) * 16;
  uint4 flight[PACKS];
#pragma unroll
  for (int i = 0; i < PACKS; ++i) {
    const int64_t at = begin + i * THREADS * 16;
    if (wide && at + 16 <= bytes) {
      flight[i] = *reinterpret_cast<const uint4*>(from + at);
    }
  }
#pragma unroll
  for (int i = 0; i < PACKS; ++i) {
    const int64_t at = begin + i * THREADS * 16;
    if (wide && at + 16 <= bytes) {
      *reinterpret_cast<uint4*>(to + at) = flight[i];
    } else {
      for (int j = 0; j < 16 && at + j < bytes; ++j) {
        to[at + j] = from[at + j];
      }
    }
  }
}
EXPORT_KERNEL(copy_bytes)
