// 128-bit accesses: what a thread moves at once is a pack of 4 floats or 8 bf16; arithmetic is on floats.
//
// A row can be read by packs when its width is a multiple of the pack, because tensors begin at multiples of 64 bytes (slices
// of rows then at multiples of 16). Kernels that take any count ask `aligned` instead.
#pragma once

#include "cuda_compat.cuh"

/// 16 bytes of T as they are in memory.
template <typename T>
struct Pack {
  static constexpr int size = 16 / static_cast<int>(sizeof(T));
  uint4 bits;
};

template <typename T>
DEVICE Pack<T> load(const T* from) {
  return {*reinterpret_cast<const uint4*>(from)};
}
template <typename T>
DEVICE void store(T* to, Pack<T> pack) {
  *reinterpret_cast<uint4*>(to) = pack.bits;
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

DEVICE void unpack(Pack<float> pack, float (&values)[4]) {
  values[0] = __uint_as_float(pack.bits.x);
  values[1] = __uint_as_float(pack.bits.y);
  values[2] = __uint_as_float(pack.bits.z);
  values[3] = __uint_as_float(pack.bits.w);
}
DEVICE void unpack(Pack<bf16> pack, float (&values)[8]) {
  const unsigned words[4] = {pack.bits.x, pack.bits.y, pack.bits.z, pack.bits.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    values[2 * i] = __uint_as_float(words[i] << 16);
    values[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
  }
}

DEVICE Pack<float> pack(const float (&values)[4]) {
  return {make_uint4(__float_as_uint(values[0]), __float_as_uint(values[1]), __float_as_uint(values[2]),
                     __float_as_uint(values[3]))};
}
/// Rounds to nearest, ties to even.
DEVICE Pack<bf16> pack(const float (&values)[8]) {
  return {make_uint4(ptx::pack_bf16(values[0], values[1]), ptx::pack_bf16(values[2], values[3]),
                     ptx::pack_bf16(values[4], values[5]), ptx::pack_bf16(values[6], values[7]))};
}

/// Loads and unpacks in one go.
template <typename T>
DEVICE void load_floats(const T* from, float (&values)[Pack<T>::size]) {
  unpack(load(from), values);
}
template <typename T>
DEVICE void store_floats(T* to, const float (&values)[Pack<T>::size]) {
  store(to, pack(values));
}

/// Whether packs can be read and written here.
template <typename... P>
DEVICE bool aligned(const P*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) | ... | 0) & 15) == 0;
}
