// 128-bit accesses: what a thread moves at once is a pack of 4 floats or 8 of a 16-bit type; arithmetic is on floats.
//
// A row can be read by packs when its width is a multiple of the pack, because tensors begin at multiples of 64 bytes (slices
// of rows then at multiples of 16). Kernels that take any count ask `aligned` instead. A unit is a pack, or a single element
// where packs do not fit: one template serves both.
#pragma once

#include "cuda_compat.cuh"

/// One T, or 16 bytes of T, as they are in memory.
template <typename T, bool WIDE>
struct Unit {
  static constexpr int size = 1;
  T bits;
};
template <typename T>
struct Unit<T, true> {
  static constexpr int size = 16 / static_cast<int>(sizeof(T));
  uint4 bits;
};
template <typename T>
using Pack = Unit<T, true>;

template <bool WIDE, typename T>
DEVICE Unit<T, WIDE> load_unit(const T* from) {
  return {*reinterpret_cast<const decltype(Unit<T, WIDE>::bits)*>(from)};
}
template <typename T>
DEVICE Pack<T> load(const T* from) {
  return load_unit<true>(from);
}
template <typename T, bool WIDE>
DEVICE void store(T* to, Unit<T, WIDE> unit) {
  *reinterpret_cast<decltype(unit.bits)*>(to) = unit.bits;
}

/// For data that is used once: first to leave the caches.
template <typename T>
DEVICE Pack<T> load_streaming(const T* from) {
  return {__ldcs(reinterpret_cast<const uint4*>(from))};
}
template <typename T>
DEVICE void store_streaming(T* to, Pack<T> pack) {
  __stcs(reinterpret_cast<uint4*>(to), pack.bits);
}

template <typename T>
DEVICE void unpack(Unit<T, false> unit, float (&values)[1]) {
  values[0] = to_float(unit.bits);
}
DEVICE void unpack(Pack<float> pack, float (&values)[4]) {
  values[0] = __uint_as_float(pack.bits.x);
  values[1] = __uint_as_float(pack.bits.y);
  values[2] = __uint_as_float(pack.bits.z);
  values[3] = __uint_as_float(pack.bits.w);
}
template <typename T>
DEVICE void unpack(Pack<T> pack, float (&values)[8]) {
  const unsigned words[4] = {pack.bits.x, pack.bits.y, pack.bits.z, pack.bits.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    values[2 * i] = low_of<T>(words[i]);
    values[2 * i + 1] = high_of<T>(words[i]);
  }
}

/// Floats as a unit of T; 16-bit types round to nearest, ties to even.
template <typename T>
DEVICE Unit<T, false> pack(const float (&values)[1]) {
  return {from_float<T>(values[0])};
}
template <typename T>
DEVICE Pack<T> pack(const float (&v)[4]) {
  static_assert(Pack<T>::size == 4, "4 floats");
  return {make_uint4(__float_as_uint(v[0]), __float_as_uint(v[1]), __float_as_uint(v[2]), __float_as_uint(v[3]))};
}
template <typename T>
DEVICE Pack<T> pack(const float (&v)[8]) {
  static_assert(Pack<T>::size == 8, "8 of 16 bits");
  return {make_uint4(pair_of<T>(v[0], v[1]), pair_of<T>(v[2], v[3]), pair_of<T>(v[4], v[5]), pair_of<T>(v[6], v[7]))};
}

/// Writes floats, or adds them to what is there: a gradient of weights.
template <int N>
DEVICE void put(float* to, const float (&values)[N], bool accumulate) {
  static_assert(N == 1 || N % 4 == 0, "one, or float4s");
#pragma unroll
  for (int i = 0; i < N % 4; ++i) {
    to[i] = accumulate ? to[i] + values[i] : values[i];
  }
#pragma unroll
  for (int i = 0; i < N / 4; ++i) {
    float4* const place = reinterpret_cast<float4*>(to) + i;
    float4 sum = make_float4(values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3]);
    if (accumulate) {
      const float4 before = *place;
      sum = make_float4(before.x + sum.x, before.y + sum.y, before.z + sum.z, before.w + sum.w);
    }
    *place = sum;
  }
}

/// Whether packs can be read and written here.
template <typename... P>
DEVICE bool aligned(const P*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) | ...) & 15) == 0;
}
