#include "aggregator/inputs/write_intake.h"

#include <bit>
#include <utility>

#include <fmt/core.h>

#include "aggregator/inputs/own_batch.h"
#include "common/text/utf8.h"

namespace opssight {
namespace {

constexpr std::size_t kErrorsBytesMax = 2048;  // Of the texts of one answer.

bool IsStale(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
}

std::shared_ptr<const Labels> OwnLabels(const std::vector<LabelView>& views) {
  std::vector<Label> labels;
  labels.reserve(views.size());
  for (const auto& [name, value] : views) {
    labels.push_back({.name = std::string(name), .value = std::string(value)});
  }
  return std::make_shared<const Labels>(std::move(labels));
}

std::size_t Runes(std::string_view text) {
  std::size_t runes = 0;
  for (const char c : text) runes += (static_cast<std::uint8_t>(c) & 0xc0U) != 0x80U ? 1 : 0;
  return runes;
}

// The family that a series belongs to: "x_bucket" of a histogram is of "x".
std::string_view FamilyOf(std::string_view name, MetricType type) {
  if (type != MetricType::kHistogram && type != MetricType::kSummary) return name;
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      return name.substr(0, name.size() - suffix.size());
    }
  }
  return name;
}

// Of a series of 2.0 that is judged well, without reading its labels.
std::string_view NameOf(const WriteRequest& request, const WriteSeries& series) {
  for (std::uint32_t i = 0; i + 1 < series.refs.count; i += 2) {
    const std::uint32_t at = series.refs.begin + i;
    if (request.symbols[request.refs[at]] == kMetricName) {
      return request.symbols[request.refs[at + 1]];
    }
  }
  return {};
}

// What a series has to keep to.
std::string LimitOf(LabelFault fault, const WriteLimits& limits) {
  if (fault == LabelFault::kTooMany) return fmt::format(", limit {}", limits.labels_max);
  if (fault != LabelFault::kTooLong) return {};
  return fmt::format(", limit {} bytes for a name, {} for a value, {} for all of a series",
                     limits.label_name_bytes_max, limits.label_value_bytes_max,
                     limits.labels_bytes_max);
}

}  // namespace

struct WriteIntake::Pass {
  WriteRequest& request;
  const WriteVersion version;
  const std::int64_t now_ms;
  Taken& out;
  std::vector<LabelFault> faults = {};
  std::vector<bool> fresh = {};
  std::vector<WriteRows::Entry> entries = {};
  std::vector<LabelView> labels = {};  // Scratch.
  bool said_time = false;              // Once: they come in thousands.
  const char* told_name = nullptr;     // Of the last series with metadata.
  const char* told_help = nullptr;

  void Say(std::string_view text) {
    out.bad = true;
    if (out.errors.size() + text.size() > kErrorsBytesMax) return;
    if (!out.errors.empty()) out.errors.push_back('\n');
    out.errors.append(text);
  }
};

WriteIntake::Taken WriteIntake::Take(WriteRequest& request, WriteVersion version,
                                     std::int64_t now_ms) {
  Taken out;
  Pass pass{.request = request, .version = version, .now_ms = now_ms, .out = out};
  rows_.Judge(request, options_.limits, pass.faults, pass.fresh);
  pass.entries.reserve(request.samples.size());
  for (std::uint32_t i = 0; i < request.series.size(); ++i) TakeSeries(pass, i);
  if (out.refused) return out;
  TakeMetadata(pass);
  out.written.samples = pass.entries.size();
  out.written.histograms = out.contents.histograms.size();
  out.written.exemplars = out.contents.exemplars.size();
  out.plan = rows_.Make(request, options_.limits, pass.entries, pass.fresh, DayOfWallMs(now_ms));
  out.contents.layout_rows = std::move(out.plan.rows);
  return out;
}

void WriteIntake::NotStored(bool layouts) {
  if (layouts) rows_.ForgetLayouts();
  MutexLock lock(mutex_);
  metadata_.Clear();
}

void WriteIntake::TakeSeries(Pass& pass, std::uint32_t number) {
  const WriteSeries& series = pass.request.series[number];
  const LabelFault fault = pass.faults[number];
  if (fault != LabelFault::kNone) {
    stats_.bad_series[static_cast<std::size_t>(fault)].Add();
    stats_.bad_samples.Add(series.samples.count + series.histograms.count);
    if (IsRefusal(fault) || pass.version == WriteVersion::kV2) {
      pass.Say(fmt::format("invalid labels of series {} of the request: {}{}", number,
                           ToString(fault), LimitOf(fault, options_.limits)));
    }
    return;
  }
  for (std::uint32_t i = 0; i < series.samples.count; ++i) {
    const WriteSample& sample = pass.request.samples[series.samples.begin + i];
    if (!TimeFits(pass, sample.time_ms)) continue;
    pass.entries.push_back({.series = number, .time_ms = sample.time_ms, .value = sample.value});
  }
  AddMetadata(pass, series);
  if (series.histograms.count == 0 && series.exemplars.count == 0) return;
  (void)ReadLabels(pass.request, series, options_.limits, pass.labels);  // Judged well.
  const std::shared_ptr<const Labels> labels = OwnLabels(pass.labels);
  TakeHistograms(pass, series, labels);
  TakeExemplars(pass, series, labels);
}

// Each series of 2.0 tells it each time; which of it was told today TakeMetadata knows. Here
// only the neighbours of one family are told apart, by where their symbols stand.
void WriteIntake::AddMetadata(Pass& pass, const WriteSeries& series) {
  if (series.help.empty() && series.unit.empty()) return;
  const std::string_view name = NameOf(pass.request, series);
  if (name.data() == pass.told_name && series.help.data() == pass.told_help) return;
  pass.told_name = name.data();
  pass.told_help = series.help.data();
  pass.request.metadata.push_back({.type = series.type,
                                   .name = FamilyOf(name, series.type),
                                   .help = series.help,
                                   .unit = series.unit});
}

bool WriteIntake::TimeFits(Pass& pass, std::int64_t time_ms) {
  const bool future = time_ms > pass.now_ms + options_.future_ms;
  const bool past =
      time_ms < 0 || (options_.past_ms > 0 && time_ms < pass.now_ms - options_.past_ms);
  if (!future && !past) return true;
  (future ? stats_.too_new : stats_.too_old).Add();
  if (!std::exchange(pass.said_time, true)) {
    pass.Say(future ? "out of bounds: timestamp is too far in the future"
                    : "too old sample: it is older than what is kept");
  }
  pass.out.refused = pass.out.refused || pass.version == WriteVersion::kV1;
  return false;
}

void WriteIntake::TakeHistograms(Pass& pass, const WriteSeries& series,
                                 const std::shared_ptr<const Labels>& labels) {
  for (std::uint32_t i = 0; i < series.histograms.count; ++i) {
    WriteHistogram& from = pass.request.histograms[series.histograms.begin + i];
    if (!TimeFits(pass, from.time_ms)) continue;
    if (IsStale(from.histogram.sum)) {
      from.histogram = Histogram{.sum = from.histogram.sum};
    } else if (const Status valid = CheckHistogram(from.histogram, options_.histogram_buckets_max);
               !valid) {
      stats_.bad_histograms.Add();
      pass.Say(fmt::format("{} for series {}", valid.error().message, labels->PrometheusText()));
      continue;
    }
    pass.out.contents.histograms.push_back(
        {.series = labels, .time_ms = from.time_ms, .histogram = std::move(from.histogram)});
  }
}

void WriteIntake::TakeExemplars(Pass& pass, const WriteSeries& series,
                                const std::shared_ptr<const Labels>& labels) {
  for (std::uint32_t i = 0; i < series.exemplars.count; ++i) {
    const WriteExemplar& from = pass.request.exemplars[series.exemplars.begin + i];
    Exemplar exemplar{.series = labels, .time_ms = from.time_ms, .value = from.value, .labels = {}};
    std::size_t runes = 0;
    bool good = from.time_ms >= 0 && from.time_ms <= pass.now_ms + options_.future_ms;
    for (std::uint32_t j = 0; j < from.label_count && good; ++j) {
      const auto& [name, value] = pass.request.exemplar_labels[from.labels + j];
      runes += Runes(name) + Runes(value);
      good = !name.empty() && IsUtf8(name) && IsUtf8(value) && runes <= options_.exemplar_runes_max;
      if (good) exemplar.labels.push_back({std::string(name), std::string(value)});
    }
    if (!good) {
      stats_.bad_exemplars.Add();  // As with Prometheus the sender is not told.
      continue;
    }
    pass.out.contents.exemplars.push_back(std::move(exemplar));
  }
}

// Senders tell the same every minute; once a day will do.
void WriteIntake::TakeMetadata(Pass& pass) {
  const std::uint32_t today = DayOfWallMs(pass.now_ms);
  const std::size_t most = BatchLimits().metadata_bytes_max;
  std::string key;
  MutexLock lock(mutex_);
  for (const WriteMetadata& from : pass.request.metadata) {
    if (from.name.empty() || from.name.size() + from.help.size() + from.unit.size() > most ||
        !IsUtf8(from.name) || !IsUtf8(from.help) || !IsUtf8(from.unit)) {
      continue;
    }
    key.assign(1, static_cast<char>(from.type));
    AppendLabelKey(from.name, from.help, key);
    key.append(from.unit);
    const Hash128 hash = HashOf128(key);
    if (const std::uint32_t* day = metadata_.Find(hash); day != nullptr && *day == today) continue;
    metadata_.Insert(hash, today);
    pass.out.contents.metadata.push_back({.name = std::string(from.name),
                                          .type = from.type,
                                          .help = std::string(from.help),
                                          .unit = std::string(from.unit)});
  }
}

}  // namespace opssight
