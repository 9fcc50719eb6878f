#include <unordered_map>

#include "common/bytes/wire.h"
#include "common/codec/remote/parts.h"
#include "common/codec/remote/write.h"

namespace opssight {
namespace {

using remote::NumberOf;
using remote::PutHistogram;
using remote::PutLabel;
using remote::PutSample;

// The texts of a 2.0 request, each once; number 0 is "".
class Symbols {
 public:
  std::uint32_t Of(std::string_view text) {
    const auto [at, fresh] = numbers_.try_emplace(text, static_cast<std::uint32_t>(texts_.size()));
    if (fresh) texts_.push_back(text);
    return at->second;
  }
  const std::vector<std::string_view>& texts() const { return texts_; }

 private:
  std::vector<std::string_view> texts_ = {""};
  std::unordered_map<std::string_view, std::uint32_t> numbers_ = {{"", 0}};
};

void PutRefs(WireWriter& out, const std::vector<LabelView>& labels, Symbols& symbols) {
  std::string packed;
  for (const auto& [name, value] : labels) {
    PutVarint(packed, symbols.Of(name));
    PutVarint(packed, symbols.Of(value));
  }
  out.Bytes(1, packed);
}

void PutSeriesV2(WireWriter& out, const WriteSeriesOut& series, Symbols& symbols) {
  PutRefs(out, series.labels, symbols);
  for (const WriteSample& sample : series.samples) PutSample(out, 2, sample);
  for (const WriteHistogram& histogram : series.histograms) PutHistogram(out, 3, histogram);
  for (const auto& exemplar : series.exemplars) {
    out.Message(4, [&](WireWriter& inner) {
      PutRefs(inner, exemplar.labels, symbols);
      inner.Double(2, exemplar.value);
      inner.Varint(3, static_cast<std::uint64_t>(exemplar.time_ms));
    });
  }
  out.Message(5, [&](WireWriter& inner) {
    inner.Varint(1, NumberOf(series.type));
    inner.Varint(3, symbols.Of(series.help));
    inner.Varint(4, symbols.Of(series.unit));
  });
}

}  // namespace

std::string EncodeWriteV1(const std::vector<WriteSeriesOut>& series,
                          const std::vector<WriteMetadata>& metadata) {
  std::string bytes;
  WireWriter out(bytes);
  for (const WriteSeriesOut& one : series) {
    out.Message(1, [&](WireWriter& inner) {
      for (const auto& [name, value] : one.labels) PutLabel(inner, 1, name, value);
      for (const WriteSample& sample : one.samples) PutSample(inner, 2, sample);
      for (const auto& exemplar : one.exemplars) {
        inner.Message(3, [&](WireWriter& part) {
          for (const auto& [name, value] : exemplar.labels) PutLabel(part, 1, name, value);
          part.Double(2, exemplar.value);
          part.Varint(3, static_cast<std::uint64_t>(exemplar.time_ms));
        });
      }
      for (const WriteHistogram& histogram : one.histograms) PutHistogram(inner, 4, histogram);
    });
  }
  for (const WriteMetadata& one : metadata) {
    out.Message(3, [&](WireWriter& inner) {
      inner.Varint(1, NumberOf(one.type));
      inner.Bytes(2, one.name);
      inner.Bytes(4, one.help);
      inner.Bytes(5, one.unit);
    });
  }
  return bytes;
}

std::string EncodeWriteV2(const std::vector<WriteSeriesOut>& series) {
  // Symbols come first and are known last.
  Symbols symbols;
  std::string all;
  WireWriter series_out(all);
  for (const WriteSeriesOut& one : series) {
    series_out.Message(5, [&](WireWriter& inner) { PutSeriesV2(inner, one, symbols); });
  }
  std::string bytes;
  WireWriter out(bytes);
  for (const std::string_view text : symbols.texts()) out.Bytes(4, text);
  return bytes + all;
}

}  // namespace opssight
