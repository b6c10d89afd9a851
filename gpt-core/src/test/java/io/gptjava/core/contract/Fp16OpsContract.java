package io.gptjava.core.contract;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import java.util.List;
import org.junit.jupiter.api.Nested;

/** The contract in fp16, and what happens at the ends of its range. */
public abstract class Fp16OpsContract extends OpsContract {
  @Override
  protected final DType type() {
    return DType.F16;
  }

  @Nested
  final class Range extends Fp16RangeContract {
    @Override
    protected Backend open() {
      return Fp16OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return Fp16OpsContract.this.openTwins();
    }
  }
}
