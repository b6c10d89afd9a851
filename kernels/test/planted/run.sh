#!/usr/bin/env bash
# Runs one planted mistake as its file says it is caught: run.sh FILE BUILD_FOLDER VARIANT…
# A line `// VARIANT: REGEX` of the file asks that the program built so fails, and says what REGEX matches. VARIANT is plain,
# shuffled (plain, in random order), asan or tsan.
set -uo pipefail
file=$1
out=$2
shift 2
name=$(basename "$file" .cpp)
failed=0
for variant in "$@"; do
  wanted=$(sed -n "s,^// $variant: ,,p" "$file")
  [ -n "$wanted" ] || continue
  build=$variant
  shuffle=0
  [ "$variant" = shuffled ] && build=plain && shuffle=7
  text=$(GPT_EMULATOR_SHUFFLE=$shuffle ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 \
    "$out/$build/planted/$name" 2>&1)
  code=$?
  if [ $code != 0 ] && grep -qE -- "$wanted" <<<"$text"; then
    echo "caught  $name ($variant): $(grep -oE -m 1 -- ".{0,20}$wanted.{0,60}" <<<"$text")"
  else
    echo "MISSED  $name ($variant): exit code $code, no '$wanted' in:"
    head -20 <<<"$text"
    failed=1
  fi
done
exit $failed
