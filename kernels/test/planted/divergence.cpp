// A shuffle of the whole warp that a part of it does not reach.
// plain: thread \(.*__shfl_down_sync at divergence.cpp
// shuffled: __shfl_down_sync at divergence.cpp
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(32, planted_divergence)(const float* x, float* y, int n) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) {  // planted: the other lanes are missing below
    float sum = x[i];
    for (int step = 16; step > 0; step /= 2) {
      sum += __shfl_down_sync(FULL_WARP, sum, step);
    }
    y[i] = sum;
  }
}
EXPORT_KERNEL(planted_divergence)

TEST(divergence) {
  Array<float> x = uniform<float>(20, 0, 1);
  Array<float> y(20);
  launch("planted_divergence", dim3(1), dim3(32), 0, x, y, 20);
}
