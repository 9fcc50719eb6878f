// Hands a frame's round to a sink.
#pragma once

#include <cstdint>
#include <utility>

#include "agent/sink/sink.h"
#include "common/model/frame.h"

namespace opssight {

// The row, and behind it the stale markers of the series that left with it.
inline void SendFrame(FrameBuilder& frame, std::int64_t wall_ms, Sink& sink) {
  MetricRow row = frame.End(wall_ms);
  if (!row.values.empty()) sink.AcceptMetrics(std::move(row));
  MetricRow stale = frame.TakeStale(wall_ms);
  if (!stale.values.empty()) sink.AcceptMetrics(std::move(stale));
}

// The frame's source is gone: stale markers for all of it.
inline void RetireFrame(FrameBuilder& frame, std::int64_t wall_ms, Sink& sink) {
  MetricRow stale = frame.Retire(wall_ms);
  if (!stale.values.empty()) sink.AcceptMetrics(std::move(stale));
}

}  // namespace opssight
