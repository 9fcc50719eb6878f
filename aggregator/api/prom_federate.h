// The two forms of /federate's answer. Internal to this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/query/source.h"
#include "common/model/histogram.h"
#include "common/model/labels.h"

namespace opssight {

// A series' newest sample: a number, or a histogram where that is not null.
struct FederatedSample {
  std::string_view name;  // Of labels.
  const Labels* labels = nullptr;
  std::int64_t time_ms = 0;
  double value = 0;
  std::shared_ptr<const Histogram> histogram;
};

enum class FederateForm : std::uint8_t { kText, kOpenMetrics, kProtobuf };

// By the header Accept: what the client prefers of these, text for none.
struct FederateOffer {
  FederateForm form = FederateForm::kText;
  bool utf8 = false;  // Names may be any text.
};
FederateOffer FederateOfferOf(std::string_view accept);

// A name as a scraper takes it that knows no UTF-8 in names: what is not legal becomes _.
std::string UnderscoredName(std::string_view name, bool metric);

// Delimited io.prometheus.client.MetricFamily messages; histograms with float counts, those
// with buckets of their own as classic ones. all: by name. utf8: names may be any text.
std::string FederateProtobuf(const std::vector<FederatedSample>& all, bool utf8);

}  // namespace opssight
