// Reductions over a warp and over a block. All threads take part and all get the result; the order is fixed.
#pragma once

#include "cuda_compat.cuh"

template <typename T>
DEVICE T warp_sum(T value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(FULL_WARP, value, offset);
  }
  return value;
}

DEVICE float warp_max(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(FULL_WARP, value, offset));
  }
  return value;
}

/// Sum over a block of whole warps; `slots` is shared memory of one T a warp, free again when this returns.
template <typename T>
DEVICE T block_sum(T value, T* slots) {
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) {
    slots[threadIdx.x / 32] = value;
  }
  __syncthreads();
  T total = slots[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) {
    total += slots[warp];
  }
  __syncthreads();
  return total;
}

/// Maximum over a block of whole warps, as block_sum.
DEVICE float block_max(float value, float* slots) {
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) {
    slots[threadIdx.x / 32] = value;
  }
  __syncthreads();
  float greatest = slots[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) {
    greatest = fmaxf(greatest, slots[warp]);
  }
  __syncthreads();
  return greatest;
}
