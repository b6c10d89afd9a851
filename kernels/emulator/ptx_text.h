// What the driver's compiler needs to know from a PTX text: which kernels it declares, and how they are called.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace emu {

struct PtxEntry {
  std::string name;
  std::vector<size_t> parameter_sizes;
  int max_threads = 1024;      // .maxntid
  size_t shared_bytes = 0;     // static, as far as it is declared in the kernel
};

struct PtxText {
  int version = 0;             // 80 for 8.0
  std::string target;          // sm_80
  std::vector<PtxEntry> entries;
};

/// Reads a PTX text; an error message, or an empty string.
std::string read_ptx(const std::string& text, PtxText& out);

}  // namespace emu
