// Shared memory that is read before another warp has written it.
// plain: y\[[0-9]+\] is -?nan
// shuffled: y\[[0-9]+\] is -?nan
// tsan: ThreadSanitizer: data race
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(128, planted_missing_barrier)(const float* x, float* y) {
  SHARED(float, s, [128]);
  s[threadIdx.x] = x[threadIdx.x];
  // planted: __syncthreads() is missing
  y[threadIdx.x] = s[127 - threadIdx.x];
}
EXPORT_KERNEL(planted_missing_barrier)

TEST(missing_barrier) {
  Array<float> x = uniform<float>(128, 0, 1);
  Array<float> y(128);
  launch("planted_missing_barrier", dim3(1), dim3(128), 0, x, y);
  expect_close("y", y, [&](size_t i) { return x.value(127 - i); }, 0, 0);
}
