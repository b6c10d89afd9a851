// What every kernel file stands on, in two worlds: nvcc (the product) and g++ -DGPT_EMULATOR (the host emulator, D6).
//
//   KERNEL(256, gelu_forward_f32)(const float* __restrict__ x, float* __restrict__ y, int n) { … }
//   EXPORT_KERNEL(gelu_forward_f32)
//
// Shared memory is declared by SHARED and DYN_SHARED only: the emulator places the arrays in an arena of the block, filled
// with NaN and with guarded gaps, so that reading what nobody wrote, or past an array's end, does not go unseen.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#ifdef GPT_EMULATOR

#include "../emulator/device.h"
#include "../emulator/intrinsics.h"

#else

#define KERNEL(max_threads, name) extern "C" __global__ void __launch_bounds__(max_threads) name
#define EXPORT_KERNEL(name)

/// A KERNEL of which it is enough that a multiprocessor holds so many blocks (0: as many as ptxas likes, which may spill
/// registers to fit one more).
#define KERNEL_OF_BLOCKS(max_threads, blocks, name) \
  extern "C" __global__ void __launch_bounds__(max_threads, blocks) name

/// SHARED(float, tile, [16][33]); a static array of the block, 16-byte aligned.
#define SHARED(type, name, dimensions) __shared__ __align__(16) type name dimensions

/// DYN_SHARED(float, s); the block's dynamic shared memory from its first byte, 128-byte aligned.
#define DYN_SHARED(type, name)                                        \
  extern __shared__ __align__(128) unsigned char dynamic_shared_[];   \
  type* const name = reinterpret_cast<type*>(dynamic_shared_)

#endif

#define DEVICE __device__ __forceinline__

constexpr unsigned FULL_WARP = 0xffffffffu;
