// POST /api/v1/read: Prometheus remote read. The answer is ReadResponse in snappy, or
// frames of XOR chunks where the client lists them first. Texts of errors are plain, as
// Prometheus' own. Pure; any thread. Costs the memory of all samples asked for, at most
// limits.samples_max, and their encoding.
#pragma once

#include "aggregator/query/source.h"
#include "common/codec/remote/read.h"
#include "common/http/message.h"

namespace opssight {

HttpResponse AnswerRemoteRead(const HttpRequest& request, const SeriesSource& source,
                              const ReadLimits& read_limits, const QueryLimits& limits);

}  // namespace opssight
