package io.gptjava.core.contract;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.StepInputs;
import io.gptjava.core.contract.Comparison.Outcome;
import io.gptjava.core.reference.ReferenceBackend;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * Makes the same call on the backend under test and on the reference. Every call is made twice on
 * the backend under test, and once on each of its twins (the same backend with other threads, say),
 * and must give the same bits each time.
 */
public abstract class OpContract {
  /** Scalars with nothing at its default, so that an op that ignores one is found. */
  protected static final StepInputs STEP = new StepInputs(0x1234_5678_9ABCL, 7, 1e-3f, 0, 1, 10);

  /** Not 0, so that a mask drawn for the wrong rows shows. */
  protected static final int FIRST_SAMPLE = 3;

  private Backend subject;
  private Backend reference;
  private List<Backend> twins;

  /** Opens the backend under test. */
  protected abstract Backend open();

  /** Dtype of activations and weights under test. */
  protected DType type() {
    return DType.F32;
  }

  /**
   * Unit roundoffs of a value inside an op that may be rounded to {@link #type()} on its way, as
   * softmax weights are before they meet the values: 0 in F32, where every bound counts it anyway.
   */
  protected final double storedRoundoffs() {
    return Tolerance.roundoffs(type());
  }

  /**
   * What a sum may be off by for terms that are rounded to {@link #type()} below its normal range.
   *
   * @param factors sum of what each element's terms are multiplied by after that
   */
  protected final Tolerance underflow(double[] factors) {
    double[] bounds = factors.clone();
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] *= type() == DType.F16 ? Tolerance.underflow(DType.F16) : 0;
    }
    return Tolerance.absolute(bounds);
  }

  /** Opens further backends whose results must equal those of {@link #open()} bit for bit. */
  protected List<Backend> openTwins() {
    return List.of();
  }

  @BeforeEach
  void openAll() {
    subject = open();
    reference = new ReferenceBackend();
    twins = openTwins();
  }

  @AfterEach
  void closeAll() {
    subject.close();
    reference.close();
    twins.forEach(Backend::close);
  }

  /** Makes a call in {@link #STEP}. */
  protected final Comparison compare(Consumer<Stage> call) {
    return compare(STEP, call);
  }

  /** Makes a call in a step of the given scalars. */
  protected final Comparison compare(StepInputs step, Consumer<Stage> call) {
    Outcome outcome = run(subject, step, call);
    outcome.assertSameBits(run(subject, step, call), "the second call differs from the first");
    for (Backend twin : twins) {
      outcome.assertSameBits(
          run(twin, step, call), twin.description() + " differs from " + subject.description());
    }
    return new Comparison(outcome, runReference(step, call));
  }

  /** Makes a call on the reference only and returns one output. */
  protected final float[] reference(String name, Consumer<Stage> call) {
    return reference(STEP, name, call);
  }

  /** Makes a call on the reference only and returns one output. */
  protected final float[] reference(StepInputs step, String name, Consumer<Stage> call) {
    return runReference(step, call).floats(name);
  }

  /** The backend under test. */
  protected final Backend subject() {
    return subject;
  }

  private Outcome run(Backend backend, StepInputs step, Consumer<Stage> call) {
    return run(backend, new Stage(backend, type(), type()), step, call);
  }

  private Outcome runReference(StepInputs step, Consumer<Stage> call) {
    return run(reference, new Stage(reference, DType.F32, type()), step, call);
  }

  private static Outcome run(Backend backend, Stage stage, StepInputs step, Consumer<Stage> call) {
    backend.stepControl().restoreUpdates(0);
    backend.stepControl().haltAfterSkip(false);
    backend.stepControl().scaleLoss(LossScaling.OFF, LossScale.NONE);
    backend.stepControl().begin(step);
    backend.stepControl().microBatch(FIRST_SAMPLE);
    call.accept(stage);
    return new Outcome(stage.finish(), backend.stepControl().read());
  }
}
