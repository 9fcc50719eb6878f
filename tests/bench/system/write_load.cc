#include "tests/bench/system/write_load.h"

#include <memory>

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

}  // namespace

WriteLoad::WriteLoad(const WriteLoadOptions& options) : options_(options) {
  Random random(7);
  for (std::size_t i = 0; i < options.hosts; ++i) {
    Host host;
    const std::shared_ptr<const Layout> layout = HostLayout(options.first_host + i, options.series);
    for (const LayoutSeries& series : layout->series()) {
      host.labels.push_back(EncodeLabels(series.labels));
    }
    host.values = MakeMix(kHarshMix, options.series, i + 1);
    host.offset_ms =
        static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(options.interval_ms)));
    hosts_.push_back(std::move(host));
  }
}

void WriteLoad::Append(Host& host, std::int64_t time_ms, std::string& request) const {
  WireWriter writer(request);
  std::string one;
  for (std::size_t i = 0; i < host.labels.size(); ++i) {
    one = host.labels[i];
    WireWriter(one).Message(2, [&](WireWriter& sample) {
      sample.Double(1, host.values[i].Next());
      sample.Varint(2, static_cast<std::uint64_t>(time_ms));
    });
    writer.Bytes(1, one);
  }
}

void WriteLoad::Run(const std::function<void(const std::string&, std::size_t)>& send) {
  Random random(11);
  std::string request;
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
      Append(host, at + host.offset_ms + jitter_ms, request);
      samples += host.labels.size();
      if (samples >= options_.samples_per_request) flush();
    }
  }
  flush();
}

}  // namespace opssight::bench
