// GET /api/v1/monitoring/gaps: what could not be kept, by time (start, end; the last
// day by default). Of more than `limit` (10,000; at most 100,000) those that start last come,
// with "truncated": true.
#pragma once

#include "aggregator/query/source.h"
#include "common/base/clock.h"
#include "common/http/message.h"

namespace opssight {

HttpResponse AnswerGaps(const HttpRequest& request, const GapSource& gaps, const Clock& clock);

}  // namespace opssight
