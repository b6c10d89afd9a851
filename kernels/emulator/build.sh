#!/usr/bin/env bash
# What Maven runs: `make` with the goals given, or the reason why it cannot.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for tool in "${CXX:-g++}" make; do
  command -v "$tool" >/dev/null || {
    echo "No $tool: the CUDA emulator is not built and the tests that need it are skipped (apt-get install g++ make)"
    exit 0
  }
done
case "$(uname -s) $(uname -m)" in
  "Linux x86_64" | "Linux aarch64") ;;
  *)
    echo "The CUDA emulator is written for Linux on x86-64 and aarch64: not built, its tests are skipped"
    exit 0
    ;;
esac
exec make --no-print-directory -j "$(nproc)" "$@"
