#!/usr/bin/env bash
# Packs what a GPU machine without Java, Maven or network needs to run acceptance.sh: a Java runtime, all jars (gpt-cuda's
# holds the PTX), the tests of the CUDA backend with JUnit's console, the kernels, the scripts. See README.md.
#
#   bundle.sh [--out DIR] [--text FILE] [--no-build]    makes DIR/gpt-bundle and DIR/gpt-bundle.tar.xz
#   bundle.sh --list                                    names what would be packed, one path a line
#
#   --out DIR     default: benchmarks/target
#   --text FILE   a text for the textbook step (repeatable)
#   --no-build    takes the jars that are there
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
modules=(gpt-core gpt-cpu gpt-cuda gpt-train benchmarks)
tested=(gpt-core gpt-cuda benchmarks)
jlink_modules=java.base,java.desktop,java.logging,java.management,java.naming,java.net.http,java.xml,jdk.httpserver,jdk.incubator.vector,jdk.jfr,jdk.management,jdk.unsupported,jdk.zipfs
most_bytes=60000000

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# Everything that is packed beside the runtime, as it lies in the source tree after a build.
list() {
  local module
  for module in "${tested[@]}"; do
    echo "$module/target/test-classes"
  done
  echo benchmarks/target/test-lib
  echo gpt-cli/target/gpt-cli.jar
  echo gpt-cli/target/lib
  echo gpt
  echo benchmarks/gpu/acceptance.sh
  echo benchmarks/gpu/README.md
  echo benchmarks/gpu/StoredJars.java
  echo benchmarks/peers/pytorch_gpt2.py
  echo kernels/src
  echo kernels/include
  echo kernels/Makefile
  echo kernels/build-ptx.sh
  echo LICENSE
}

find_jdk() {
  local candidate
  for candidate in "${GPT_JAVA_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/*; do
    if grep -q '^JAVA_VERSION="2[5-9]' "$candidate/release" 2>/dev/null && [ -x "$candidate/bin/jlink" ]; then
      echo "$candidate"
      return
    fi
  done
  fail "No JDK 25 or later with jlink found: set JAVA_HOME or GPT_JAVA_HOME to one."
}

out=benchmarks/target
texts=()
build=yes
while [ $# -gt 0 ]; do
  case $1 in
    --list)
      list
      exit
      ;;
    --no-build) build=no ;;
    --out | --text)
      [ $# -ge 2 ] || fail "$1 needs a value"
      if [ "$1" = --out ]; then
        out=$2
      else
        [ -f "$2" ] || fail "--text $2 does not exist"
        texts+=("$2")
      fi
      shift
      ;;
    *)
      sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d' >&2
      exit 2
      ;;
  esac
  shift
done

jdk=$(find_jdk)
command -v xz >/dev/null || fail "xz is needed: install xz-utils."
if [ "$build" = yes ]; then
  command -v mvn >/dev/null || fail "Maven is needed to build: install it, or build and use --no-build."
  echo "Building the jars …"
  mvn -q -B -DskipTests package
fi
for path in $(list); do
  [ -e "$path" ] || fail "$path is missing: run bundle.sh without --no-build."
done
for module in "${modules[@]}"; do
  ls gpt-cli/target/lib/"$module"-*.jar >/dev/null 2>&1 ||
    fail "gpt-cli/target/lib has no jar of $module: run bundle.sh without --no-build."
done

mkdir -p "$out"
bundle=$(cd "$out" && pwd)/gpt-bundle
rm -rf "$bundle" "$bundle.tar.xz"
mkdir -p "$bundle"/{bin,lib,test/lib,kernels}
# Nothing in it is compressed by itself, so that all of it is compressed together at the end, which is smaller.
echo "Linking a runtime …"
"$jdk/bin/jlink" --add-modules "$jlink_modules" --strip-debug --no-header-files --no-man-pages --compress zip-0 \
  --output "$bundle/runtime" 2>&1 | grep -v 'incubator' || true
[ -x "$bundle/runtime/bin/java" ] || fail "jlink made no runtime"
# Not needed there: one's PTX compiler stands in for a GPU, and JCuda without it still calls cuBLAS; the other is oneDNN
# for the CPU backend, too large for the transfer.
mapfile -t jars < <(find gpt-cli/target/lib -name '*.jar' ! -name 'jcuda-natives-*' ! -name 'dnnl-*')
"$jdk/bin/java" benchmarks/gpu/StoredJars.java "$bundle/lib" gpt-cli/target/gpt-cli.jar "${jars[@]}"
"$jdk/bin/java" benchmarks/gpu/StoredJars.java "$bundle/test/lib" benchmarks/target/test-lib/*.jar
cp gpt "$bundle/bin"
for module in "${tested[@]}"; do
  "$jdk/bin/jar" --create --no-compress --file "$bundle/test/$module-tests.jar" -C "$module/target/test-classes" .
done
cp -r kernels/{src,include,Makefile,build-ptx.sh} "$bundle/kernels"
cp benchmarks/gpu/{acceptance.sh,README.md} benchmarks/peers/pytorch_gpt2.py LICENSE "$bundle"
if [ "${#texts[@]}" -gt 0 ]; then
  mkdir "$bundle/texts"
  cp "${texts[@]}" "$bundle/texts"
fi
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || commit="$commit with changes"
echo "$commit" >"$bundle/COMMIT"
"$bundle/runtime/bin/java" -cp "$bundle/lib/*" io.gptjava.cli.Main --version >/dev/null 2>&1 ||
  fail "the bundle's gpt does not start; look with: $bundle/bin/gpt --version"
echo "Compressing …"
tar -cf - -C "$(dirname "$bundle")" gpt-bundle | xz -6 >"$bundle.tar.xz"
bytes=$(stat -c %s "$bundle.tar.xz")
echo "$bundle.tar.xz: $bytes bytes, commit $commit"
[ "$bytes" -le "$most_bytes" ] || fail "that is more than $most_bytes bytes: too much for one transfer."
