package io.gptjava.benchmarks;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.run.Environment;

/** An {@link Environment} in the JSON of every benchmark. */
public final class EnvironmentJson {
  private EnvironmentJson() {}

  /** Writes its fields. */
  public static void put(ObjectNode node, Environment environment) {
    node.put("gpt_java", environment.version()).put("commit", environment.commit().orElse(null));
    node.put("backend", environment.backend()).put("jdk", environment.jdk());
    environment.jvmFlags().forEach(node.putArray("jvm_flags")::add);
    node.put("system", environment.system());
    node.put("processor", environment.processor().orElse(null));
    node.put("processors", environment.processors()).put("memory_bytes", environment.memoryBytes());
    node.put("started", environment.started().toString());
  }
}
