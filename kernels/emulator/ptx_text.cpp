#include "ptx_text.h"

#include <cstdlib>
#include <regex>

namespace emu {

namespace {

/// The word after a directive, such as sm_80 after .target.
std::string word_after(const std::string& text, const std::string& directive) {
  const size_t at = text.find(directive);
  if (at == std::string::npos) {
    return "";
  }
  const size_t begin = text.find_first_not_of(" \t", at + directive.size());
  return text.substr(begin, text.find_first_of(" \t\r\n,", begin) - begin);
}

/// Bytes of a declaration such as ".param .align 8 .b8 name[24]" or ".param .u64 .ptr .global name".
size_t bytes_of(const std::string& declaration) {
  static const std::regex type("\\.[busf](8|16|32|64)(?![0-9])");
  static const std::regex count("\\[([0-9]+)\\]");
  std::smatch match;
  if (!std::regex_search(declaration, match, type)) {
    return 0;
  }
  const size_t element = std::strtoul(match[1].str().c_str(), nullptr, 10) / 8;
  return std::regex_search(declaration, match, count) ? element * std::strtoul(match[1].str().c_str(), nullptr, 10)
                                                      : element;
}

void read_parameters(const std::string& list, PtxEntry& entry) {
  size_t at = 0;
  while ((at = list.find(".param", at)) != std::string::npos) {
    const size_t end = list.find(',', at);
    entry.parameter_sizes.push_back(bytes_of(list.substr(at, end - at)));
    at = end == std::string::npos ? list.size() : end;
  }
}

}  // namespace

std::string read_ptx(const std::string& text, PtxText& out) {
  const std::string version = word_after(text, "\n.version");
  out.target = word_after(text, "\n.target");
  if (version.empty() || out.target.empty() || text.find(".address_size 64") == std::string::npos) {
    return "no .version, .target and .address_size 64";
  }
  out.version = static_cast<int>(std::strtod(version.c_str(), nullptr) * 10 + 0.5);
  size_t at = 0;
  while ((at = text.find(".entry", at)) != std::string::npos) {
    const size_t name = text.find_first_not_of(" \t\r\n", at + 6);
    const size_t name_end = text.find_first_of(" \t\r\n(", name);
    const size_t open = text.find('(', name_end);
    const size_t close = text.find(')', open);
    const size_t body = text.find('{', close);
    if (body == std::string::npos) {
      return "a kernel without a body";
    }
    PtxEntry entry;
    entry.name = text.substr(name, name_end - name);
    read_parameters(text.substr(open, close - open), entry);
    const std::string bound = word_after(text.substr(close, body - close), ".maxntid");
    entry.max_threads = bound.empty() ? 1024 : std::atoi(bound.c_str());
    at = body;
    const size_t next = text.find(".entry", body);
    const std::string instructions = text.substr(body, next - body);
    for (size_t shared = instructions.find("\t.shared "); shared != std::string::npos;
         shared = instructions.find("\t.shared ", shared + 1)) {
      entry.shared_bytes += bytes_of(instructions.substr(shared, instructions.find(';', shared) - shared));
    }
    out.entries.push_back(std::move(entry));
  }
  return "";
}

}  // namespace emu
