// A trace as the Jaeger v1 JSON that its UI and Grafana read.
#pragma once

#include <string_view>
#include <vector>

#include "aggregator/query/source.h"
#include "common/http/message.h"
#include "common/model/record.h"
#include "common/text/json.h"

namespace opssight {

// spans: of one trace, at least one.
void WriteJaegerTrace(const std::vector<Span>& spans, JsonWriter& json);

// GET /api/traces/{id}: the trace, or Jaeger's error.
HttpResponse AnswerJaegerTrace(std::string_view id, const SpanSource& source,
                               const QueryLimits& limits);

}  // namespace opssight
