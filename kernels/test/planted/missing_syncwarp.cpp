// An exchange within a warp through shared memory without __syncwarp, which a shuffle does not replace: it orders no memory.
// tsan: ThreadSanitizer: data race
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(32, planted_missing_syncwarp)(const float* x, float* y) {
  SHARED(float, s, [32]);
  s[threadIdx.x] = x[threadIdx.x];
  const float first = __shfl_sync(FULL_WARP, x[threadIdx.x], 0);
  // planted: __syncwarp() is missing
  y[threadIdx.x] = s[31 - threadIdx.x] + first;
}
EXPORT_KERNEL(planted_missing_syncwarp)

TEST(missing_syncwarp) {
  Array<float> x = uniform<float>(32, 0, 1);
  Array<float> y(32);
  launch("planted_missing_syncwarp", dim3(1), dim3(32), 0, x, y);
  expect_close("y", y, [&](size_t i) { return x.value(31 - i) + x.value(0); }, 1e-6, 0);
}
