// The tensor cores' instruction, executed for the whole warp by the last lane to arrive.
#include "ptx_host.h"

namespace emu {

namespace {
float bf16_at(const uint32_t* registers, int i) {
  return bit_cast<float>(i % 2 == 0 ? registers[i / 2] << 16 : registers[i / 2] & 0xffff0000u);
}

float f16_at(const uint32_t* registers, int i) {
  return ptx::f16_value(static_cast<uint16_t>(registers[i / 2] >> i % 2 * 16));
}

template <float (*ELEMENT)(const uint32_t*, int)>
void mma_m16n8k16(const Lanes& lanes) {
  // Fragments into matrices, as ptx.cuh describes them.
  float a[16][16];
  float b[16][8];
  float d[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    const auto& part = *static_cast<const MatrixMultiply*>(lanes.slot[lane]);
    const int g = lane / 4;
    const int c = 2 * (lane % 4);
    for (int i = 0; i < 2; ++i) {
      a[g][c + i] = ELEMENT(part.a, i);
      a[g + 8][c + i] = ELEMENT(part.a, 2 + i);
      a[g][c + 8 + i] = ELEMENT(part.a, 4 + i);
      a[g + 8][c + 8 + i] = ELEMENT(part.a, 6 + i);
      b[c + i][g] = ELEMENT(part.b, i);
      b[c + 8 + i][g] = ELEMENT(part.b, 2 + i);
      d[g][c + i] = part.d[i];
      d[g + 8][c + i] = part.d[2 + i];
    }
  }
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 16; ++k) {
      for (int column = 0; column < 8; ++column) {
        d[row][column] += a[row][k] * b[k][column];
      }
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    const auto& part = *static_cast<const MatrixMultiply*>(lanes.slot[lane]);
    const int g = lane / 4;
    const int c = 2 * (lane % 4);
    for (int i = 0; i < 2; ++i) {
      part.d[i] = d[g][c + i];
      part.d[2 + i] = d[g + 8][c + i];
    }
  }
}
}  // namespace

void mma_m16n8k16_bf16(const Lanes& lanes) { mma_m16n8k16<bf16_at>(lanes); }
void mma_m16n8k16_f16(const Lanes& lanes) { mma_m16n8k16<f16_at>(lanes); }

}  // namespace emu
