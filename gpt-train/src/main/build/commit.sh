#!/bin/sh
# Writes the commit that the sources are of into a file: 40 digits, and "-dirty" if tracked files differ.
# An empty file where they do not lie in git: no git, an unpacked archive, even one inside another repository.
set -u
sources=$1
file=$2

mkdir -p "$(dirname "$file")" || exit 1
commit=
if git -C "$sources" ls-files --error-unmatch pom.xml >/dev/null 2>&1; then
  commit=$(git -C "$sources" describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null) || commit=
fi
printf '%s\n' "$commit" >"$file"
