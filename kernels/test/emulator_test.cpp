// The emulator's own contract: what the operations compute, and that misuse is reported rather than hung or computed.
#include "kernel_test.h"

using namespace kernel_test;

namespace {

bool mentions(const std::string& report, const char* part) { return report.find(part) != std::string::npos; }

void expect_report(const std::string& report, const char* part) {
  expect(mentions(report, part), "expected a report of '" + std::string(part) + "', got '" + report + "'");
}

}  // namespace

// --- Threads, shuffles, votes --------------------------------------------------------------------------------------

KERNEL(1024, emu_indices)(int* out) {
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  atomicAdd(&out[block * (blockDim.x * blockDim.y * blockDim.z) + thread], 1 + static_cast<int>(thread));
}
EXPORT_KERNEL(emu_indices)

TEST(emulator_runs_every_thread_once) {
  Array<int> out(2 * 3 * 2 * 96);
  out.fill(0);
  launch("emu_indices", dim3(2, 3, 2), dim3(8, 4, 3), 0, out);
  expect_close("out", out, [](size_t i) { return 1.0 + static_cast<double>(i % 96); }, 0, 0);
}

KERNEL(64, emu_shuffles)(int* out) {
  const int t = static_cast<int>(threadIdx.x);
  int* mine = out + 10 * t;
  mine[0] = __shfl_sync(FULL_WARP, t, 5);
  mine[1] = __shfl_xor_sync(FULL_WARP, t, 16);
  mine[2] = __shfl_down_sync(FULL_WARP, t, 3);
  mine[3] = __shfl_up_sync(FULL_WARP, t, 3);
  mine[4] = __shfl_sync(FULL_WARP, t, 9, 8);
  mine[5] = static_cast<int>(__ballot_sync(FULL_WARP, t % 3 == 0));
  mine[6] = __any_sync(FULL_WARP, t == 33);
  mine[7] = __all_sync(FULL_WARP, t >= 32);
  // Half warps on their own, at different numbers of steps.
  const unsigned half = t % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  int sum = t;
  for (int step = t % 32 < 16 ? 8 : 4; step > 0; step /= 2) {
    sum += __shfl_xor_sync(half, sum, step);
  }
  mine[8] = sum;
  mine[9] = static_cast<int>(__reduce_add_sync(FULL_WARP, static_cast<unsigned>(t)));
}
EXPORT_KERNEL(emu_shuffles)

TEST(emulator_shuffles_and_votes) {
  Array<int> out(640);
  launch("emu_shuffles", dim3(1), dim3(64), 0, out);
  unsigned thirds[2] = {0, 0};
  for (int t = 0; t < 64; ++t) {
    thirds[t / 32] |= t % 3 == 0 ? 1u << t % 32 : 0;
  }
  expect_close("out", out, [&](size_t i) -> double {
    const int t = static_cast<int>(i / 10);
    const int warp = t / 32 * 32;
    const int lane = t % 32;
    const int half_base = warp + (lane < 16 ? 0 : lane / 8 * 8);
    const int half_lanes = lane < 16 ? 16 : 8;
    switch (i % 10) {
      case 0: return warp + 5;
      case 1: return warp + (lane ^ 16);
      case 2: return lane + 3 < 32 ? t + 3 : t;
      case 3: return lane >= 3 ? t - 3 : t;
      case 4: return warp + lane / 8 * 8 + 1;
      case 5: return static_cast<int>(thirds[t / 32]);
      case 6: return warp == 32;
      case 7: return warp == 32;
      case 8: return half_lanes * half_base + half_lanes * (half_lanes - 1) / 2;
      default: return 32 * warp + 31 * 16;
    }
  }, 0, 0);
}

KERNEL(1024, emu_block_sum)(const float* x, float* y, int n) {
  SHARED(float, partial, [32]);
  DYN_SHARED(float, values);
  const int t = static_cast<int>(threadIdx.x);
  values[t] = t < n ? x[t] : 0.0f;
  __syncthreads();
  float sum = values[blockDim.x - 1 - t];  // another warp's
  for (int step = 16; step > 0; step /= 2) {
    sum += __shfl_xor_sync(FULL_WARP, sum, step);
  }
  if (t % 32 == 0) {
    partial[t / 32] = sum;
  }
  __syncthreads();
  float total = 0.0f;
  for (unsigned i = 0; i < blockDim.x / 32; ++i) {
    total += partial[i];
  }
  y[t] = total + static_cast<float>(__syncthreads_count(t < n));
}
EXPORT_KERNEL(emu_block_sum)

TEST(emulator_barriers_of_warps) {
  for (int repeat = 0; repeat < 20; ++repeat) {
    Array<float> x = uniform<float>(100, -1, 1);
    Array<float> y(128);
    launch("emu_block_sum", dim3(1), dim3(128), 4096, x, y, 100);
    double sum = 100;
    for (size_t i = 0; i < 100; ++i) {
      sum += x.value(i);
    }
    expect_close("y", y, [&](size_t) { return sum; }, 1e-6, 0);
  }
}

TEST(emulator_barriers_and_shared_memory) {
  Array<float> x = uniform<float>(700, -1, 1);
  Array<float> y(1024);
  launch("emu_block_sum", dim3(1), dim3(1024), 4096, x, y, 700);
  double sum = 700;
  for (size_t i = 0; i < 700; ++i) {
    sum += x.value(i);
  }
  expect_close("y", y, [&](size_t) { return sum; }, 1e-6, 0);
}

// --- Tensor cores --------------------------------------------------------------------------------------------------

/// C (16×8) = A (16×16) B (16×8): both row-major in global memory, B through a transposing load.
KERNEL(32, emu_mma)(const bf16* a, const bf16* b, float* c, int forget_wait) {
  SHARED(bf16, tile_a, [16][16]);
  SHARED(bf16, tile_b, [16][8]);
  const int t = static_cast<int>(threadIdx.x);
  ptx::cp_async16(&tile_a[t / 2][t % 2 * 8], a + t / 2 * 16 + t % 2 * 8);
  ptx::cp_async_commit();
  if (t < 16) {
    ptx::cp_async16(&tile_b[t][0], b + t * 8);
  }
  ptx::cp_async_commit();
  if (forget_wait) {
    ptx::cp_async_wait<1>();
  } else {
    ptx::cp_async_wait<0>();
  }
  __syncwarp();
  uint32_t fragment_a[4];
  uint32_t fragment_b[2];
  float d[4] = {0, 0, 0, 0};
  ptx::ldmatrix_x4(fragment_a, &tile_a[t % 16][t / 16 * 8]);
  ptx::ldmatrix_x2_trans(fragment_b, &tile_b[t % 16][0]);
  ptx::mma_m16n8k16_bf16(d, fragment_a, fragment_b);
  const int g = t / 4;
  const int column = 2 * (t % 4);
  c[g * 8 + column] = d[0];
  c[g * 8 + column + 1] = d[1];
  c[(g + 8) * 8 + column] = d[2];
  c[(g + 8) * 8 + column + 1] = d[3];
}
EXPORT_KERNEL(emu_mma)

TEST(emulator_multiplies_matrices) {
  Array<bf16> a = uniform<bf16>(256, -1, 1, 1);
  Array<bf16> b = uniform<bf16>(128, -1, 1, 2);
  Array<float> c(128);
  launch("emu_mma", dim3(1), dim3(32), 0, a, b, c, 0);
  expect_close("c", c, [&](size_t i) {
    double sum = 0;
    for (size_t k = 0; k < 16; ++k) {
      sum += a.value(i / 8 * 16 + k) * b.value(k * 8 + i % 8);
    }
    return sum;
  }, 1e-6, 1e-6);
}

TEST(emulator_forgotten_wait_gives_nan) {
  Array<bf16> a = uniform<bf16>(256, -1, 1, 1);
  Array<bf16> b = uniform<bf16>(128, -1, 1, 2);
  Array<float> c(128);
  launch("emu_mma", dim3(1), dim3(32), 0, a, b, c, 1);
  for (size_t i = 0; i < c.size(); ++i) {
    expect(std::isnan(c[i]), "a product of a matrix that was not waited for must be NaN");
  }
}

TEST(emulator_bf16_conversions) {
  // Ties to even, overflow to infinity, NaN, subnormals.
  expect(to_bf16(1.00390625f).bits == 0x3f80, "tie to even, down");
  expect(to_bf16(1.01171875f).bits == 0x3f82, "tie to even, up");
  expect(to_bf16(3.4e38f).bits == 0x7f80, "beyond the largest is infinity");
  expect(to_bf16(NAN).bits == 0x7fff, "NaN");
  expect(to_bf16(-0.0f).bits == 0x8000, "negative zero");
  expect(to_float(bf16{0x0001}) == 9.18354962e-41f, "subnormal");
  expect(ptx::pack_bf16(1.0f, 2.0f) == 0x40003f80u, "the first is the lower half");
}

TEST(emulator_half_conversions) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const float x = ptx::f16_value(static_cast<uint16_t>(bits));
    const uint16_t back = ptx::f16_bits(x);
    expect(x != x ? back == 0x7fff : back == bits, "half " + std::to_string(bits) + " is " + std::to_string(x));
  }
  expect(ptx::f16_value(0x3c00) == 1.0f && ptx::f16_value(0x0001) == 0x1p-24f, "one, and the least");
  expect(ptx::f16_bits(1.0f + 0x1p-11f) == 0x3c00 && ptx::f16_bits(1.0f + 0x1.8p-10f) == 0x3c02, "ties to even");
  expect(ptx::f16_bits(0x1p-25f) == 0 && ptx::f16_bits(0x1.8p-24f) == 2, "subnormal ties to even");
  expect(ptx::f16_bits(65519.0f) == 0x7bff && ptx::f16_bits(-65520.0f) == 0xfc00, "overflow");
}

// --- Misuse --------------------------------------------------------------------------------------------------------

KERNEL(64, emu_misuse)(int what, int* out) {
  SHARED(int, s, [32]);
  const int t = static_cast<int>(threadIdx.x);
  if (what == 0) {  // half of a warp in a shuffle of all
    if (t < 16) {
      out[t] = __shfl_xor_sync(FULL_WARP, t, 1);
    } else {
      out[t] = __shfl_xor_sync(FULL_WARP, t, 2);
    }
  } else if (what == 1) {  // two barriers
    if (t < 32) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  } else if (what == 2) {  // returned lanes
    if (t % 2 == 0) {
      return;
    }
    __syncwarp();
  } else if (what == 3) {  // barrier against shuffle
    if (t % 32 < 16) {
      __syncthreads();
    } else {
      __syncwarp();
    }
  } else if (what == 4) {  // write past a shared array
    int* const p = s;
    p[t] = t;
  } else if (what == 5) {
    out[t] = __shfl_sync(0xffffu, t, 20);
  } else if (what == 6) {
    __trap();
  } else if (what == 7) {  // a barrier that some skip, returning: allowed since sm_70
    if (t >= 32) {
      return;
    }
    __syncthreads();
    out[t] = t;
  }
}
EXPORT_KERNEL(emu_misuse)

TEST(emulator_reports_divergence) {
  Array<int> out(64);
  const auto run = [&](int what) { return launch_report("emu_misuse", dim3(2), dim3(64), 0, what, out); };
  expect_report(run(0), "diverged");
  expect_report(run(0), "emulator_test.cpp:");
  expect_report(run(1), "diverged");
  const std::string returned = run(2);
  expect(mentions(returned, "not there") || mentions(returned, "this thread returned"), returned);
  expect_report(run(3), "threads wait for each other");
  expect_report(run(5), "lane");
  expect_report(run(6), "__trap");
  expect_report(run(7), "");
  expect(run(7).empty(), "returned threads do not hold up a barrier");
}

#ifndef GPT_EMULATOR_ASAN
TEST(emulator_reports_shared_overrun) {
  Array<int> out(64);
  expect_report(launch_report("emu_misuse", dim3(1), dim3(64), 0, 4, out), "byte 128 of s");
}
#endif

KERNEL(128, emu_large)(int* out) {
  SHARED(int, s, [12288]);
  s[threadIdx.x] = 1;
  out[threadIdx.x] = s[threadIdx.x];
}
EXPORT_KERNEL(emu_large)

TEST(emulator_enforces_limits) {
  Array<int> out(2048);
  expect_report(launch_report("emu_large", dim3(1), dim3(128), 0, out), "");
  expect_report(launch_report("emu_large", dim3(1), dim3(128), 200 << 10, out), "at most");
  expect_report(launch_report("emu_large", dim3(1), dim3(129), 0, out), "launch bound");
  expect_report(launch_report("emu_indices", dim3(1), dim3(1025), 0, out), "threads");
  expect_report(launch_report("emu_indices", dim3(1, 65536), dim3(32), 0, out), "grid");
  expect_report(launch_report("emu_indices", dim3(0), dim3(32), 0, out), "grid");
  expect_report(launch_report("emu_indices", dim3(1), dim3(32), 228 << 10, out), "dynamic shared memory");
  expect_report(launch_report("emu_indices", dim3(1), dim3(32), 0, out, 1), "parameters");
}
