// Messages that several of Prometheus' protobuf messages are made of (prompb/types.proto):
// labels, samples, histograms. For this folder and common/codec/expo.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/bytes/wire.h"
#include "common/codec/remote/write.h"
#include "common/model/frame.h"
#include "common/model/histogram.h"

namespace opssight::remote {

// False: not such a message.
bool ReadLabel(std::string_view bytes, LabelView& out);
bool ReadSample(std::string_view bytes, WriteSample& out);
bool ReadSpan(std::string_view bytes, BucketSpan& out);
// Append what a repeated field holds, packed or one.
bool AppendDoubles(const WireField& field, std::vector<double>& out);
bool AppendDeltas(const WireField& field, std::vector<std::int64_t>& out);
// The counts of an integer histogram stand as differences from bucket to bucket.
void AccumulateDeltas(const std::vector<std::int64_t>& deltas, std::vector<double>& out);
// Replaces out. buckets_max bounds spans, counts and bounds together.
bool ReadHistogram(std::string_view bytes, std::size_t buckets_max, WriteHistogram& out);
// Appends the numbers of a repeated field, packed or one.
bool ReadNumbers(const WireField& field, std::vector<std::uint32_t>& out);

void PutLabel(WireWriter& out, std::uint32_t number, std::string_view name, std::string_view value);
void PutSample(WireWriter& out, std::uint32_t number, const WriteSample& sample);
void PutHistogram(WireWriter& out, std::uint32_t number, const WriteHistogram& histogram);

// prompb's MetricMetadata.MetricType, also of 2.0.
MetricType TypeOf(std::uint64_t number);
std::uint64_t NumberOf(MetricType type);

}  // namespace opssight::remote
