#include "common/codec/otlp/outcome.h"

#include <numeric>

#include <fmt/format.h>

namespace opssight {
namespace {

constexpr std::array<std::string_view, kOtlpRejects> kNames = {
    "malformed",       "bad_id",      "bad_time",     "too_large",
    "too_many",        "no_value",    "bad_shape",    "bad_name",
    "too_many_labels", "temporality", "out_of_order", "exponential_histogram"};

void AppendNote(std::uint64_t count, std::string_view what, std::string& text) {
  if (count == 0) return;
  if (!text.empty()) text += "; ";
  text += fmt::format("{} {}", count, what);
}

}  // namespace

std::string_view ToString(OtlpReject why) {
  return kNames[static_cast<std::size_t>(why)];
}

void OtlpOutcome::Reject(OtlpReject why, std::string_view detail) {
  ++rejected_by[static_cast<std::size_t>(why)];
  if (first_reject.empty()) first_reject.assign(detail.substr(0, 512));
}

std::uint64_t OtlpOutcome::rejected() const {
  return std::accumulate(rejected_by.begin(), rejected_by.end(), std::uint64_t{0});
}

std::string OtlpOutcome::Message() const {
  std::string text;
  if (const std::uint64_t count = rejected(); count != 0) {
    text = fmt::format("rejected {} of {}:", count, count + accepted);
    for (std::size_t i = 0; i < kOtlpRejects; ++i) {
      if (rejected_by[i] != 0) text += fmt::format(" {} {},", rejected_by[i], kNames[i]);
    }
    text.back() = ';';
    text += fmt::format(" first: {}", first_reject);
  }
  AppendNote(attributes_dropped, "attributes dropped", text);
  AppendNote(exemplars_dropped, "exemplars dropped", text);
  AppendNote(duplicates, "samples of a series that had one at that time dropped", text);
  AppendNote(values_cut, "values above the limit cut", text);
  return text;
}

}  // namespace opssight
