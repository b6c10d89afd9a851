package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.ResidentMemory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * A peer's side of the conversation with {@link PeerProcess}, lines of JSON: first what the peer
 * is, then for each line with a number that many steps, and at the end of the input its peak
 * resident memory.
 */
public final class PeerServer {
  private final PeerTask task;
  private final Step step;

  /** One training step. */
  public interface Step {
    /**
     * Makes it.
     *
     * @param number from 0
     * @param inputs ids (B, T)
     * @param targets ids (B, T)
     * @return the loss before the update, in nats, read by the host
     */
    double run(int number, int[] inputs, int[] targets);
  }

  /** Serves the steps of a task. */
  public PeerServer(PeerTask task, Step step) {
    this.task = task;
    this.step = step;
  }

  /**
   * Talks until the input ends.
   *
   * @param about name, version and settings of the peer
   */
  public void serve(ObjectNode about, InputStream in, PrintStream out) throws IOException {
    say(out, about);
    BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    int[] inputs = new int[Math.toIntExact(task.tokens())];
    int[] targets = new int[inputs.length];
    int number = 0;
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      ObjectNode answer = new ObjectMapper().createObjectNode();
      for (int count = Integer.parseInt(line.strip()); count > 0; count--) {
        task.read(number, inputs, targets);
        long begin = System.nanoTime();
        double loss = step.run(number++, inputs, targets);
        answer.withArray("ms").add((System.nanoTime() - begin) * 1e-6);
        answer.withArray("losses").add(loss);
      }
      say(out, answer);
    }
    ObjectNode end = new ObjectMapper().createObjectNode();
    ResidentMemory.peakBytes().ifPresent(bytes -> end.put("peak_resident_bytes", bytes));
    say(out, end);
  }

  private static void say(PrintStream out, ObjectNode node) {
    out.println(node);
    out.flush();
  }
}
