// Every instruction that C++ cannot name, as a function, with a host twin for the emulator: the only file with inline PTX.
// Semantics are those of the PTX ISA manual's entries for the instruction named at each function; sm_80 and newer.
#pragma once

#include "device_base.cuh"

#ifdef GPT_EMULATOR
#include "../emulator/ptx_host.h"
#else

namespace ptx {

/// A generic pointer into shared memory as the 32-bit address that shared-memory instructions take.
DEVICE unsigned shared_address(const void* shared) { return static_cast<unsigned>(__cvta_generic_to_shared(shared)); }

// --- Asynchronous copies -------------------------------------------------------------------------------------------

/// cp.async.cg: 16 bytes from global to shared memory, both 16-byte aligned; zeros when !valid (global must still be a pointer
/// into an array, it is not read). Its bytes may be used only after cp_async_wait and a barrier.
DEVICE void cp_async16(void* shared, const void* global, bool valid = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid ? 16 : 0)
               : "memory");
}

/// cp.async.commit_group: the copies that this thread began since the last commit form a group.
DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }

/// cp.async.wait_group: waits until at most N of this thread's groups, the newest ones, are still under way.
template <int N>
DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(N) : "memory");
}

// --- Matrix fragments ----------------------------------------------------------------------------------------------

/// ldmatrix.x4: four 8×8 matrices of 16-bit elements; lane l gives the address of row l % 8 of matrix l / 8 (16 bytes,
/// 16-byte aligned), and gets of matrix i, in r[i], the elements (l / 4, 2 (l % 4)) and (l / 4, 2 (l % 4) + 1).
DEVICE void ldmatrix_x4(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

/// ldmatrix.x4.trans: as ldmatrix_x4, each matrix transposed.
DEVICE void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

/// ldmatrix.x2: two matrices, rows from lanes 0–15; the other lanes' addresses are not used but must be valid.
DEVICE void ldmatrix_x2(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];\n"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}

/// ldmatrix.x2.trans: as ldmatrix_x2, each matrix transposed.
DEVICE void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];\n"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}

/// mma.m16n8k16 bf16: D (16×8, float) += A (16×16, row-major) B (16×8, column-major). With g = lane / 4 and c = 2 (lane % 4):
/// a[0] = A(g, c..c+1), a[1] = A(g+8, c..), a[2] = A(g, c+8..), a[3] = A(g+8, c+8..); b[0] = B(c..c+1, g), b[1] = B(c+8.., g);
/// d[0..1] = D(g, c..c+1), d[2..3] = D(g+8, c..c+1). The element of lower index is in the lower half of the register.
DEVICE void mma_m16n8k16_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// mma.m16n8k16 f16: mma_m16n8k16_bf16 with IEEE halves; products and sums are float, so only operands can overflow.
DEVICE void mma_m16n8k16_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// --- Conversions and arithmetic ------------------------------------------------------------------------------------

/// cvt.rn.bf16.f32: the bits of x as bfloat16, ties to even; NaN gives 0x7fff.
DEVICE uint16_t bf16_bits(float x) {
  uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;\n" : "=h"(bits) : "f"(x));
  return bits;
}

/// cvt.rn.bf16x2.f32: two bfloat16 in a register, lo in its lower half.
DEVICE uint32_t pack_bf16(float lo, float hi) {
  uint32_t bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(bits) : "f"(hi), "f"(lo));
  return bits;
}

/// cvt.rn.f16.f32: the bits of x as IEEE half, ties to even; 65520 and up give infinity, NaN gives 0x7fff.
DEVICE uint16_t f16_bits(float x) {
  uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;\n" : "=h"(bits) : "f"(x));
  return bits;
}

/// cvt.rn.f16x2.f32: two IEEE halves in a register, lo in its lower half.
DEVICE uint32_t pack_f16(float lo, float hi) {
  uint32_t bits;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;\n" : "=r"(bits) : "f"(hi), "f"(lo));
  return bits;
}

/// cvt.f32.f16: exact.
DEVICE float f16_value(uint16_t bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;\n" : "=f"(x) : "h"(bits));
  return x;
}

/// ex2.approx.ftz: 2^x within 2 ulp; subnormal inputs and results are zero.
DEVICE float ex2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

// --- 128-bit accesses of data used once ----------------------------------------------------------------------------

/// ld.global.cs: 16 bytes of global memory, 16-byte aligned, first to be evicted.
DEVICE uint4 load128_streaming(const void* global) {
  uint4 v;
  asm volatile("ld.global.cs.v4.u32 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(global)
               : "memory");
  return v;
}

/// st.global.cs: 16 bytes to global memory, 16-byte aligned, first to be evicted.
DEVICE void store128_streaming(void* global, uint4 v) {
  asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};\n" ::"l"(global), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
               : "memory");
}

}  // namespace ptx

#endif
