// Included by every kernel: the two worlds of device_base.cuh, and the 16-bit floats.
//
// bf16 (the upper half of a float's bits) and f16 (IEEE 754 binary16) are our own structs, so that device code needs no header
// of the CUDA toolkit and compiles for the host. Arithmetic is always in float; only loads, stores and the operands of tensor
// cores know them. A float beyond their range becomes an infinity, never the largest number: the loss scaler looks for it.
#pragma once

#include "device_base.cuh"
#include "ptx.cuh"

struct bf16 {
  uint16_t bits;
};

struct f16 {
  uint16_t bits;
};

/// Exact.
DEVICE float to_float(bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }
DEVICE float to_float(f16 x) { return ptx::f16_value(x.bits); }
DEVICE float to_float(float x) { return x; }

/// Rounds to nearest, ties to even; a NaN becomes the NaN 0x7fff.
DEVICE bf16 to_bf16(float x) { return bf16{ptx::bf16_bits(x)}; }

/// Rounds to nearest, ties to even; 65520 and up become infinite, a NaN the NaN 0x7fff.
DEVICE f16 to_f16(float x) { return f16{ptx::f16_bits(x)}; }

/// A float as T: float, bf16 or f16.
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
template <>
DEVICE f16 from_float<f16>(float x) {
  return to_f16(x);
}

/// Two floats as two neighbours of a 16-bit type in a register, `low` in its lower half.
template <typename T>
DEVICE uint32_t pair_of(float low, float high);
template <>
DEVICE uint32_t pair_of<bf16>(float low, float high) {
  return ptx::pack_bf16(low, high);
}
template <>
DEVICE uint32_t pair_of<f16>(float low, float high) {
  return ptx::pack_f16(low, high);
}

/// The lower and the upper of two neighbours in a register.
template <typename T>
DEVICE float low_of(uint32_t pair);
template <>
DEVICE float low_of<bf16>(uint32_t pair) {
  return __uint_as_float(pair << 16);
}
template <>
DEVICE float low_of<f16>(uint32_t pair) {
  return ptx::f16_value(static_cast<uint16_t>(pair));
}
template <typename T>
DEVICE float high_of(uint32_t pair);
template <>
DEVICE float high_of<bf16>(uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000u);
}
template <>
DEVICE float high_of<f16>(uint32_t pair) {
  return ptx::f16_value(static_cast<uint16_t>(pair >> 16));
}
