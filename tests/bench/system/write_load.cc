#include "tests/bench/system/write_load.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "common/bytes/snappy.h"
#include "common/bytes/wire.h"
#include "tests/bench/system/corpus.h"

namespace opssight::bench {
namespace {

std::string EncodeLabels(const Labels& labels) {
  std::string out;
  WireWriter writer(out);
  for (const Label& label : labels) {
    writer.Message(1, [&label](WireWriter& pair) {
      pair.Bytes(1, label.name);
      pair.Bytes(2, label.value);
    });
  }
  return out;
}

bool EndsWith(const Labels& labels, std::string_view suffix) {
  return labels.Get("__name__").ends_with(suffix);
}

// The kinds of a mix to the names that they suit: what is called a counter never falls, and
// buckets are whole numbers.
std::vector<MixedSeries> Suit(const Layout& layout, std::vector<MixedSeries> mix) {
  enum Pool : std::size_t { kWhole, kCounters, kGauges };
  std::array<std::vector<MixedSeries>, 3> pools;
  for (MixedSeries& one : mix) {
    const bool gauge = one.kind() == Kind::kPages || one.kind() == Kind::kDecimal;
    const bool whole = one.kind() == Kind::kCounter || one.kind() == Kind::kBucket;
    pools[gauge ? kGauges : whole ? kWhole : kCounters].push_back(std::move(one));
  }
  // Taken from the back.
  std::stable_partition(pools[kWhole].begin(), pools[kWhole].end(),
                        [](const MixedSeries& one) { return one.kind() != Kind::kBucket; });
  std::vector<MixedSeries> out;
  for (const LayoutSeries& series : layout.series()) {
    std::array<Pool, 3> order = {kGauges, kCounters, kWhole};
    if (EndsWith(series.labels, "_bucket")) order = {kWhole, kCounters, kGauges};
    if (EndsWith(series.labels, "_total")) order = {kCounters, kWhole, kGauges};
    for (const Pool pool : order) {
      if (pools[pool].empty()) continue;
      out.push_back(std::move(pools[pool].back()));
      pools[pool].pop_back();
      break;
    }
  }
  return out;
}

}  // namespace

WriteLoad::WriteLoad(const WriteLoadOptions& options) : options_(options) {
  Random random(7);
  for (std::size_t i = 0; i < options.hosts; ++i) {
    Host host;
    const std::shared_ptr<const Layout> layout = HostLayout(options.first_host + i, options.series);
    for (const LayoutSeries& series : layout->series()) {
      host.labels.push_back(EncodeLabels(series.labels));
    }
    host.values = Suit(*layout, MakeMix(kHarshMix, options.series, options.first_host + i + 1));
    host.offset_ms =
        static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(options.interval_ms)));
    hosts_.push_back(std::move(host));
    if (!places_.empty()) continue;
    for (const LayoutSeries& series : layout->series()) {
      const bool bucket = EndsWith(series.labels, "_bucket");
      const bool last = series.labels.Get("le") == "+Inf";
      places_.push_back(!bucket ? Place::kAlone : last ? Place::kLastBucket : Place::kBucket);
    }
  }
}

void WriteLoad::Run(const std::function<void(const std::string&, std::size_t)>& send) {
  Random random(11);
  std::string request;
  std::string one;
  WireWriter writer(request);
  std::size_t samples = 0;
  const auto flush = [&] {
    if (samples == 0) return;
    send(SnappyCompress(request), samples);
    request.clear();
    samples = 0;
  };
  for (std::size_t round = 0; round < options_.rounds; ++round) {
    const std::int64_t at =
        options_.start_ms + static_cast<std::int64_t>(round) * options_.interval_ms;
    for (Host& host : hosts_) {
      // A scrape is a few milliseconds early or late.
      const auto jitter_ms = static_cast<std::int64_t>(random.Below(5));
      const std::int64_t time_ms = (at + host.offset_ms + jitter_ms) / 2 * 2;
      double below = 0;  // Of a histogram's buckets so far.
      for (std::size_t i = 0; i < host.labels.size(); ++i) {
        double value = host.values[i].Next();
        if (places_[i] != Place::kAlone) value = below += value;
        if (places_[i] == Place::kLastBucket) below = 0;
        one = host.labels[i];
        WireWriter(one).Message(2, [&](WireWriter& sample) {
          sample.Double(1, value);
          sample.Varint(2, static_cast<std::uint64_t>(time_ms));
        });
        writer.Bytes(1, one);
        if (++samples >= options_.samples_per_request) flush();
      }
    }
  }
  flush();
}

}  // namespace opssight::bench
