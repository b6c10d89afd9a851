// The host twins of ptx.cuh's functions, with the semantics that the PTX ISA documents, and checks of what it requires.
#pragma once

#include "device.h"
#include "intrinsics.h"

namespace emu {

/// A copy begun by cp.async: done at the wait, so that a forgotten wait shows.
struct AsyncCopy {
  void* shared;
  const void* global;  // null: zeros
};
/// Adds a copy to the thread's open group; closes the group; takes the groups that a wait must finish out of the queue.
void async_copy_begin(const AsyncCopy& copy);
void async_copy_commit();
/// The copies of all but the newest `pending` groups, in order; valid until the thread's next call of these functions.
struct AsyncCopies {
  const AsyncCopy* begin;
  const AsyncCopy* end;
};
AsyncCopies async_copy_take(int pending);

/// Reads shared memory where ThreadSanitizer sees it, also when called from what is not a race.
#ifdef GPT_EMULATOR_TSAN
__attribute__((noinline))
#endif
inline uint32_t read16(const uint16_t* address) {
  return *address;
}

/// One lane's part in ldmatrix: COUNT matrices, by rows of 8 elements of 16 bits.
template <int COUNT, bool TRANSPOSED>
struct LoadMatrix {
  const void* row;
  uint32_t result[COUNT];

  GPT_EMULATOR_NOT_A_RACE static void execute(const Lanes& lanes) {
    for (int lane = 0; lane < 32; ++lane) {
      auto* mine = static_cast<LoadMatrix*>(lanes.slot[lane]);
      for (int i = 0; i < COUNT; ++i) {
        const int g = lane / 4;
        const int c = 2 * (lane % 4);
        const uint32_t low = TRANSPOSED ? element(lanes, i, c, g) : element(lanes, i, g, c);
        const uint32_t high = TRANSPOSED ? element(lanes, i, c + 1, g) : element(lanes, i, g, c + 1);
        mine->result[i] = high << 16 | low;
      }
    }
  }

 private:
  GPT_EMULATOR_NOT_A_RACE static uint32_t element(const Lanes& lanes, int matrix, int row, int column) {
    return read16(static_cast<const uint16_t*>(static_cast<LoadMatrix*>(lanes.slot[8 * matrix + row])->row) + column);
  }
};

template <int COUNT, bool TRANSPOSED>
inline void load_matrix(uint32_t (&r)[COUNT], const void* row, Site site) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
    fail(site, "row address %p is not 16-byte aligned", row);
  }
  if (!in_shared(row, 16)) {
    fail(site, "row address %p is not in shared memory", row);
  }
  LoadMatrix<COUNT, TRANSPOSED> slot{row, {}};
  collective(0xffffffffu, &slot, &LoadMatrix<COUNT, TRANSPOSED>::execute, site);
  std::memcpy(r, slot.result, sizeof r);
}

/// One lane's part in mma.m16n8k16.
struct MatrixMultiply {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
};
/// Products of bf16 or IEEE halves, float accumulation, in place.
void mma_m16n8k16_bf16(const Lanes& lanes);
void mma_m16n8k16_f16(const Lanes& lanes);

}  // namespace emu

namespace ptx {

inline void cp_async16(void* shared, const void* global, bool valid = true, GPT_EMULATOR_HERE) {
  const emu::Site site{"cp.async", file, line};
  if (reinterpret_cast<uintptr_t>(shared) % 16 != 0 || reinterpret_cast<uintptr_t>(global) % 16 != 0) {
    emu::fail(site, "addresses %p (shared) and %p (global) must be 16-byte aligned", shared, global);
  }
  if (!emu::in_shared(shared, 16)) {
    emu::fail(site, "destination %p is not in shared memory", shared);
  }
  // The bytes are undefined from here to the wait.
  std::memset(shared, 0xff, 16);
  if (valid) {
    // Read here, so that a sanitizer names this line.
    const volatile unsigned char* bytes = static_cast<const unsigned char*>(global);
    static_cast<void>(bytes[0]);
    static_cast<void>(bytes[15]);
  }
  emu::async_copy_begin({shared, valid ? global : nullptr});
}

inline void cp_async_commit() { emu::async_copy_commit(); }

template <int N>
inline void cp_async_wait() {
  static_assert(N >= 0, "a number of groups");
  const emu::AsyncCopies copies = emu::async_copy_take(N);
  for (const emu::AsyncCopy* copy = copies.begin; copy != copies.end; ++copy) {
    uint4 bytes{0, 0, 0, 0};
    if (copy->global != nullptr) {
      bytes = *static_cast<const uint4*>(copy->global);
    }
    *static_cast<uint4*>(copy->shared) = bytes;
  }
}

inline void ldmatrix_x4(uint32_t (&r)[4], const void* row, GPT_EMULATOR_HERE) {
  emu::load_matrix<4, false>(r, row, {"ldmatrix.x4", file, line});
}
inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row, GPT_EMULATOR_HERE) {
  emu::load_matrix<4, true>(r, row, {"ldmatrix.x4.trans", file, line});
}
inline void ldmatrix_x2(uint32_t (&r)[2], const void* row, GPT_EMULATOR_HERE) {
  emu::load_matrix<2, false>(r, row, {"ldmatrix.x2", file, line});
}
inline void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row, GPT_EMULATOR_HERE) {
  emu::load_matrix<2, true>(r, row, {"ldmatrix.x2.trans", file, line});
}

inline void mma_m16n8k16_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], GPT_EMULATOR_HERE) {
  emu::MatrixMultiply slot{d, a, b};
  emu::collective(0xffffffffu, &slot, &emu::mma_m16n8k16_bf16, {"mma.m16n8k16.bf16", file, line});
}
inline void mma_m16n8k16_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], GPT_EMULATOR_HERE) {
  emu::MatrixMultiply slot{d, a, b};
  emu::collective(0xffffffffu, &slot, &emu::mma_m16n8k16_f16, {"mma.m16n8k16.f16", file, line});
}

inline uint16_t bf16_bits(float x) {
  const unsigned bits = __float_as_uint(x);
  if (x != x) {
    return 0x7fff;
  }
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float f16_value(uint16_t bits) {
  const float magnitude = (bits & 0x7c00) == 0x7c00
      ? __uint_as_float(0x7f800000u | (bits & 0x3ffu) << 13)
      // The exponent's bias is 112 less: scaling by 2^112 is exact, also for subnormals.
      : __uint_as_float((bits & 0x7fffu) << 13) * 0x1p112f;
  return bits & 0x8000 ? -magnitude : magnitude;
}

inline uint16_t f16_bits(float x) {
  if (x != x) {
    return 0x7fff;
  }
  const unsigned sign = __float_as_uint(x) >> 16 & 0x8000;
  const float magnitude = ::fabsf(x);
  if (magnitude >= 65520.0f) {  // rounds to beyond the largest
    return static_cast<uint16_t>(sign | 0x7c00);
  }
  if (magnitude < 0x1p-14f) {  // subnormal: a multiple of 2^-24
    return static_cast<uint16_t>(sign | static_cast<unsigned>(::nearbyintf(magnitude * 0x1p24f)));
  }
  const unsigned bits = __float_as_uint(magnitude) - (112u << 23);
  return static_cast<uint16_t>(sign | (bits + 0xfff + (bits >> 13 & 1)) >> 13);
}

inline uint32_t pack_bf16(float lo, float hi) { return static_cast<uint32_t>(bf16_bits(hi)) << 16 | bf16_bits(lo); }

inline uint32_t pack_f16(float lo, float hi) { return static_cast<uint32_t>(f16_bits(hi)) << 16 | f16_bits(lo); }

inline float ex2(float x) {
  const float y = ::exp2f(x);
  return y < 1.17549435e-38f ? 0.0f : y;
}

inline uint4 load128_streaming(const void* global) { return *static_cast<const uint4*>(global); }
inline void store128_streaming(void* global, uint4 v) { *static_cast<uint4*>(global) = v; }

}  // namespace ptx
