// Included by every kernel: the two worlds of device_base.cuh, and bfloat16.
//
// bf16 is our own struct, so that device code needs no header of the CUDA toolkit and compiles for the host: the upper half
// of a float's bits. Arithmetic is always in float; only loads and stores know bf16.
#pragma once

#include "device_base.cuh"
#include "ptx.cuh"

struct bf16 {
  uint16_t bits;
};

/// Exact.
DEVICE float to_float(bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }
DEVICE float to_float(float x) { return x; }

/// Rounds to nearest, ties to even; a NaN becomes the NaN 0x7fff.
DEVICE bf16 to_bf16(float x) { return bf16{ptx::bf16_bits(x)}; }

/// A float as T: float or bf16.
template <typename T>
DEVICE T from_float(float x);
template <>
DEVICE float from_float<float>(float x) {
  return x;
}
template <>
DEVICE bf16 from_float<bf16>(float x) {
  return to_bf16(x);
}
