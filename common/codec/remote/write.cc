#include "common/codec/remote/write.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "common/bytes/wire.h"
#include "common/codec/remote/parts.h"
#include "common/text/utf8.h"

namespace opssight {
namespace {

using remote::ReadHistogram;
using remote::ReadLabel;
using remote::ReadNumbers;
using remote::ReadSample;
using remote::TypeOf;

Error Malformed(std::string_view what) {
  return Invalid(fmt::format("remote write: malformed protobuf: {}", what));
}

std::uint32_t SizeOf(std::size_t size) {
  return static_cast<std::uint32_t>(size);  // Of a vector that decoded_bytes_max bounds.
}

// Adds to a range at the end of a vector; the parts of one series stand together.
void Extend(WriteRange& range, std::size_t size_after) {
  if (range.count == 0) range.begin = SizeOf(size_after) - 1;
  ++range.count;
}

// What both versions share: the budget, and the parts of a series.
class Decoder {
 public:
  Decoder(const WriteLimits& limits, WriteRequest& out) : limits_(limits), out_(out) {}

  Status V1(std::string_view bytes);
  Status V2(std::string_view bytes);

 private:
  // Whether bytes more may be held.
  bool Take(std::size_t bytes) {
    taken_ += bytes;
    return taken_ <= limits_.decoded_bytes_max;
  }
  Status TooMuch() const {
    return Exhausted(fmt::format(
        "remote write: the request takes more than {} bytes once decoded; send smaller ones",
        limits_.decoded_bytes_max));
  }
  Result<WriteSeries*> NewSeries();
  Status SeriesV1(std::string_view bytes);
  Status SeriesV2(std::string_view bytes);
  Status Metadata(std::string_view bytes);
  Status Sample(std::string_view bytes, WriteSeries& series);
  Status Histogram(std::string_view bytes, WriteSeries& series);
  Status ExemplarV1(std::string_view bytes, WriteSeries& series);
  Status ExemplarV2(std::string_view bytes, WriteSeries& series);
  Status SeriesMetadata(std::string_view bytes, WriteSeries& series);
  std::string_view Symbol(std::uint64_t number) const {
    return number < out_.symbols.size() ? out_.symbols[number] : std::string_view();
  }
  void NameByRefs(WriteSeries& series);

  const WriteLimits& limits_;
  WriteRequest& out_;
  std::size_t taken_ = 0;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> numbers_;
};

Result<WriteSeries*> Decoder::NewSeries() {
  if (out_.series.size() >= limits_.series_max) {
    return Exhausted(fmt::format("remote write: more than {} series in one request; send fewer",
                                 limits_.series_max));
  }
  if (!Take(sizeof(WriteSeries))) return TooMuch().error();
  return &out_.series.emplace_back();
}

Status Decoder::Sample(std::string_view bytes, WriteSeries& series) {
  if (!Take(sizeof(WriteSample))) return TooMuch();
  if (!ReadSample(bytes, out_.samples.emplace_back())) return Malformed("sample");
  Extend(series.samples, out_.samples.size());
  return {};
}

Status Decoder::Histogram(std::string_view bytes, WriteSeries& series) {
  // A bucket takes a byte at least, and eight here.
  if (!Take(sizeof(WriteHistogram) + sizeof(double) * bytes.size())) return TooMuch();
  if (!ReadHistogram(bytes, bytes.size(), out_.histograms.emplace_back())) {
    return Malformed("histogram");
  }
  Extend(series.histograms, out_.histograms.size());
  return {};
}

Status Decoder::V1(std::string_view bytes) {
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1 && field.is_bytes) {
      OPS_RETURN_IF_ERROR(SeriesV1(field.bytes));
    } else if (field.number == 3 && field.is_bytes) {
      OPS_RETURN_IF_ERROR(Metadata(field.bytes));
    }
  }
  return reader.broken() ? Status(Malformed("request")) : Status();
}

Status Decoder::SeriesV1(std::string_view bytes) {
  OPS_TRY(WriteSeries * series, NewSeries());
  std::string* gathered = nullptr;
  WireReader reader(bytes);
  std::string_view before = bytes;  // From the tag of the field that comes next.
  for (WireField field; reader.Next(field); before = reader.rest()) {
    if (!field.is_bytes) continue;
    if (field.number == 1) {
      const std::string_view whole = before.substr(0, before.size() - reader.rest().size());
      std::string_view& labels = series->label_bytes;
      if (labels.empty()) {
        labels = whole;
      } else if (gathered == nullptr && labels.data() + labels.size() == whole.data()) {
        labels = {labels.data(), labels.size() + whole.size()};
      } else {
        if (gathered == nullptr) gathered = &out_.gathered.emplace_back(labels);
        if (!Take(whole.size())) return TooMuch();
        labels = gathered->append(whole);
      }
    } else if (field.number == 2) {
      OPS_RETURN_IF_ERROR(Sample(field.bytes, *series));
    } else if (field.number == 3) {
      OPS_RETURN_IF_ERROR(ExemplarV1(field.bytes, *series));
    } else if (field.number == 4) {
      OPS_RETURN_IF_ERROR(Histogram(field.bytes, *series));
    }
  }
  if (reader.broken()) return Malformed("series");
  series->key = HashOf128(series->label_bytes);
  return {};
}

Status Decoder::ExemplarV1(std::string_view bytes, WriteSeries& series) {
  if (!Take(sizeof(WriteExemplar))) return TooMuch();
  WriteExemplar exemplar{.labels = SizeOf(out_.exemplar_labels.size())};
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1 && field.is_bytes) {
      if (!Take(sizeof(LabelView))) return TooMuch();
      if (!ReadLabel(field.bytes, out_.exemplar_labels.emplace_back()))
        return Malformed("exemplar");
    }
    if (field.number == 2 && field.type == WireType::kFixed64) exemplar.value = field.real();
    if (field.number == 3 && field.type == WireType::kVarint) {
      exemplar.time_ms = static_cast<std::int64_t>(field.integer);
    }
  }
  if (reader.broken()) return Malformed("exemplar");
  exemplar.label_count = SizeOf(out_.exemplar_labels.size()) - exemplar.labels;
  out_.exemplars.push_back(exemplar);
  Extend(series.exemplars, out_.exemplars.size());
  return {};
}

Status Decoder::Metadata(std::string_view bytes) {
  if (!Take(sizeof(WriteMetadata))) return TooMuch();
  WriteMetadata metadata;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1 && !field.is_bytes) metadata.type = TypeOf(field.integer);
    if (!field.is_bytes) continue;
    if (field.number == 2) metadata.name = field.bytes;
    if (field.number == 4) metadata.help = field.bytes;
    if (field.number == 5) metadata.unit = field.bytes;
  }
  if (reader.broken()) return Malformed("metadata");
  out_.metadata.push_back(metadata);
  return {};
}

// ---- 2.0

Status Decoder::V2(std::string_view bytes) {
  WireReader first(bytes);
  for (WireField field; first.Next(field);) {
    if (field.number != 4 || !field.is_bytes) continue;
    if (!Take(sizeof(std::string_view) + sizeof(std::uint64_t))) return TooMuch();
    out_.symbols.push_back(field.bytes);
    out_.symbol_hashes.push_back(Hash64(field.bytes));
  }
  if (first.broken()) return Malformed("request");
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 5 && field.is_bytes) OPS_RETURN_IF_ERROR(SeriesV2(field.bytes));
  }
  return {};
}

Status Decoder::SeriesV2(std::string_view bytes) {
  OPS_TRY(WriteSeries * series, NewSeries());
  series->refs.begin = SizeOf(out_.refs.size());
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) {
      if (!Take(sizeof(std::uint32_t) * (field.bytes.size() + 1))) return TooMuch();
      if (!ReadNumbers(field, out_.refs)) return Malformed("labels_refs");
    }
    if (!field.is_bytes) continue;
    if (field.number == 2) OPS_RETURN_IF_ERROR(Sample(field.bytes, *series));
    if (field.number == 3) OPS_RETURN_IF_ERROR(Histogram(field.bytes, *series));
    if (field.number == 4) OPS_RETURN_IF_ERROR(ExemplarV2(field.bytes, *series));
    if (field.number == 5) OPS_RETURN_IF_ERROR(SeriesMetadata(field.bytes, *series));
  }
  if (reader.broken()) return Malformed("series");
  series->refs.count = SizeOf(out_.refs.size()) - series->refs.begin;
  NameByRefs(*series);
  return {};
}

// Numbers of symbols differ from request to request; what they stand for does not.
void Decoder::NameByRefs(WriteSeries& series) {
  hashes_.clear();
  series.refs_broken = series.refs.count % 2 != 0;
  for (std::uint32_t i = 0; i < series.refs.count; ++i) {
    const std::uint32_t ref = out_.refs[series.refs.begin + i];
    if (ref >= out_.symbols.size()) {
      series.refs_broken = true;
      hashes_.push_back(ref);
    } else {
      hashes_.push_back(out_.symbol_hashes[ref]);
    }
  }
  hashes_.push_back(static_cast<std::uint64_t>(series.type) << 1 | (series.refs_broken ? 1 : 0));
  series.key = HashOf128(
      {reinterpret_cast<const char*>(hashes_.data()), hashes_.size() * sizeof(std::uint64_t)});
}

Status Decoder::ExemplarV2(std::string_view bytes, WriteSeries& series) {
  if (!Take(sizeof(WriteExemplar))) return TooMuch();
  numbers_.clear();
  WriteExemplar exemplar{.labels = SizeOf(out_.exemplar_labels.size())};
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) {
      if (!Take(sizeof(LabelView) * (field.bytes.size() + 1))) return TooMuch();
      if (!ReadNumbers(field, numbers_)) return Malformed("exemplar");
    }
    if (field.number == 2 && field.type == WireType::kFixed64) exemplar.value = field.real();
    if (field.number == 3 && field.type == WireType::kVarint) {
      exemplar.time_ms = static_cast<std::int64_t>(field.integer);
    }
  }
  if (reader.broken() || numbers_.size() % 2 != 0) return Malformed("exemplar");
  for (std::size_t i = 0; i < numbers_.size(); i += 2) {
    out_.exemplar_labels.emplace_back(Symbol(numbers_[i]), Symbol(numbers_[i + 1]));
  }
  exemplar.label_count = SizeOf(numbers_.size() / 2);
  out_.exemplars.push_back(exemplar);
  Extend(series.exemplars, out_.exemplars.size());
  return {};
}

Status Decoder::SeriesMetadata(std::string_view bytes, WriteSeries& series) {
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.is_bytes) continue;
    if (field.number == 1) series.type = TypeOf(field.integer);
    if (field.number == 3) series.help = Symbol(field.integer);
    if (field.number == 4) series.unit = Symbol(field.integer);
  }
  return reader.broken() ? Status(Malformed("metadata")) : Status();
}

LabelFault Collect(const WriteRequest& request, const WriteSeries& series,
                   const WriteLimits& limits, std::vector<LabelView>& out) {
  if (series.refs_broken) return LabelFault::kMalformed;
  if (series.refs.count > 2 * limits.labels_max) return LabelFault::kTooMany;
  for (std::uint32_t i = 0; i < series.refs.count; i += 2) {
    out.emplace_back(request.symbols[request.refs[series.refs.begin + i]],
                     request.symbols[request.refs[series.refs.begin + i + 1]]);
  }
  WireReader reader(series.label_bytes);
  for (WireField field; reader.Next(field);) {
    if (out.size() >= limits.labels_max) return LabelFault::kTooMany;
    if (!ReadLabel(field.bytes, out.emplace_back())) return LabelFault::kMalformed;
  }
  return LabelFault::kNone;
}

}  // namespace

void WriteRequest::Clear() {
  series.clear();
  samples.clear();
  histograms.clear();
  exemplars.clear();
  exemplar_labels.clear();
  metadata.clear();
  symbols.clear();
  symbol_hashes.clear();
  refs.clear();
  gathered.clear();
}

Status DecodeWrite(std::string_view bytes, WriteVersion version, const WriteLimits& limits,
                   WriteRequest& out) {
  out.Clear();
  if (bytes.size() > limits.body_bytes_max) {
    return Exhausted(fmt::format("remote write: a request of {} bytes, limit {}", bytes.size(),
                                 limits.body_bytes_max));
  }
  Decoder decoder(limits, out);
  return version == WriteVersion::kV1 ? decoder.V1(bytes) : decoder.V2(bytes);
}

std::string_view ToString(LabelFault fault) {
  constexpr std::array<std::string_view, kLabelFaults> kNames = {
      "none",           "no_name",  "bad_label", "duplicate_label", "too_many_labels",
      "label_too_long", "malformed"};
  return kNames[static_cast<std::size_t>(fault)];
}

bool IsRefusal(LabelFault fault) {
  return fault == LabelFault::kTooMany || fault == LabelFault::kTooLong ||
         fault == LabelFault::kMalformed;
}

LabelFault ReadLabels(const WriteRequest& request, const WriteSeries& series,
                      const WriteLimits& limits, std::vector<LabelView>& out) {
  out.clear();
  const LabelFault fault = Collect(request, series, limits, out);
  if (fault != LabelFault::kNone) return fault;
  std::size_t bytes = 0;
  bool named = false;
  for (const auto& [name, value] : out) {
    bytes += name.size() + value.size();
    if (name.size() > limits.label_name_bytes_max || value.size() > limits.label_value_bytes_max ||
        bytes > limits.labels_bytes_max) {
      return LabelFault::kTooLong;
    }
    if (name.empty() || !IsUtf8(name) || !IsUtf8(value)) return LabelFault::kBadLabel;
    named = named || (name == kMetricName && !value.empty());
  }
  if (!named) return LabelFault::kNoName;
  const auto by_name = [](const LabelView& a, const LabelView& b) { return a.first < b.first; };
  if (!std::is_sorted(out.begin(), out.end(), by_name)) {
    std::sort(out.begin(), out.end(), by_name);
  }
  const auto same = [](const LabelView& a, const LabelView& b) { return a.first == b.first; };
  if (std::adjacent_find(out.begin(), out.end(), same) != out.end()) return LabelFault::kDuplicate;
  std::erase_if(out, [](const LabelView& label) { return label.second.empty(); });
  return LabelFault::kNone;
}

}  // namespace opssight
