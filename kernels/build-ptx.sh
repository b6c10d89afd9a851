#!/usr/bin/env bash
# Builds ptx/ from src/ and include/, and checks what is there.
#
#   build-ptx.sh                  build every module that its stamp says is stale
#   build-ptx.sh --check stamp    the committed PTX was built from these sources
#   build-ptx.sh --check rebuild  building them again gives the same PTX (nvcc of the stamp's version)
#   build-ptx.sh --check spills   no kernel spills registers (ptxas)
#
# Exit code 0: done or right, 1: wrong, 77: cannot be checked here. ptx/STAMP holds the version of nvcc and, per
# module, the hash of its source and of the headers that it includes, themselves or through others.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")"
shopt -s nullglob
architectures=(80 90a)
spilling_allowed='(96|128)' # head sizes whose kernels may spill

sources() {
  find src -name '*.cu' | sort
}

# The headers that a source includes, and those that they include; the emulator's are not ours to find.
headers_of() {
  local header next=("$1") found
  local -A seen=()
  while [ "${#next[@]}" -gt 0 ]; do
    mapfile -t found < <(sed -n 's/^ *# *include "\([^/]*\)".*/\1/p' "${next[@]}")
    next=()
    for header in "${found[@]}"; do
      if [ -f "include/$header" ] && [ -z "${seen[$header]:-}" ]; then
        seen[$header]=yes
        next+=("include/$header")
      fi
    done
  done
  printf 'include/%s\n' "${!seen[@]}" | sort
}

# Hash of everything that decides a module's PTX.
hash_of() {
  { cat "$1"; headers_of "$1" | xargs cat; } | sha256sum | cut -d ' ' -f 1
}

nvcc_version() {
  "$1" --version 2>/dev/null | sed -n 's/^Cuda compilation tools,.* V\([0-9.]*\)$/\1/p'
}

# A tool on the path or in an installed toolkit.
tool() {
  command -v "$1" || ls -d /usr/local/cuda*/bin/"$1" 2>/dev/null | tail -n 1
}

skip() {
  echo "$1"
  exit 77
}

# compile SOURCE ARCHITECTURE OUTPUT. Version 8.0 of PTX is what every driver for CUDA 12 loads.
compile() {
  "$nvcc" -ptx -std=c++17 "-arch=compute_$2" -Iinclude "$1" -o "$3.new"
  sed -e 's/^\.version .*/.version 8.0/' -e '/^[[:space:]]*\/\/ \(begin\|end\) inline asm$/d' "$3.new" >"$3"
  rm "$3.new"
}

build() {
  local out=$1 source name hash architecture ptx job jobs=()
  nvcc=$(tool nvcc)
  mkdir -p "$out"
  printf 'nvcc %s\n' "$(nvcc_version "$nvcc")" >"$out/STAMP.new"
  for source in $(sources); do
    name=$(basename "$source" .cu)
    hash=$(hash_of "$source")
    echo "module $name $hash" >>"$out/STAMP.new"
    for architecture in "${architectures[@]}"; do
      ptx=$out/$name.sm$architecture.ptx
      if ! [ -f "$ptx" ] || ! grep -qx "module $name $hash" "$out/STAMP" 2>/dev/null; then
        [ "$out" != ptx ] || echo "nvcc $name sm_$architecture"
        compile "$source" "$architecture" "$ptx" &
        jobs+=($!)
        if [ "${#jobs[@]}" -ge 2 ]; then
          wait "${jobs[0]}"
          jobs=("${jobs[@]:1}")
        fi
      fi
    done
  done
  for job in "${jobs[@]}"; do
    wait "$job"
  done
  for ptx in "$out"/*.ptx; do
    name=$(basename "$ptx")
    [ -f "src/${name%%.*}.cu" ] || rm "$ptx"
  done
  mv "$out/STAMP.new" "$out/STAMP"
}

check_stamp() {
  local source name stale=()
  for source in $(sources); do
    name=$(basename "$source" .cu)
    grep -qx "module $name $(hash_of "$source")" ptx/STAMP 2>/dev/null || stale+=("$name")
  done
  for name in $(sed -n 's/^module \([^ ]*\) .*/\1/p' ptx/STAMP 2>/dev/null); do
    [ -f "src/$name.cu" ] || stale+=("$name")
  done
  if [ "${#stale[@]}" -gt 0 ]; then
    echo "The PTX of ${stale[*]} was not built from the sources here: run kernels/build-ptx.sh and commit kernels/ptx"
    exit 1
  fi
  echo "PTX matches its sources: $(grep -c '^module ' ptx/STAMP) modules"
}

check_rebuild() {
  nvcc=$(tool nvcc)
  [ -n "$nvcc" ] || skip "no nvcc: the PTX is not built again for comparison"
  stamped=$(sed -n 's/^nvcc //p' ptx/STAMP)
  [ "$(nvcc_version "$nvcc")" = "$stamped" ] ||
    skip "nvcc is $(nvcc_version "$nvcc"), the PTX was built by $stamped: not compared"
  fresh=$(mktemp -d)
  trap 'rm -rf "$fresh"' EXIT
  build "$fresh"
  diff -rq ptx "$fresh" || {
    echo "Building the PTX again gives another result: run kernels/build-ptx.sh and commit kernels/ptx"
    exit 1
  }
  echo "nvcc $stamped builds the same PTX again"
}

check_spills() {
  ptxas=$(tool ptxas)
  [ -n "$ptxas" ] || skip "no ptxas: spilled registers are not looked for"
  local ptx architecture failed=0
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  for ptx in ptx/*.ptx; do
    architecture=${ptx%.ptx}
    "$ptxas" -v "-arch=sm_${architecture##*.sm}" "$ptx" -o /dev/null 2>"$log" || {
      cat "$log"
      exit 1
    }
    # "Function properties for NAME" is followed by "… bytes spill stores, … bytes spill loads".
    awk -v file="$(basename "$ptx")" -v allowed="$spilling_allowed" '
      /Function properties for/ { name = $NF }
      /bytes spill stores/ && !/ 0 bytes spill stores, 0 bytes spill loads/ {
        print file ": " name ":" $0
        if (name !~ allowed) bad = 1
      }
      END { exit bad }' "$log" || failed=1
  done
  [ "$failed" = 0 ] || exit 1
  echo "ptxas finds no spilled registers where none are allowed"
}

case ${1:-} in
  '')
    [ -n "$(tool nvcc)" ] || {
      echo "nvcc is needed: install the CUDA toolkit" >&2
      exit 1
    }
    build ptx
    ;;
  --check) "check_${2:?stamp, rebuild or spills}" ;;
  *)
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
