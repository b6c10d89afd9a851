#include "gemm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "pool.h"
#include "ptx_host.h"

namespace emu {

namespace {

// A block of D is 128×96; its sums go over panels of 16 rows by 6 columns: twelve AVX2 registers of sums.
constexpr int64_t ROWS = 128;
constexpr int64_t COLUMNS = 96;
constexpr int64_t DEPTH = 256;
constexpr int64_t PANEL_ROWS = 16;
constexpr int64_t PANEL_COLUMNS = 6;

using Vector = float __attribute__((vector_size(64)));

float load(const void* data, Type type, int64_t i) {
  if (type == Type::F32) {
    return static_cast<const float*>(data)[i];
  }
  const uint16_t bits = static_cast<const uint16_t*>(data)[i];
  return type == Type::F16 ? ptx::f16_value(bits) : bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

void store(void* data, Type type, int64_t i, float x) {
  if (type == Type::F32) {
    static_cast<float*>(data)[i] = x;
  } else {
    static_cast<uint16_t*>(data)[i] = type == Type::F16 ? ptx::f16_bits(x) : ptx::bf16_bits(x);
  }
}

float to_tf32(float x) {
  const auto bits = bit_cast<uint32_t>(x);
  return x - x != 0 ? x : bit_cast<float>((bits + 0x1000) & 0xffffe000u);  // infinities and NaN stay
}

/// What a host thread packs its operands into.
struct Buffers {
  alignas(64) float a[ROWS * DEPTH];
  alignas(64) float b[COLUMNS * DEPTH];
  alignas(64) float sums[COLUMNS * ROWS];
  alignas(64) float parts[COLUMNS * ROWS];
};

/// Panels of `width` rows of a matrix, each panel column by column; what is beyond the matrix is zero. Element (i, j) of the
/// matrix is data[i·step_i + j·step_j].
template <typename Load>
void pack(float* out, int64_t width, int64_t count, int64_t depth, Load&& element) {
  for (int64_t first = 0; first < count; first += width) {
    const int64_t rows = std::min(width, count - first);
    for (int64_t j = 0; j < depth; ++j, out += width) {
      for (int64_t i = 0; i < rows; ++i) {
        out[i] = element(first + i, j);
      }
      for (int64_t i = rows; i < width; ++i) {
        out[i] = 0;
      }
    }
  }
}

/// Packs rows [row, row+count) × depth of op(M), where op(M) is (rows, k) and stored column-major if `by_column`.
void pack_operand(float* out, int64_t width, const Operand& m, bool by_column, int64_t row, int64_t count, int64_t from,
    int64_t depth, bool tf32) {
  const int64_t step_row = by_column ? 1 : m.ld;
  const int64_t step_k = by_column ? m.ld : 1;
  if (m.type == Type::F32) {
    const float* const data = static_cast<const float*>(m.data) + row * step_row + from * step_k;
    if (tf32) {
      pack(out, width, count, depth, [=](int64_t i, int64_t j) { return to_tf32(data[i * step_row + j * step_k]); });
    } else {
      pack(out, width, count, depth, [=](int64_t i, int64_t j) { return data[i * step_row + j * step_k]; });
    }
  } else {
    const uint16_t* const data = static_cast<const uint16_t*>(m.data) + row * step_row + from * step_k;
    if (m.type == Type::F16) {
      pack(out, width, count, depth, [=](int64_t i, int64_t j) { return ptx::f16_value(data[i * step_row + j * step_k]); });
    } else {
      pack(out, width, count, depth, [=](int64_t i, int64_t j) {
        return bit_cast<float>(static_cast<uint32_t>(data[i * step_row + j * step_k]) << 16);
      });
    }
  }
}

/// sums (16×6, columns ROWS apart) += A panel · B panel.
void multiply_panels(const float* a, const float* b, int64_t depth, float* sums) {
  Vector total[PANEL_COLUMNS] = {};
  for (int64_t j = 0; j < depth; ++j) {
    const Vector column = *reinterpret_cast<const Vector*>(a + j * PANEL_ROWS);
    for (int64_t c = 0; c < PANEL_COLUMNS; ++c) {
      total[c] += column * b[j * PANEL_COLUMNS + c];
    }
  }
  for (int64_t c = 0; c < PANEL_COLUMNS; ++c) {
    *reinterpret_cast<Vector*>(sums + c * ROWS) += total[c];
  }
}

/// buffers.sums = the block of op(A)·op(B) with its sums over [from, to).
void multiply_block(const Gemm& g, Buffers& buffers, float* sums, int64_t row, int64_t rows, int64_t column, int64_t columns,
    int64_t from, int64_t to) {
  std::fill_n(sums, COLUMNS * ROWS, 0.0f);
  for (int64_t k = from; k < to; k += DEPTH) {
    const int64_t depth = std::min(DEPTH, to - k);
    pack_operand(buffers.a, PANEL_ROWS, g.a, !g.a.transposed, row, rows, k, depth, g.tf32);
    pack_operand(buffers.b, PANEL_COLUMNS, g.b, g.b.transposed, column, columns, k, depth, g.tf32);
    for (int64_t j = 0; j < columns; j += PANEL_COLUMNS) {
      for (int64_t i = 0; i < rows; i += PANEL_ROWS) {
        multiply_panels(buffers.a + i * depth, buffers.b + j * depth, depth, sums + j * ROWS + i);
      }
    }
  }
}

// GELU in its tanh form, as cuBLASLt's.
constexpr float GELU_SCALE = 0.7978845608028654f;  // √(2/π)
constexpr float GELU_CUBIC = 0.044715f;

float gelu(float x) {
  return 0.5f * x * (1.0f + std::tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x)));
}

float gelu_derivative(float x) {
  const float t = std::tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x));
  return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * GELU_SCALE * (1.0f + 3.0f * GELU_CUBIC * x * x);
}

/// Scales a block's sums, applies the epilogue and stores; adds to row_sums, one a row, what BGRAD asks for.
void finish_block(const Gemm& g, const float* sums, int64_t row, int64_t rows, int64_t column, int64_t columns,
    double* row_sums) {
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t i = 0; i < rows; ++i) {
      float x = g.alpha * sums[j * ROWS + i];
      if (g.beta != 0.0f) {
        x += g.beta * load(g.c.data, g.c.type, (column + j) * g.c.ld + row + i);
      }
      const int64_t aux = (column + j) * g.aux_ld + row + i;
      if ((g.epilogue & EPILOGUE_DGELU) == EPILOGUE_DGELU) {
        x *= gelu_derivative(load(g.aux, g.d.type, aux));
      } else {
        if (g.epilogue & EPILOGUE_BIAS) {
          x += load(g.bias, g.d.type, row + i);
        }
        if (g.epilogue & EPILOGUE_AUX) {
          store(g.aux, g.d.type, aux, x);
        }
        if (g.epilogue & EPILOGUE_GELU) {
          x = gelu(x);
        }
      }
      if (row_sums != nullptr) {
        row_sums[row + i] += x;
      }
      store(const_cast<void*>(g.d.data), g.d.type, (column + j) * g.d.ld + row + i, x);
    }
  }
}

/// bias[i] = sum over k of the operand whose element (i, k) this is.
void sum_over_k(const Gemm& g, const Operand& m, bool by_column, int64_t count) {
  std::vector<double> sums(static_cast<size_t>(count));
  for (int64_t k = 0; k < g.k; ++k) {
    for (int64_t i = 0; i < count; ++i) {
      sums[static_cast<size_t>(i)] += load(m.data, m.type, by_column ? k * m.ld + i : i * m.ld + k);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    store(g.bias, g.d.type, i, static_cast<float>(sums[static_cast<size_t>(i)]));
  }
}

Buffers& buffers_of(unsigned participant) {
  static auto* const all = new std::vector<std::unique_ptr<Buffers>>(participants());
  std::unique_ptr<Buffers>& buffers = (*all)[participant];
  if (buffers == nullptr) {
    buffers = std::make_unique<Buffers>();
  }
  return *buffers;
}

}  // namespace

void run_gemm(const Gemm& g) {
  const int64_t row_blocks = (g.m + ROWS - 1) / ROWS;
  const int64_t column_blocks = (g.n + COLUMNS - 1) / COLUMNS;
  const bool sums_rows = g.epilogue == EPILOGUE_DGELU_BGRAD;
  std::vector<double> row_sums(sums_rows ? static_cast<size_t>(g.m) : 0);
  const int64_t split = (g.k + g.splits - 1) / g.splits;
  const auto block = [&](int64_t row_block, int64_t column_block, Buffers& buffers) {
    const int64_t row = row_block * ROWS;
    const int64_t column = column_block * COLUMNS;
    const int64_t rows = std::min(ROWS, g.m - row);
    const int64_t columns = std::min(COLUMNS, g.n - column);
    multiply_block(g, buffers, buffers.sums, row, rows, column, columns, 0, std::min(split, g.k));
    for (int64_t from = split; from < g.k; from += split) {
      multiply_block(g, buffers, buffers.parts, row, rows, column, columns, from, std::min(from + split, g.k));
      for (int64_t i = 0; i < COLUMNS * ROWS; ++i) {
        buffers.sums[i] += buffers.parts[i];
      }
    }
    finish_block(g, buffers.sums, row, rows, column, columns, sums_rows ? row_sums.data() : nullptr);
  };
  if (sums_rows) {  // a row's sum in one order
    parallel(static_cast<uint64_t>(row_blocks), [&](uint64_t i, unsigned participant) {
      for (int64_t j = 0; j < column_blocks; ++j) {
        block(static_cast<int64_t>(i), j, buffers_of(participant));
      }
      return true;
    });
    for (int64_t i = 0; i < g.m; ++i) {
      store(g.bias, g.d.type, i, static_cast<float>(row_sums[static_cast<size_t>(i)]));
    }
  } else {
    parallel(static_cast<uint64_t>(row_blocks * column_blocks), [&](uint64_t i, unsigned participant) {
      block(static_cast<int64_t>(i) % row_blocks, static_cast<int64_t>(i) / row_blocks, buffers_of(participant));
      return true;
    });
  }
  if (g.epilogue & EPILOGUE_BGRADA) {
    sum_over_k(g, g.a, !g.a.transposed, g.m);
  } else if (g.epilogue & EPILOGUE_BGRADB) {
    sum_over_k(g, g.b, g.b.transposed, g.n);
  }
}

}  // namespace emu
