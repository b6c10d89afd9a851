// The fragments of mma.m16n8k16 element by element, from the tables of the PTX ISA manual (9.7.14.5.8, "Matrix fragments for
// mma.m16n8k16 with floating point type") and not from ldmatrix: a layout that the kernels' tile class and the emulator's
// ldmatrix misread alike would show here.
#include "reference.h"

#include "attention_mma.cuh"

using namespace kernel_test;

namespace {

// With groupID = lane / 4 and threadID_in_group = lane % 4, in the manual's words; i counts 16-bit elements, low half first.
int a_row(int lane, int i) { return i < 2 || (i >= 4 && i < 6) ? lane / 4 : lane / 4 + 8; }
int a_column(int lane, int i) { return lane % 4 * 2 + (i & 1) + (i >= 4 ? 8 : 0); }
int b_row(int lane, int i) { return lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0); }
int b_column(int lane, int) { return lane / 4; }
int c_row(int lane, int i) { return i < 2 ? lane / 4 : lane / 4 + 8; }
int c_column(int lane, int i) { return lane % 4 * 2 + (i & 1); }

/// Values that bf16 holds exactly, all different within a tile row of any head size.
Array<bf16> numbered(int rows, int columns) {
  Array<bf16> tile(static_cast<size_t>(rows) * columns);
  for (size_t i = 0; i < tile.size(); i++) {
    tile[i] = bf16{static_cast<uint16_t>(0x3f80 + i % 0x1000)};
  }
  return tile;
}

uint16_t element(const Array<unsigned>& registers, size_t first, int i) {
  return static_cast<uint16_t>(registers[first + i / 2] >> (i & 1) * 16);
}

}  // namespace

template <typename T>
DEVICE void product_of_fragments(const unsigned* a, const unsigned* b, float* d) {
  uint32_t left[4];
  uint32_t right[2];
  float sums[4];
  for (int i = 0; i < 4; i++) {
    left[i] = a[threadIdx.x * 4 + i];
    sums[i] = d[threadIdx.x * 4 + i];
  }
  for (int i = 0; i < 2; i++) {
    right[i] = b[threadIdx.x * 2 + i];
  }
  multiply_fragments<T>(sums, left, right);
  for (int i = 0; i < 4; i++) {
    d[threadIdx.x * 4 + i] = sums[i];
  }
}
KERNEL(32, layout_product_bf16)(const unsigned* a, const unsigned* b, float* d) { product_of_fragments<bf16>(a, b, d); }
EXPORT_KERNEL(layout_product_bf16)
KERNEL(32, layout_product_f16)(const unsigned* a, const unsigned* b, float* d) { product_of_fragments<f16>(a, b, d); }
EXPORT_KERNEL(layout_product_f16)

template <typename T>
void check_product() {
  const auto a = uniform<T>(16 * 16, -2, 2, 1);
  const auto b = uniform<T>(16 * 8, -2, 2, 2);
  const auto c = uniform<float>(16 * 8, -2, 2, 3);
  Array<unsigned> a_registers(32 * 4);
  Array<unsigned> b_registers(32 * 2);
  Array<float> d(32 * 4);
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < 8; i += 2) {
      a_registers[lane * 4 + i / 2] = a[a_row(lane, i) * 16 + a_column(lane, i)].bits |
                                      static_cast<unsigned>(a[a_row(lane, i + 1) * 16 + a_column(lane, i + 1)].bits) << 16;
    }
    for (int i = 0; i < 4; i += 2) {
      b_registers[lane * 2 + i / 2] = b[b_row(lane, i) * 8 + b_column(lane, i)].bits |
                                      static_cast<unsigned>(b[b_row(lane, i + 1) * 8 + b_column(lane, i + 1)].bits) << 16;
    }
    for (int i = 0; i < 4; i++) {
      d[lane * 4 + i] = c[c_row(lane, i) * 8 + c_column(lane, i)];
    }
  }
  launch(std::string("layout_product") + SUFFIX<T>, dim3(1), dim3(32), 0, a_registers, b_registers, d);
  expect_close("d", d, [&](size_t index) {
    const int row = c_row(static_cast<int>(index / 4), static_cast<int>(index % 4));
    const int column = c_column(static_cast<int>(index / 4), static_cast<int>(index % 4));
    double sum = c.value(row * 8 + column);
    for (int k = 0; k < 16; k++) {
      sum += a.value(row * 16 + k) * b.value(k * 8 + column);
    }
    return sum;
  }, 1e-6, 1e-5);
}

TEST(attention_layout_of_a_product) {
  check_product<bf16>();
  check_product<f16>();
}

/// Registers of the A fragment, of both B fragments of the transposed tile and of both of the tile as it is, for each k.
template <int HS>
DEVICE void read_fragments(const bf16* from, unsigned* to) {
  DYN_SHARED(bf16, shared);
  Tile<bf16, HS>::template load<16, 32>(shared, from, HS, 16);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  __syncthreads();
  for (int k = 0; k < HS / 16; k++) {
    unsigned* const mine = to + (k * 32 + threadIdx.x) * 12;
    uint32_t a[4];
    uint32_t low[2];
    uint32_t high[2];
    Tile<bf16, HS>::fragment_a(a, shared, Tile<bf16, HS>::lane_rows(), k);
    for (int i = 0; i < 4; i++) {
      mine[i] = a[i];
    }
    Tile<bf16, HS>::fragment_b(low, high, shared, Tile<bf16, HS>::lane_columns(), k);
    for (int i = 0; i < 2; i++) {
      mine[4 + i] = low[i];
      mine[6 + i] = high[i];
    }
    Tile<bf16, HS>::fragment_b_trans(low, high, shared, Tile<bf16, HS>::lane_rows(), k);
    for (int i = 0; i < 2; i++) {
      mine[8 + i] = low[i];
      mine[10 + i] = high[i];
    }
  }
}

#define LAYOUT_KERNEL(HS) \
  KERNEL(32, layout_fragments_##HS)(const bf16* from, unsigned* to) { read_fragments<HS>(from, to); } \
  EXPORT_KERNEL(layout_fragments_##HS)
LAYOUT_KERNEL(32)
LAYOUT_KERNEL(64)
LAYOUT_KERNEL(96)
LAYOUT_KERNEL(128)

TEST(attention_layout_of_fragments_from_tiles) {
  for (int hs : {32, 64, 96, 128}) {
    const auto tile = numbered(16, hs);
    Array<unsigned> registers(static_cast<size_t>(hs / 16) * 32 * 12);
    launch("layout_fragments_" + std::to_string(hs), dim3(1), dim3(32), 16 * hs * 2, tile, registers);
    const auto bits = [&](int row, int column) { return tile[static_cast<size_t>(row) * hs + column].bits; };
    for (int k = 0; k < hs / 16; k++) {
      for (int lane = 0; lane < 32; lane++) {
        const size_t mine = static_cast<size_t>(k * 32 + lane) * 12;
        const std::string where = "HS " + std::to_string(hs) + " k " + std::to_string(k) + " lane " + std::to_string(lane);
        for (int i = 0; i < 8; i++) {
          expect(element(registers, mine, i) == bits(a_row(lane, i), 16 * k + a_column(lane, i)), where + ": A");
        }
        for (int i = 0; i < 4; i++) {
          for (int half = 0; half < 2; half++) {
            // B(i, n) = tile(8 half + n, 16 k + i), then B(i, n) = tile(i, 16 k + 8 half + n).
            expect(element(registers, mine + 4 + 2 * half, i) == bits(8 * half + b_column(lane, i), 16 * k + b_row(lane, i)),
                   where + ": B of the transposed tile");
            expect(element(registers, mine + 8 + 2 * half, i) == bits(b_row(lane, i), 16 * k + 8 * half + b_column(lane, i)),
                   where + ": B of the tile");
          }
        }
      }
    }
  }
}

/// Bank groups of 16 bytes that the eight rows of each 8x8 matrix lie in: eight different ones, or ldmatrix takes longer.
TEST(attention_layout_without_bank_conflicts) {
  const auto check = [](int hs, const std::function<int(int, int)>& at) {
    for (int row = 0; row < 64; row += 8) {
      for (int chunk = 0; chunk < hs / 8; chunk++) {
        unsigned banks = 0;
        for (int r = 0; r < 8; r++) {
          banks |= 1u << at(row + r, chunk) / 8 % 8;
        }
        expect(banks == 0xff, "HS " + std::to_string(hs) + " row " + std::to_string(row) + " chunk " + std::to_string(chunk));
      }
    }
  };
  check(32, [](int row, int chunk) { return Tile<bf16, 32>::at(row, chunk); });
  check(64, [](int row, int chunk) { return Tile<bf16, 64>::at(row, chunk); });
  check(96, [](int row, int chunk) { return Tile<bf16, 96>::at(row, chunk); });
  check(128, [](int row, int chunk) { return Tile<bf16, 128>::at(row, chunk); });
}
