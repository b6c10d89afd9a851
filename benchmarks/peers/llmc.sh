#!/usr/bin/env bash
# Builds a copy of an llm.c checkout and trains GPT-2 124M with it, as peers/run.sh asks.
#
#   llmc.sh CHECKOUT WORK BATCH SEQUENCE TEXT cpu|cuda THREADS STEPS
#
# Needs gpt on the path. On the CPU the weights are those of WORK/model and B and T, which train_gpt2.c fixes, are set
# in the copy; on a GPU it begins with weights of its own. Prints what the program prints.
set -euo pipefail
[ $# -eq 8 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; }
checkout=$1 work=$2 batch=$3 sequence=$4 text=$5 device=$6 threads=$7 steps=$8
copy=$work/llmc
mkdir "$copy"
cp -R "$checkout/." "$copy"
shards=$work/llmc-tokens
gpt tokenize "$text" --out "$shards" --train-ratio 0.9 >&2
train=$(ls "$shards"/train_*.bin | head -n 1)
validation=$(ls "$shards"/val_*.bin | head -n 1)
cd "$copy"
if [ "$device" = cuda ]; then
  make train_gpt2cu >&2
  exec ./train_gpt2cu -i "$train" -j "$validation" -e d12 -b "$batch" -t "$sequence" -d $((batch * sequence)) \
    -x "$steps" -v 0 -s 0
fi
sed -i -E "s/int B = [0-9]+;/int B = $batch;/; s/int T = [0-9]+;/int T = $sequence;/; s/step <= 40/step < $steps/" train_gpt2.c
for line in "int B = $batch;" "int T = $sequence;" "step < $steps"; do
  grep -q "$line" train_gpt2.c || { echo "this checkout's train_gpt2.c has another form: no '$line'"; exit 1; }
done
make train_gpt2 CC="${CC:-$(command -v clang || echo gcc)}" >&2
gpt export "$work/model" llmc --out gpt2_124M.bin >&2
mkdir -p dev/data/tinyshakespeare
cp "$train" dev/data/tinyshakespeare/tiny_shakespeare_train.bin
cp "$validation" dev/data/tinyshakespeare/tiny_shakespeare_val.bin
OMP_NUM_THREADS=$threads exec ./train_gpt2
