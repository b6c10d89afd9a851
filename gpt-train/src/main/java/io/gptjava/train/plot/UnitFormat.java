package io.gptjava.train.plot;

import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.text.FieldPosition;
import java.util.Locale;

/** Writes 2.5e12 as {@code 2.5 T}, and numbers below a thousand as they are. */
final class UnitFormat extends DecimalFormat {
  private static final long serialVersionUID = 1L;
  private static final String UNITS = " kMGTP";

  UnitFormat() {
    super("0.######", DecimalFormatSymbols.getInstance(Locale.ROOT));
  }

  /** Three digits and a unit's prefix. */
  static String of(double value) {
    int power = Math.clamp((int) Math.floor(Math.log10(value) / 3 + 1e-9), 0, UNITS.length() - 1);
    double scaled = value / Math.pow(1000, power);
    int digits = Math.clamp(2 - (int) Math.floor(Math.log10(scaled) + 1e-9), 0, 2);
    String number = String.format(Locale.ROOT, "%." + digits + "f", scaled);
    return number + " " + (power == 0 ? "" : UNITS.charAt(power));
  }

  @Override
  public StringBuffer format(double value, StringBuffer result, FieldPosition position) {
    if (value < 1000) {
      return super.format(value, result, position);
    }
    int power = Math.clamp((int) Math.floor(Math.log10(value) / 3 + 1e-9), 0, UNITS.length() - 1);
    super.format(value / Math.pow(1000, power), result, position);
    return result.append(' ').append(UNITS.charAt(power));
  }
}
