// An asynchronous copy that nobody waited for.
// plain: y\[[0-9]+\] is -?nan
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(32, planted_forgotten_wait)(const float* x, float* y) {
  SHARED(float, s, [128]);
  ptx::cp_async16(&s[4 * threadIdx.x], x + 4 * threadIdx.x);
  ptx::cp_async_commit();
  // planted: ptx::cp_async_wait<0>() is missing
  __syncthreads();
  y[threadIdx.x] = s[127 - threadIdx.x];
}
EXPORT_KERNEL(planted_forgotten_wait)

TEST(forgotten_wait) {
  Array<float> x = uniform<float>(128, 0, 1);
  Array<float> y(32);
  launch("planted_forgotten_wait", dim3(1), dim3(32), 0, x, y);
  expect_close("y", y, [&](size_t i) { return x.value(127 - i); }, 0, 0);
}
