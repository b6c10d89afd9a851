#!/usr/bin/env bash
# Accepts gpt-java on a GPU machine that has no Java: runs from the bundle that bundle.sh makes. See README.md.
#
#   acceptance.sh [--out DIR] [--steps NAME,…] [--budget SECONDS] [--text FILE] [--rounds N] [--batches N,…]
#                 [--attention NAME,…] [--device cuda|emulator|none] [--tiny]
#   acceptance.sh --merge DIR FILE…
#
#   --out DIR        where acceptance.json, acceptance.md and acceptance-logs.tar.gz go (default: $OUT, else ./results)
#   --steps          some of: machine doctor contract training parity kernels train textbook sanitizer peers
#   --budget         seconds for all of it (default 3600); a step gets at most what is left
#   --text FILE      text for the textbook step (default: texts/*.txt of the bundle)
#   --rounds N       rounds of the comparison with PyTorch (default 2)
#   --batches        batch sizes of the comparison (default 1,4,16,64)
#   --attention      PyTorch's attention in the comparison (default cudnn); the peers step tries them all
#   --device         for trials of this script: emulator is the host emulator in GPT_CUDA_LIBRARY; with none, the
#                    reference backend takes the GPU's place
#   --tiny           tiny sizes, for trials of this script
#   --merge          one report of several runs' acceptance.json
#
# A step that fails, or runs out of its time, does not stop the others. Exit code: 0 all passed or skipped, 1 not so.
set -uo pipefail
export LC_ALL=C.UTF-8
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
self=$here/$(basename "${BASH_SOURCE[0]}")
skipped=77

usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' "$self" | sed '$d' >&2
  exit 2
}

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# ---- what the bundle holds ---------------------------------------------------------------------------------------

java=$here/runtime/bin/java
gpt=$here/bin/gpt
[ -x "$java" ] && [ -x "$gpt" ] && [ -d "$here/lib" ] ||
  fail "$here is not an acceptance bundle (runtime/bin/java, bin/gpt, lib/): make one with benchmarks/gpu/bundle.sh"

main_class() {
  "$java" -cp "$here/lib/*" io.gptjava.benchmarks.acceptance.AcceptanceMain "$@"
}

if [ "${1:-}" = --merge ]; then
  [ $# -ge 3 ] || usage
  shift
  main_class merge "$@"
  exit
fi

# ---- the steps: functions that run in a process of their own, in a folder of their own -------------------------------

# Notes a command and runs it.
run() {
  printf '%q ' "$@" | sed "s|$here/||g; s| \$||" >>commands
  echo >>commands
  "$@"
}

skip() {
  echo "$*" >reason
  echo "skipped: $*"
  exit $skipped
}

# field NAME VALUE for a figures file.
field() {
  printf '%s\t%s\n' "$1" "$(printf '%s' "$2" | tr '\n\t' '  ')"
}

have() {
  command -v "$1" >/dev/null 2>&1
}

nvidia() {
  nvidia-smi --query-gpu="$1" --format=csv,noheader,nounits 2>/dev/null | head -n 1
}

step_machine() {
  {
    field kernel "$(uname -srm)"
    field processor "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)"
    field threads "$(nproc)"
    field memory_kib "$(awk '/^MemTotal/ {print $2}' /proc/meminfo)"
    if have nvidia-smi; then
      for query in name driver_version vbios_version memory.total compute_cap pstate clocks.sm clocks.mem clocks.max.sm \
        clocks.max.mem power.draw power.limit temperature.gpu clocks_event_reasons.active ecc.mode.current; do
        field "gpu.$query" "$(nvidia $query)"
      done
      field gpus "$(nvidia-smi --list-gpus | wc -l)"
      field cuda_of_driver "$(nvidia-smi | sed -n 's/.*CUDA Version: *\([0-9.]*\).*/\1/p' | head -n 1)"
    else
      field gpu "no nvidia-smi"
    fi
    field nvcc "$(nvcc --version 2>/dev/null | sed -n 's/^Cuda compilation tools, *//p')"
    field compute_sanitizer "$(compute-sanitizer --version 2>/dev/null | sed -n 's/^Version //p')"
    field torch "$("$peer_python" -c 'import torch; print(torch.__version__, torch.version.cuda, torch.backends.cudnn.version())' 2>/dev/null || echo none)"
    field java "$("$java" -version 2>&1 | sed -n 2p)"
    field cuda_libraries "${CUDA_HOME:-found by gpt itself}"
  } >machine.tsv
  cat machine.tsv
  if have nvidia-smi; then
    run nvidia-smi
  fi
}

step_doctor() {
  run "$gpt" --version
  run "$gpt" doctor
}

# junit [JVM options --] selectors of the console launcher.
junit() {
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  # The tests look for libraries where the system does.
  [ -z "$wheels" ] || export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$wheels
  # No lasting folder of measured algorithms: the tests choose afresh.
  run "${junit_wrapper[@]}" "$java" --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED -ea \
    "${options[@]}" "${test_properties[@]}" -cp "$here/lib/*:$here/test/*:$here/test/lib/*" \
    org.junit.platform.console.ConsoleLauncher execute --disable-banner --disable-ansi-colors --details=tree \
    --fail-if-no-tests --reports-dir=. "$@"
}
junit_wrapper=()

step_contract() {
  if [ "$tiny" = yes ]; then
    junit -- --scan-classpath="$here/test/gpt-cuda-tests.jar" --include-classname='.*\.AlgorithmCacheTest'
  else
    # How the PTX is built and assembled is a matter of the source tree.
    junit -- --scan-classpath="$here/test/gpt-cuda-tests.jar" --exclude-classname='.*\.Ptx(Assembly|Build)Test'
  fi
}

step_training() {
  [ "$tiny" = no ] || skip "tiny: these tests run in the build"
  junit -- --scan-classpath="$here/test/benchmarks-tests.jar" --include-package=io.gptjava.benchmarks.cuda
}

small_run() {
  local backend=$1 precision=$2 out=$3 size=(--layers 4 --heads 4 --width 256 --context-length 128 --batch-size 4 --steps 10)
  [ "$tiny" = no ] || size=(--layers 1 --heads 2 --width 32 --context-length 16 --batch-size 1 --steps 2)
  run "$gpt" train "${size[@]}" --dropout 0.1 --lr 1e-3 --seed 5 --save-every 0 --eval-every 0 --sample-every 0 --quiet \
    --backend "$backend" --precision "$precision" --out "$out" || return
}

# The same training on the CPU and on the GPU, through the program that people use.
step_parity() {
  local work status=0
  work=$(mktemp -d)
  small_run cpu fp32 "$work/cpu" && small_run "$backend" fp32 "$work/gpu" || return
  # Ten steps carry on what fp32 sums in another order differ by.
  run main_class parity "$work/cpu/metrics.jsonl" "$work/gpu/metrics.jsonl" 1e-4 >fp32.json || status=1
  if [ "$backend" = cuda ]; then
    small_run cuda bf16 "$work/bf16" && small_run cuda fp16 "$work/fp16" || return
    run main_class parity "$work/cpu/metrics.jsonl" "$work/bf16/metrics.jsonl" 1e-2 >bf16.json || status=1
    # fp16 rounds an eighth as coarsely; a step that its loss scaler skips would show.
    run main_class parity "$work/cpu/metrics.jsonl" "$work/fp16/metrics.jsonl" 2e-3 >fp16.json || status=1
  fi
  cat ./*.json
  rm -rf "$work"
  return $status
}

step_kernels() {
  if [ "$tiny" = yes ]; then
    run "$gpt" bench kernels --backend "$backend" --layers 1 --heads 2 --width 32 --context-length 16 --batch-size 1 \
      --quick --only '^(normalisation|optimizer)' --json >kernels.json
    return
  fi
  local status=0
  run "$gpt" bench kernels --preset gpt2-124m --backend "$backend" --precision bf16 --batch-size 64 \
    --sequence-length 1024 --json >kernels-bf16.json || status=1
  run "$gpt" bench kernels --preset gpt2-124m --backend "$backend" --precision fp32 --batch-size 16 \
    --sequence-length 1024 --json >kernels-fp32.json || status=1
  return $status
}

peer() {
  run "$peer_python" "$here/pytorch_gpt2.py" "$@"
}

# One of ours, one of theirs, through all batch sizes, and again.
step_train() {
  local status=0 round batch product=8192 torch=yes sizes=(--preset gpt2-124m --precision bf16 --sequence-length 1024 --steps 20)
  if [ "$tiny" = yes ]; then
    product=0
    sizes=(--layers 1 --heads 2 --width 32 --context-length 16 --sequence-length 16 --steps 2)
  fi
  export TORCHINDUCTOR_CACHE_DIR=$work/inductor
  "$peer_python" -c 'import torch; assert torch.cuda.is_available()' >/dev/null 2>&1 || torch=no
  for ((round = 1; round <= rounds; round++)); do
    for batch in ${batches//,/ }; do
      run "$gpt" bench train "${sizes[@]}" --backend "$backend" --batch-size "$batch" \
        $([ "$backend" = cuda ] && echo "--product-size $product") --json >>ours.jsonl || status=1
      product=0
      if [ "$torch" = yes ]; then
        peer --batch-size "$batch" --mode compile --attention "$attention" >>torch.jsonl || status=1
      fi
    done
  done
  if [ "$torch" = no ]; then
    echo '{"peer": "pytorch", "error": "no PyTorch that sees a GPU on this machine"}' >torch.jsonl
  fi
  return $status
}

# Which PyTorch is the fastest: not interleaved, one round; the comparison proper is the train step.
step_peers() {
  "$peer_python" -c 'import torch; assert torch.cuda.is_available()' >/dev/null 2>&1 ||
    skip "no PyTorch that sees a GPU on this machine"
  export TORCHINDUCTOR_CACHE_DIR=$work/inductor
  peer --batch-size 16 --mode compile --attention flash,cudnn,efficient >>torch.jsonl
  peer --batch-size 64,1 --mode compile --attention flash >>torch.jsonl
  peer --batch-size 16 --mode eager --attention flash,cudnn,efficient,math >>torch.jsonl
  peer --batch-size 1,4,64 --mode eager --attention flash >>torch.jsonl
  peer --batch-size 16 --mode compile --attention cudnn --weights bf16 >>torch.jsonl
  peer --batch-size 64 --mode max-autotune --attention cudnn --case-limit 240 >>torch.jsonl
  cat torch.jsonl
  grep -q step_ms_median torch.jsonl
}

step_textbook() {
  [ -n "$text" ] || skip "no text: give one with --text, or to bundle.sh"
  local run_folder=$work/textbook length=(--epochs 10)
  [ "$tiny" = no ] || length=(--layers 1 --heads 2 --width 32 --context-length 16 --steps 2 --sample-every 0)
  run "$gpt" train --preset textbook --backend "$backend" --data "$text" "${length[@]}" --save-every 0 --out "$run_folder"
  local status=$?
  if [ -f "$run_folder/metrics.jsonl" ]; then
    {
      field text "$(basename "$text")"
      field last_evaluation "$(grep '"event":"eval"' "$run_folder/metrics.jsonl" | tail -n 1)"
      field last_step "$(grep '"event":"step"' "$run_folder/metrics.jsonl" | tail -n 1)"
      field end "$(grep '"event":"end"' "$run_folder/metrics.jsonl" | tail -n 1)"
    } >textbook.tsv
    cp "$run_folder/metrics.jsonl" metrics-textbook.log
    [ ! -f "$run_folder/loss.svg" ] || cp "$run_folder/loss.svg" loss.svg
  fi
  return $status
}

# The contract of every op under compute-sanitizer; the JVM's own threads do not concern it.
step_sanitizer() {
  local tool sanitizer status=0
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | tail -n 1)
  [ -n "$sanitizer" ] || skip "no compute-sanitizer on this machine"
  [ "$backend" = cuda ] && [ "$tiny" = no ] || skip "compute-sanitizer looks at a GPU only"
  for tool in memcheck racecheck; do
    junit_wrapper=(timeout -k 10 $((limit / 2 - 15)) "$sanitizer" --tool "$tool" --target-processes all
      --error-exitcode 9 --log-file "$tool.log")
    junit -- --select-class=io.gptjava.cuda.CudaContractTest --select-class=io.gptjava.cuda.CudaBf16ContractTest ||
      status=1
    [ ! -f TEST-junit-jupiter.xml ] || mv TEST-junit-jupiter.xml "TEST-$tool.xml"
    if grep -q "Device not supported" "$tool.log" 2>/dev/null; then
      skip "compute-sanitizer: device not supported on this machine"
    fi
    field "$tool" "$(grep SUMMARY "$tool.log" 2>/dev/null | tail -n 1 || echo 'no summary: cut off or not started')" >>sanitizer.tsv
  done
  cat sanitizer.tsv
  return $status
}

# ---- one step, in a process of its own -----------------------------------------------------------------------------

if [ "${1:-}" = --run-step ]; then
  # Set by the process below.
  : "${work:?}" "${tiny:?}" "${backend:?}" "${limit:?}" "${peer_python:?}"
  read -ra test_properties <<<"$properties"
  cd "$3" || exit 1
  "step_$2"
  exit
fi

# ---- all steps ---------------------------------------------------------------------------------------------------------

out=${OUT:-$PWD/results}
steps=machine,doctor,contract,training,parity,kernels,train,textbook,sanitizer,peers
budget=3600
text=
rounds=2
batches=1,4,16,64
attention=cudnn
device=cuda
tiny=no
while [ $# -gt 0 ]; do
  case $1 in
    --tiny) tiny=yes ;;
    --out | --steps | --budget | --text | --rounds | --batches | --attention | --device)
      [ $# -ge 2 ] || usage
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    *) usage ;;
  esac
  shift
done
for name in ${steps//,/ }; do
  [ "$(type -t "step_$name")" = function ] || fail "there is no step $name; see acceptance.sh --help"
done
case $device in
  cuda) backend=cuda properties=-Dgpt.cuda.real=true ;;
  emulator)
    backend=cuda properties=-Dgpt.cuda.emulator=${GPT_CUDA_LIBRARY:?is the host emulator with --device emulator}
    ;;
  none) backend=reference properties=-Dgpt.cuda.emulator=none ;;
  *) fail "--device $device is not one of cuda, emulator, none" ;;
esac
if [ -n "$text" ]; then
  [ -f "$text" ] || fail "--text $text does not exist"
  text=$(cd "$(dirname "$text")" && pwd)/$(basename "$text")
else
  text=$(ls "$here"/texts/*.txt 2>/dev/null | head -n 1)
fi
peer_python=${PEER_PYTHON:-python3}
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/gpt-acceptance.XXXXXX")
trap 'rm -rf "$work"' EXIT

# PyTorch brings CUDA's libraries: where gpt finds none by itself, tell it.
wheels=
if [ "$device" = cuda ]; then
  wheels=$("$peer_python" -c 'import glob, nvidia
print(":".join(lib for path in nvidia.__path__ for lib in sorted(glob.glob(path + "/*/lib"))))' 2>/dev/null)
fi
if [ "$device" = cuda ] && [ -z "${CUDA_HOME:-}" ] && "$gpt" doctor 2>&1 | grep -q '^backend cuda *missing'; then
  environment=$("$peer_python" -c 'import sys; print(sys.prefix)' 2>/dev/null)
  [ -z "$environment" ] || export CUDA_HOME=$environment
fi
export work tiny backend wheels properties text rounds batches attention peer_python
export XDG_CACHE_HOME=$work/cache

{
  field started "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  field commit "$(cat "$here/COMMIT" 2>/dev/null || echo unknown)"
  field command "acceptance.sh --steps $steps --rounds $rounds --batches $batches --attention $attention"
  [ "$device" = cuda ] || field mode "On --device $device: a trial of the script. Nothing here is a timing of a GPU."
} >"$work/run.tsv"

report() {
  main_class report "$work" "$out" || echo "the report could not be written" >&2
  tar -czf "$out/acceptance-logs.tar.gz" -C "$work" run.tsv steps 2>/dev/null
}

limit_of() {
  case $1 in
    machine | doctor) echo 60 ;;
    contract) echo 240 ;;
    training | parity) echo 180 ;;
    kernels) echo 240 ;;
    train) echo 570 ;;
    textbook | sanitizer) echo 480 ;;
    peers) echo 570 ;;
  esac
}

ends=$((SECONDS + budget))
number=10
result=0
for name in ${steps//,/ }; do
  folder=$work/steps/$number-$name
  number=$((number + 1))
  mkdir -p "$folder"
  limit=$(limit_of "$name")
  left=$((ends - SECONDS - 5))
  [ "$limit" -le "$left" ] || limit=$left
  export limit
  printf '%s: at most %d s … ' "$name" "$limit"
  begin=$SECONDS
  if [ "$limit" -lt 10 ]; then
    status=skipped code=$skipped
    echo "the budget of $budget s is used up" >"$folder/reason"
  else
    timeout -k 15 "$limit" bash "$self" --run-step "$name" "$folder" >"$folder/log" 2>&1
    code=$?
    case $code in
      0) status=passed ;;
      "$skipped") status=skipped ;;
      124 | 137) status='timed out' result=1 ;;
      *) status=failed result=1 ;;
    esac
  fi
  {
    field name "$name"
    field status "$status"
    field exit_code "$code"
    field seconds "$((SECONDS - begin))"
    field limit "$limit"
    [ ! -f "$folder/reason" ] || field reason "$(cat "$folder/reason")"
    [ "$status" = passed ] || [ -f "$folder/reason" ] ||
      field reason "$(grep -v '^[[:space:]]*$' "$folder/log" | tail -n 1 | cut -c 1-300)"
  } >"$folder/step.tsv"
  echo "$status after $((SECONDS - begin)) s$([ ! -f "$folder/reason" ] || echo ": $(cat "$folder/reason")")"
  # After each step, so that what is there survives if this script is killed.
  [ "$tiny" = yes ] || report
done
report
echo "Report: $out/acceptance.md"
exit $result
