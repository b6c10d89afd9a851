package io.gptjava.core.reference;

import io.gptjava.core.Backend;
import io.gptjava.core.contract.OpsContract;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * The contract on the reference itself. Values agree by construction; what this shows is that every
 * output is written, nothing else is, allowed aliasing works, and calls repeat bit for bit.
 */
@Execution(ExecutionMode.CONCURRENT)
final class ReferenceContractTest extends OpsContract {
  @Override
  protected Backend open() {
    return new ReferenceBackend();
  }
}
