package io.gptjava.train.run;

import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.report.ReportWriter;
import io.gptjava.train.report.RunCurves;
import io.gptjava.train.report.RunReport;
import io.gptjava.train.tensorboard.TensorBoardLog;
import java.time.InstantSource;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** All that a run writes into its folder as it goes: log, files for trackers, and the report. */
final class RunOutputs implements TrainingListener, AutoCloseable {
  /** The step of a run that begins. */
  static final long NEW = -1;

  private final RunFolder folder;
  private final RunLog log;
  private Optional<TensorBoardLog> tensorBoard;
  private final RunReport report;
  private final ReportWriter writer;

  private RunOutputs(
      RunFolder folder,
      RunLog log,
      Optional<TensorBoardLog> tensorBoard,
      RunReport report,
      ReportWriter writer) {
    this.folder = folder;
    this.log = log;
    this.tensorBoard = tensorBoard;
    this.report = report;
    this.writer = writer;
  }

  /**
   * Opens them; whatever lies beyond the step is dropped.
   *
   * @param logs formats that were asked for besides the folder's own
   * @param step of the checkpoint that the run continues from, or {@link #NEW}
   */
  static RunOutputs open(RunFolder folder, Set<String> logs, long step) {
    boolean csv = logs.contains("csv");
    RunCurves curves = new RunCurves();
    RunReport report = new RunReport(folder.path(), curves);
    RunLog log =
        step == NEW ? RunLog.create(folder.path(), csv) : RunLog.resume(folder.path(), step, csv);
    try {
      RunHistory.replay(folder.path(), curves);
      Optional<TensorBoardLog> tensorBoard =
          logs.contains("tensorboard") ? Optional.of(tensorBoard(folder, step)) : Optional.empty();
      return new RunOutputs(
          folder, log, tensorBoard, report, new ReportWriter(report, System::nanoTime));
    } catch (RuntimeException e) {
      log.close();
      throw e;
    }
  }

  private static TensorBoardLog tensorBoard(RunFolder folder, long step) {
    InstantSource clock = InstantSource.system();
    return step == NEW
        ? TensorBoardLog.create(folder.path(), folder.readConfig(), clock)
        : TensorBoardLog.resume(folder.path(), step, folder.readConfig(), clock);
  }

  @Override
  public void on(TrainingEvent event) {
    OptionalLong backTo = log.goesBackTo(event);
    log.on(event);
    backTo.ifPresent(this::goBack);
    tensorBoard.ifPresent(file -> file.on(event));
    if (backTo.isEmpty()) {
      report.curves().on(event);
    }
    writer.on(event);
  }

  /** Drops what lies beyond a step, as the log has done. */
  private void goBack(long step) {
    tensorBoard.ifPresent(TensorBoardLog::close);
    tensorBoard = tensorBoard.map(_ -> tensorBoard(folder, step));
    report.curves().clear();
    RunHistory.replay(folder.path(), report.curves());
  }

  /** What a report shows of the run. */
  RunReport report() {
    return report;
  }

  /**
   * Writes the report.
   *
   * @return why it could not be written; empty if it was
   */
  Optional<String> writeReport() {
    return writer.write();
  }

  @Override
  public void close() {
    log.close();
    tensorBoard.ifPresent(TensorBoardLog::close);
  }
}
