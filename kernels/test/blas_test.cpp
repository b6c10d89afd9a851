// The emulator's cuBLASLt against double precision: transposes, gaps, types, scalars, splits and every epilogue.
#include "../emulator/gemm.h"
#include "kernel_test.h"

using namespace kernel_test;
using emu::Gemm;
using emu::Type;

namespace {

template <typename T>
constexpr Type type_of() {
  return std::is_same_v<T, float> ? Type::F32 : std::is_same_v<T, f16> ? Type::F16 : Type::BF16;
}

constexpr double GELU_SCALE = 0.79788456080286535588;

double gelu(double x) { return 0.5 * x * (1 + std::tanh(GELU_SCALE * (x + 0.044715 * x * x * x))); }

double gelu_derivative(double x) {
  const double t = std::tanh(GELU_SCALE * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_SCALE * (1 + 3 * 0.044715 * x * x);
}

/// Runs one product with gaps of 3 between columns (8-element rows for the auxiliary matrix) and compares.
template <typename In, typename Out>
void check(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b, float beta, int splits, unsigned epilogue) {
  const int64_t lda = (transpose_a ? k : m) + 3;
  const int64_t ldb = (transpose_b ? n : k) + 3;
  const int64_t ldd = m + 3;
  const int64_t aux_ld = (m + 7) / 8 * 8;
  Array<In> a = uniform<In>(static_cast<size_t>(lda * (transpose_a ? m : k)), -1, 1, 1);
  Array<In> b = uniform<In>(static_cast<size_t>(ldb * (transpose_b ? k : n)), -1, 1, 2);
  Array<Out> c = uniform<Out>(static_cast<size_t>(ldd * n), -1, 1, 3);
  Array<Out> bias = uniform<Out>(static_cast<size_t>(epilogue == emu::EPILOGUE_BGRADB ? n : m), -1, 1, 4);
  Array<Out> aux = uniform<Out>(static_cast<size_t>(aux_ld * n), -1, 1, 5);
  const Array<Out> bias_before = bias.copy();
  const Array<Out> aux_before = aux.copy();
  Array<Out> d = beta == 0 ? Array<Out>(c.size()) : c.copy();

  Gemm g;
  g.m = m;
  g.n = n;
  g.k = k;
  g.a = {a.data(), type_of<In>(), transpose_a, lda};
  g.b = {b.data(), type_of<In>(), transpose_b, ldb};
  g.c = {d.data(), type_of<Out>(), false, ldd};
  g.d = g.c;
  g.alpha = 0.5f;
  g.beta = beta;
  g.splits = splits;
  g.epilogue = epilogue;
  g.bias = bias.data();
  g.aux = aux.data();
  g.aux_ld = aux_ld;
  run_gemm(g);

  const double tolerance = sizeof(Out) == 4 ? 1e-5 : 8e-3;
  const auto element_a = [&](int64_t i, int64_t j) { return a.value(static_cast<size_t>(transpose_a ? i * lda + j : j * lda + i)); };
  const auto element_b = [&](int64_t i, int64_t j) { return b.value(static_cast<size_t>(transpose_b ? i * ldb + j : j * ldb + i)); };
  size_t wrong = 0;
  const auto compare = [&](const std::string& what, size_t at, double actual, double expected) {
    if (!close(actual, expected, tolerance, tolerance * std::sqrt(static_cast<double>(k))) && ++wrong <= 3) {
      failed(mismatch(what, at, actual, expected));
    }
  };
  std::vector<double> row_sums(static_cast<size_t>(m));
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < m; ++i) {
      double x = 0;
      for (int64_t l = 0; l < k; ++l) {
        x += element_a(i, l) * element_b(l, j);
      }
      const auto at = static_cast<size_t>(j * ldd + i);
      const auto aux_at = static_cast<size_t>(j * aux_ld + i);
      x = 0.5 * x + (beta == 0 ? 0 : beta * c.value(at));
      if (epilogue == emu::EPILOGUE_DGELU || epilogue == emu::EPILOGUE_DGELU_BGRAD) {
        x *= gelu_derivative(aux_before.value(aux_at));
      } else {
        x += epilogue & emu::EPILOGUE_BIAS ? bias_before.value(static_cast<size_t>(i)) : 0;
        if (epilogue & emu::EPILOGUE_AUX) {
          compare("aux", aux_at, aux.value(aux_at), x);
        }
        x = epilogue & emu::EPILOGUE_GELU ? gelu(x) : x;
      }
      row_sums[static_cast<size_t>(i)] += x;
      compare("d", at, d.value(at), x);
    }
    for (int64_t i = m; i < ldd; ++i) {  // gaps are left alone
      const auto at = static_cast<size_t>(j * ldd + i);
      compare("gap", at, d.value(at), beta == 0 ? NAN : c.value(at));
    }
  }
  for (int64_t i = 0; epilogue == emu::EPILOGUE_DGELU_BGRAD && i < m; ++i) {
    compare("bias gradient", static_cast<size_t>(i), bias.value(static_cast<size_t>(i)), row_sums[static_cast<size_t>(i)]);
  }
  for (int64_t i = 0; epilogue == emu::EPILOGUE_BGRADA && i < m; ++i) {
    double sum = 0;
    for (int64_t l = 0; l < k; ++l) {
      sum += element_a(i, l);
    }
    compare("sum of A", static_cast<size_t>(i), bias.value(static_cast<size_t>(i)), sum);
  }
  for (int64_t j = 0; epilogue == emu::EPILOGUE_BGRADB && j < n; ++j) {
    double sum = 0;
    for (int64_t l = 0; l < k; ++l) {
      sum += element_b(l, j);
    }
    compare("sum of B", static_cast<size_t>(j), bias.value(static_cast<size_t>(j)), sum);
  }
  expect(wrong == 0, std::to_string(wrong) + " wrong in " + std::to_string(m) + "×" + std::to_string(n) + "×" +
      std::to_string(k) + " epilogue " + std::to_string(epilogue));
}

constexpr unsigned EPILOGUES[] = {emu::EPILOGUE_DEFAULT, emu::EPILOGUE_BIAS, emu::EPILOGUE_GELU, emu::EPILOGUE_GELU_BIAS,
    emu::EPILOGUE_GELU_AUX, emu::EPILOGUE_GELU_AUX_BIAS, emu::EPILOGUE_DGELU, emu::EPILOGUE_DGELU_BGRAD,
    emu::EPILOGUE_BGRADA, emu::EPILOGUE_BGRADB};

}  // namespace

TEST(blas_shapes_and_transposes) {
  const int64_t sizes[][3] = {{1, 1, 1}, {5, 7, 3}, {16, 6, 256}, {129, 97, 257}, {128, 96, 300}};
  for (const auto& s : sizes) {
    for (int transposes = 0; transposes < 4; ++transposes) {
      check<float, float>(s[0], s[1], s[2], transposes & 1, transposes & 2, 0, 1, emu::EPILOGUE_DEFAULT);
      check<bf16, float>(s[0], s[1], s[2], transposes & 1, transposes & 2, 1, 2, emu::EPILOGUE_DEFAULT);
      check<f16, float>(s[0], s[1], s[2], transposes & 1, transposes & 2, 1, 2, emu::EPILOGUE_DEFAULT);
      check<bf16, bf16>(s[0], s[1], s[2], transposes & 1, transposes & 2, -0.5f, 1, emu::EPILOGUE_DEFAULT);
      check<f16, f16>(s[0], s[1], s[2], transposes & 1, transposes & 2, -0.5f, 1, emu::EPILOGUE_DEFAULT);
    }
  }
}

TEST(blas_epilogues) {
  for (const unsigned epilogue : EPILOGUES) {
    check<float, float>(40, 33, 20, true, false, 0, 1, epilogue);
    check<bf16, bf16>(40, 33, 20, false, true, 0, 1, epilogue);
    check<f16, f16>(40, 33, 20, false, true, 0, 1, epilogue);
    check<bf16, float>(133, 100, 20, false, false, 1, 1, epilogue);
    check<f16, float>(133, 100, 20, false, false, 1, 1, epilogue);
  }
}
