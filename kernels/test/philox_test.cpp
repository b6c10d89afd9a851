// The generator against the known answers of its authors' library (Random123, kat_vectors), and the layout of dropout.

#include "reference.h"

#include "philox.cuh"

using namespace kernel_test;

namespace {

void expect_words(const unsigned (&actual)[4], const unsigned (&expected)[4]) {
  for (int i = 0; i < 4; ++i) {
    expect(actual[i] == expected[i], "word " + std::to_string(i));
  }
}

}  // namespace

TEST(philox_known_answers) {
  expect_words(philox(0, 0, 0, 0).word, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  expect_words(philox(~0ull, ~0ull, ~0u, ~0u).word, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  expect_words(philox(0x299f31d0a4093822ull, 0x85a308d3243f6a88ull, 0x13198a2e, 0x03707344).word,
               {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  expect_words(ReferencePhilox(0x299f31d0a4093822ull, 0x85a308d3243f6a88ull, 0x13198a2e, 0x03707344).word,
               {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST(philox_dropout_by_one_four_and_eight) {
  const Array<StepControl> control = step_control();
  const ReferenceDropout reference{20000};
  const Dropout dropout(reference.threshold, reference.site, control.data());
  int dropped = 0;
  for (int column = 0; column < 800; column += 8) {
    const uint64_t element = dropout.element(5, 11, 800) + column;
    float eight[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    float low[4] = {1, 1, 1, 1};
    float high[4] = {1, 1, 1, 1};
    dropout.apply(element, eight);
    dropout.apply(element, low);
    dropout.apply(element + 4, high);
    for (int j = 0; j < 8; ++j) {
      const float expected = static_cast<float>(reference.factor(control, 5, 11, column + j, 800));
      dropped += expected == 0.0f;
      expect(eight[j] == expected, "eight at " + std::to_string(column + j));
      expect((j < 4 ? low[j] : high[j - 4]) == expected, "four at " + std::to_string(column + j));
      expect(dropout.apply(element + j, 1.0f) == expected, "one at " + std::to_string(column + j));
    }
  }
  expect(dropped > 180 && dropped < 310, std::to_string(dropped) + " of 800 dropped at 0.305");
}
