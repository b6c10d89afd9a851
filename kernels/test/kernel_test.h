// A small framework for the kernels' contracts: each test fills device arrays, launches kernels on the host emulator and
// compares with a reference computed in double precision.
//
//   TEST(gelu_forward_of_any_width) {
//     Array<float> x = uniform<float>(1003, -4, 4);
//     Array<float> y(x.size());                       // NaN until a kernel writes it
//     launch("gelu_forward_f32", dim3(4), dim3(256), 0, x, y, 1003);
//     expect_close("y", y, [&](size_t i) { return gelu(x.value(i)); }, 1e-6, 1e-7);
//   }
//
// Arrays lie between fences of NaN: a read past an end gives NaN, a write is reported after the launch, and with
// AddressSanitizer either is reported at its line. Comparisons know NaN: it equals only NaN.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "../emulator/runtime.h"
#include "../emulator/sanitizer.h"
#include "cuda_compat.cuh"

namespace kernel_test {

// --- Device arrays -------------------------------------------------------------------------------------------------

constexpr size_t FENCE_BYTES = 512;

/// The memory of one array and its fences; all that live are checked after each launch.
class Memory {
 public:
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  unsigned char* data() const { return block_ + FENCE_BYTES; }
  /// Offset from data() of a fence byte that was overwritten, or 0 and `intact`.
  ptrdiff_t overrun(bool& intact) const;
  static std::vector<Memory*>& live();

  std::string name;

 private:
  unsigned char* block_;
  size_t bytes_;
};

inline double as_double(float x) { return x; }
inline double as_double(bf16 x) { return to_float(x); }
inline double as_double(f16 x) { return to_float(x); }
inline double as_double(double x) { return x; }
inline double as_double(int x) { return x; }
inline double as_double(unsigned x) { return x; }
inline double as_double(unsigned char x) { return x; }
inline double as_double(unsigned long long x) { return static_cast<double>(x); }

template <typename T>
T from_double(double x) {
  if constexpr (std::is_same_v<T, bf16>) {
    return to_bf16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<T, f16>) {
    return to_f16(static_cast<float>(x));
  } else {
    return static_cast<T>(x);
  }
}

/// `size` elements of T in device memory, 256-byte aligned; at first every byte is 0xff, a NaN.
template <typename T>
class Array {
 public:
  explicit Array(size_t size) : memory_(std::make_unique<Memory>(size * sizeof(T))), size_(size) {}
  /// As many as there are values, rounded to T.
  explicit Array(const std::vector<double>& values) : Array(values.size()) {
    for (size_t i = 0; i < values.size(); ++i) {
      set(i, values[i]);
    }
  }

  size_t size() const { return size_; }
  T* data() { return reinterpret_cast<T*>(memory_->data()); }
  const T* data() const { return reinterpret_cast<const T*>(memory_->data()); }
  T& operator[](size_t i) { return data()[check(i)]; }
  const T& operator[](size_t i) const { return data()[check(i)]; }
  double value(size_t i) const { return as_double((*this)[i]); }
  void set(size_t i, double x) { (*this)[i] = from_double<T>(x); }
  void fill(double x) {
    for (size_t i = 0; i < size_; ++i) {
      set(i, x);
    }
  }
  Array copy() const {
    Array other(size_);
    std::memcpy(other.data(), data(), size_ * sizeof(T));
    return other;
  }
  /// The name by which a report calls the array.
  Array& named(const std::string& name) {
    memory_->name = name;
    return *this;
  }

 private:
  size_t check(size_t i) const {
    if (i >= size_) {
      throw std::out_of_range("index " + std::to_string(i) + " of an array of " + std::to_string(size_));
    }
    return i;
  }

  std::unique_ptr<Memory> memory_;
  size_t size_;
};

/// A sequence of numbers in [0, 1) that depends on its seed only.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

/// Random values of [low, high), rounded to T.
template <typename T>
Array<T> uniform(size_t size, double low, double high, uint64_t seed = 1) {
  Array<T> array(size);
  Random random(seed);
  for (size_t i = 0; i < size; ++i) {
    array.set(i, low + (high - low) * random.uniform());
  }
  return array;
}

// --- Launching -----------------------------------------------------------------------------------------------------

template <typename T>
T* argument(Array<T>& array) {
  return array.data();
}
template <typename T>
const T* argument(const Array<T>& array) {
  return array.data();
}
inline const void* argument(std::nullptr_t) { return nullptr; }
template <typename T, std::enable_if_t<std::is_trivially_copyable_v<T> && !std::is_null_pointer_v<T>, int> = 0>
T argument(T value) {
  return value;
}

/// Runs the kernel and checks all fences; gives what went wrong, or an empty string. `sizes` are the arguments'.
std::string run_kernel(const std::string& name, dim3 grid, dim3 block, size_t shared, void** arguments,
    const std::vector<size_t>& sizes);

/// Launches a kernel by its name with arrays (as their addresses), nullptr and numbers, and gives a report of what went
/// wrong, or an empty string. Dynamic shared memory up to 227 KB.
template <typename... A>
std::string launch_report(const std::string& name, dim3 grid, dim3 block, size_t shared, A&&... arguments) {
  auto values = std::make_tuple(argument(arguments)...);
  return std::apply(
      [&](auto&... value) {
        void* pointers[sizeof...(value) + 1] = {
            const_cast<void*>(static_cast<const void*>(&value))..., nullptr};
        return run_kernel(name, grid, block, shared, pointers, {sizeof(value)...});
      },
      values);
}

/// As launch_report; a report ends the test.
template <typename... A>
void launch(const std::string& name, dim3 grid, dim3 block, size_t shared, A&&... arguments) {
  const std::string report = launch_report(name, grid, block, shared, std::forward<A>(arguments)...);
  if (!report.empty()) {
    throw std::runtime_error(report);
  }
}

// --- Expectations --------------------------------------------------------------------------------------------------

/// Records a failure of the running test, which goes on.
void failed(const std::string& message);

inline void expect(bool condition, const std::string& message) {
  if (!condition) {
    failed(message);
  }
}

/// Whether actual is within absolute + relative·|expected| of expected; NaN only where NaN is expected, infinities equal.
bool close(double actual, double expected, double relative, double absolute);
std::string mismatch(const std::string& what, size_t i, double actual, double expected);

/// Half of the smallest number of T, by which a rounding to it may be off where the relative roundoff does not hold; no two
/// numbers of T are as close.
template <typename T>
constexpr double UNDERFLOW_ROUNDOFF = 0;
template <>
constexpr double UNDERFLOW_ROUNDOFF<f16> = 0x1p-25;

/// Compares each element with reference(i); below the normal range of T its own rounding is allowed too.
template <typename T, typename F>
void expect_close(const std::string& what, const Array<T>& actual, F&& reference, double relative, double absolute) {
  size_t wrong = 0;
  std::string message;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double expected = reference(i);
    if (!close(actual.value(i), expected, relative, absolute + UNDERFLOW_ROUNDOFF<T>) && ++wrong <= 3) {
      message += mismatch(what, i, actual.value(i), expected);
    }
  }
  expect(wrong == 0, message + std::to_string(wrong) + " of " + std::to_string(actual.size()) + " elements wrong");
}

/// The same bits in both.
template <typename T>
void expect_same(const std::string& what, const Array<T>& actual, const Array<T>& expected) {
  expect(actual.size() == expected.size(), what + ": sizes differ");
  for (size_t i = 0; i < actual.size() && i < expected.size(); ++i) {
    if (std::memcmp(&actual[i], &expected[i], sizeof(T)) != 0) {
      failed(mismatch(what, i, actual.value(i), expected.value(i)) + "bits differ");
      return;
    }
  }
}

// --- Tests ---------------------------------------------------------------------------------------------------------

struct Test {
  Test(const char* name, void (*body)());
};

}  // namespace kernel_test

#define TEST(name)                                                   \
  static void test_##name();                                         \
  static const kernel_test::Test register_##name(#name, test_##name); \
  static void test_##name()
