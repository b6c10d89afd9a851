package io.gptjava.cli;

import picocli.CommandLine.IVersionProvider;

/** The version of the program. */
public final class GptVersion implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"gpt-java " + number(), "Java " + Runtime.version()};
  }

  /** The version of the jar, {@code development} outside one. */
  public static String number() {
    String version = GptVersion.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
