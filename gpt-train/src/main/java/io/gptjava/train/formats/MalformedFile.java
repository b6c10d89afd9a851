package io.gptjava.train.formats;

/** Why a file cannot be accepted, in words that complete "FILE: ". */
final class MalformedFile extends Exception {
  private static final long serialVersionUID = 1L;

  MalformedFile(String reason) {
    super(reason, null, false, false);
  }
}
