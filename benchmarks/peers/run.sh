#!/usr/bin/env bash
# Trains the same model on the same batches with every peer that this machine has, ours beside it: first compares the
# losses, then times the peers in turn. One table and one JSON; a peer that is absent is named with the reason.
#
#   run.sh [--model textbook|gpt2|tiny] [--batch-size N] [--sequence-length N] [--precision fp32,bf16] [--dropout P]
#          [--device cpu|cuda] [--threads N] [--text FILE] [--peers libtorch,pytorch,pytorch-compile,llmc]
#          [--llmc CHECKOUT] [--rounds N] [--turn N] [--warmup N] [--out NAME] [--work DIR]
#          [--losses-by COMMAND] [--timed-by COMMAND]
#
#   --model          textbook (default): untied head, no query/key/value bias; gpt2: tied head, biases everywhere
#   --batch-size     sequences a step, --sequence-length tokens each (default 2 and 256)
#   --dropout        while timing (default 0.1); losses are always compared without
#   --threads        of each peer (default: one per processor)
#   --text FILE      where the tokens come from (default: random tokens)
#   --peers          which to look for (default: all)
#   --llmc CHECKOUT  of llm.c, copied, built and run where its model is the one asked for: gpt2, no dropout
#   --rounds N       turns of each peer (default 5), of --turn N steps each (default 2), after at most --warmup N steps
#                    (default 12)
#   --out NAME       NAME.json and NAME.txt (default: peers in the working folder)
#   --work DIR       the working folder, made anew (default: benchmarks/target/peers)
#   --losses-by, --timed-by  commands before each comparison of losses and each timing, such as "numactl -N 0"
#
# Ours runs as ./gpt starts it. libtorch (Maven profile libtorch of benchmarks) and PyTorch ($PYTHON, python3 or
# /usr/bin/python3) are tuned: glibc's malloc keeps what it has (MALLOC_*) and asks for huge pages, OpenMP has as many
# threads as ours (libtorch's wait passively), denormals are flushed, AdamW is fused where it can be, OPENBLAS_* is
# unset. LIBTORCH_BLAS=FILE loads another libopenblas.so.0 in libtorch's process; LIBTORCH_BF16=weights makes its bf16
# that of ours (bf16 weights, fp32 masters) instead of autocast.
#
# Exit code: 0; 1 if a loss differs by more than 1e-4 in 20 steps of fp32, or a step failed; 2 for a flag it lacks.
set -uo pipefail
export LC_ALL=C.UTF-8
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
self=$here/$(basename "${BASH_SOURCE[0]}")
root=$(cd "$here/../.." && pwd)
target=$root/benchmarks/target
parity_steps=20

usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' "$self" | sed '$d' >&2
  exit 2
}

model=textbook batch=2 sequence=256 precisions=fp32,bf16 dropout=0.1 device=cpu threads=$(nproc) text= llmc=
wanted=libtorch,pytorch,pytorch-compile,llmc rounds=5 turn=2 warmup=12 out= work=$target/peers losses_by= timed_by=
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --model) model=$2 ;;
    --batch-size) batch=$2 ;;
    --sequence-length) sequence=$2 ;;
    --precision) precisions=$2 ;;
    --dropout) dropout=$2 ;;
    --device) device=$2 ;;
    --threads) threads=$2 ;;
    --text) text=$2 ;;
    --peers) wanted=$2 ;;
    --llmc) llmc=$(cd "$2" && pwd) || exit 2 ;;
    --rounds) rounds=$2 ;;
    --turn) turn=$2 ;;
    --warmup) warmup=$2 ;;
    --out) out=$2 ;;
    --work) work=$2 ;;
    --losses-by) losses_by=$2 ;;
    --timed-by) timed_by=$2 ;;
    *) usage ;;
  esac
  shift 2
done
[ -z "$text" ] || [ -r "$text" ] || { echo "--text $text cannot be read" >&2; exit 2; }

rm -rf "$work"
mkdir -p "$work/peers" "$work/logs"
work=$(cd "$work" && pwd)
out=${out:-$work/peers}

skip() {
  printf '%s\t%s\n' "$1" "$2" >>"$work/skipped.tsv"
}

want() {
  [[ ",$wanted," == *",$1,"* ]]
}

# peer NAME WORD…: a program that runs the words before its own arguments.
peer() {
  local name=$1
  shift
  {
    echo '#!/bin/sh'
    printf 'exec'
    printf ' %q' "$@"
    echo ' "$@"'
  } >"$work/peers/$name"
  chmod +x "$work/peers/$name"
}

# ---- ours: what ./gpt would run, with another main class -------------------------------------------------------------

cd "$root" || exit 1
eval "set -- $(./gpt --show-command)"
[ $# -gt 1 ] || exit 1
ours=("${@:1:$#-1}")
java=$1
classpath=
for ((i = 1; i < $#; i++)); do
  [ "${!i}" != -cp ] || { i=$((i + 1)); classpath=${!i}; }
done

peer_main() {
  "$@" 2>"$work/logs/main.err" || {
    code=$?
    grep -v '^WARNING: Using incubator' "$work/logs/main.err" >&2
    return $code
  }
}

peer gpt-java "${ours[@]}" io.gptjava.benchmarks.peers.GptJavaPeer

# ---- the others ------------------------------------------------------------------------------------------------------

tuned=(env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE -u OPENBLAS_NUM_THREADS -u LD_PRELOAD OMP_NUM_THREADS="$threads"
  MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=268435456
  GLIBC_TUNABLES=glibc.malloc.hugetlb=1)

add_libtorch() {
  [ "$device" = cpu ] || { skip libtorch "its build for Java computes on the CPU only"; return; }
  if [ ! -f "$target/test-classes/io/gptjava/benchmarks/libtorch/LibtorchPeer.class" ] || [ ! -d "$target/libtorch" ]; then
    command -v mvn >/dev/null || { skip libtorch "Maven is needed to build it and mvn is not on the path"; return; }
    echo "Building the profile libtorch (downloads 110 MB the first time) …" >&2
    mvn -q -B -Plibtorch -DskipTests -pl benchmarks -am package >"$work/logs/libtorch-build.txt" 2>&1 || {
      skip libtorch "$(grep -m 1 ERROR "$work/logs/libtorch-build.txt" | cut -c 1-300)"
      return
    }
  fi
  local preload=()
  [ -z "${LIBTORCH_BLAS:-}" ] || preload=(LD_PRELOAD="$LIBTORCH_BLAS")
  # Its OpenBLAS has threads of its own, with which waiting OpenMP threads would compete for the processors.
  peer libtorch "${tuned[@]}" OMP_WAIT_POLICY=passive "${preload[@]}" "$java" --enable-native-access=ALL-UNNAMED -Xmx1g -XX:+UseSerialGC \
    -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0 -Dorg.bytedeco.javacpp.nopointergc=true \
    -Dorg.bytedeco.javacpp.cachedir="$target/javacpp" -Dlibtorch.bf16="${LIBTORCH_BF16:-autocast}" \
    -cp "$target/test-classes:$target/libtorch/*:$classpath" io.gptjava.benchmarks.libtorch.LibtorchPeer
}

add_pytorch() {
  local name=$1 mode=$2 python version
  for python in ${PYTHON:-python3 /usr/bin/python3}; do
    version=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) && break
  done
  [ -n "$version" ] || { skip "$name" "no Python here imports torch; name one that does in PYTHON"; return; }
  if [ "$mode" = compile ] && ! "$python" -c 'import torch; torch.compile' 2>/dev/null; then
    skip "$name" "PyTorch $version has no torch.compile"
    return
  fi
  local script=("$python" "$here/pytorch_peer.py")
  # The mode comes after the arguments that every peer gets.
  {
    echo '#!/bin/sh'
    printf 'exec'
    printf ' %q' "${tuned[@]}" "${script[@]}"
    echo ' "$@"' "$mode"
  } >"$work/peers/$name"
  chmod +x "$work/peers/$name"
}

run_llmc() {
  [ -n "$llmc" ] || { skip llm.c "name a checkout with --llmc"; return; }
  [ "$model" = gpt2 ] && [ "$dropout" = 0 ] || {
    skip llm.c "it has GPT-2's model without dropout only; compare with --model gpt2 --dropout 0"
    return
  }
  [ -n "$text" ] || { skip llm.c "it reads tokens from files; give --text"; return; }
  PATH=$root:$PATH bash "$here/llmc.sh" "$llmc" "$work" "$batch" "$sequence" "$text" "$device" "$threads" \
    $((warmup + rounds * turn)) >"$work/logs/llmc.txt" 2>&1 || {
    skip llm.c "$(tail -n 1 "$work/logs/llmc.txt")"
    return
  }
  local version
  version=$(git -C "$llmc" rev-parse --short HEAD 2>/dev/null || echo unknown)
  peer_main "${ours[@]}" io.gptjava.benchmarks.peers.PeerMain llmc "$work" "$version" "$work/logs/llmc.txt" "$warmup" ||
    skip llm.c "$(tail -n 1 "$work/logs/main.err")"
}

if want libtorch; then add_libtorch; fi
if want pytorch; then add_pytorch pytorch eager; fi
if want pytorch-compile; then add_pytorch pytorch-compile compile; fi

# ---- losses, then times ----------------------------------------------------------------------------------------------

main=("${ours[@]}" io.gptjava.benchmarks.peers.PeerMain)
batches=$((parity_steps + 10))
peer_main "${main[@]}" prepare "$work" "$model" "$batch" "$sequence" "$batches" ${text:+"$text"} || exit 1
result=0
for precision in ${precisions//,/ }; do
  # bf16 rounds each to its own; a larger difference would be another model.
  tolerance=1e-4
  [ "$precision" = fp32 ] || tolerance=0.05
  echo "$precision: comparing losses over $parity_steps steps …" >&2
  # shellcheck disable=SC2086 # words of a command
  peer_main $losses_by "${main[@]}" parity "$work" "$precision" "$threads" "$device" "$parity_steps" "$tolerance" ||
    result=1
  echo "$precision: timing …" >&2
  # shellcheck disable=SC2086 # likewise
  peer_main $timed_by "${main[@]}" time "$work" "$precision" "$dropout" "$threads" "$device" "$warmup" "$rounds" \
    "$turn" || result=1
done
if want llmc; then run_llmc; fi
peer_main "${main[@]}" report "$work" "$out" || result=1
exit $result
