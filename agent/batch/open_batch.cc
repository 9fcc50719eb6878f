#include "agent/batch/open_batch.h"

#include <algorithm>
#include <utility>

#include "agent/spool/gaps.h"
#include "common/model/record_bytes.h"

namespace opssight {
namespace {

constexpr std::size_t kJoinBytesMax = 16UL << 10;   // Above, copying costs more than it saves.
constexpr std::size_t kStreamBytesMax = 1UL << 20;  // Of joined rows; far below what u32 holds.
constexpr std::size_t kRecordBytes = 32;            // What a row, line or span costs by itself.
constexpr std::string_view kNoMemory = "spool cannot write, memory full";

std::size_t BytesOf(const std::vector<Attribute>& attributes) {
  std::size_t bytes = 0;
  for (const Attribute& attribute : attributes) {
    bytes += sizeof(Attribute) + attribute.key.size() + attribute.value.text.size();
  }
  return bytes;
}

std::size_t BytesOf(const Span& span) {
  std::size_t bytes = sizeof(Span) + span.name.size() + span.trace_state.size() +
                      span.status_message.size() + BytesOf(span.attributes);
  for (const SpanEvent& event : span.events) bytes += kRecordBytes + BytesOf(event.attributes);
  for (const SpanLink& link : span.links) bytes += kRecordBytes + BytesOf(link.attributes);
  return bytes;
}

std::size_t BytesOf(const LogRows& rows) {
  std::size_t bytes = kRecordBytes + rows.text.size() + rows.rows.size() * sizeof(LogRows::Row);
  for (const LogRows::Metadata& entry : rows.metadata) {
    bytes += kRecordBytes + entry.label.name.size() + entry.label.value.size();
  }
  return bytes;
}

void Join(LogRows& into, LogRows rows) {
  const auto text = static_cast<std::uint32_t>(into.text.size());
  const auto count = static_cast<std::uint32_t>(into.rows.size());
  into.text.append(rows.text);
  for (const LogRows::Row& row : rows.rows) {
    into.rows.push_back({.time_ns = row.time_ns, .end = text + row.end});
  }
  for (LogRows::Metadata& entry : rows.metadata) {
    into.metadata.push_back({.row = count + entry.row, .label = std::move(entry.label)});
  }
}

}  // namespace

void OpenBatch::Grow(std::size_t bytes, std::int64_t now_ms) {
  if (!opened_ms_) opened_ms_ = now_ms;
  batch_.raw_bytes += bytes;
}

void OpenBatch::AddMetrics(MetricRow row, std::int64_t now_ms) {
  Grow(kRecordBytes + row.values.size() * sizeof(double), now_ms);
  batch_.contents.metrics.push_back(std::move(row));
}

void OpenBatch::AddLogs(LogRows rows, std::int64_t now_ms) {
  if (rows.rows.empty()) return;
  Grow(BytesOf(rows), now_ms);
  std::vector<LogRows>& logs = batch_.contents.logs;
  const auto [it, is_new] = streams_.try_emplace(rows.stream.get(), logs.size());
  if (!is_new && rows.text.size() <= kJoinBytesMax &&
      logs[it->second].text.size() <= kStreamBytesMax) {
    Join(logs[it->second], std::move(rows));
    return;
  }
  it->second = logs.size();
  logs.push_back(std::move(rows));
}

template <class T>
void OpenBatch::AddAll(std::vector<T> records, std::vector<T>& to, std::int64_t now_ms) {
  if (records.empty()) return;
  std::size_t bytes = 0;
  for (const T& record : records) bytes += BytesOf(record);
  Grow(bytes, now_ms);
  if (to.empty()) {
    to = std::move(records);
  } else {
    std::move(records.begin(), records.end(), std::back_inserter(to));
  }
}

void OpenBatch::AddSpans(std::vector<Span> spans, std::int64_t now_ms) {
  AddAll(std::move(spans), batch_.contents.spans, now_ms);
}

void OpenBatch::AddHistograms(std::vector<HistogramRow> rows, std::int64_t now_ms) {
  AddAll(std::move(rows), batch_.contents.histograms, now_ms);
}

void OpenBatch::AddExemplars(std::vector<Exemplar> exemplars, std::int64_t now_ms) {
  AddAll(std::move(exemplars), batch_.contents.exemplars, now_ms);
}

void OpenBatch::AddMetadata(std::vector<MetricMetadata> metadata, std::int64_t now_ms) {
  AddAll(std::move(metadata), batch_.contents.metadata, now_ms);
}

void OpenBatch::AddTargets(TargetsSnapshot targets, std::int64_t now_ms) {
  if (batch_.contents.targets != nullptr) batch_.raw_bytes -= BytesOf(*batch_.contents.targets);
  Grow(BytesOf(targets), now_ms);
  batch_.contents.targets = std::make_shared<const TargetsSnapshot>(std::move(targets));
}

void OpenBatch::AddGap(Gap gap, std::int64_t now_ms) {
  Grow(sizeof(Gap) + gap.stream.size() + gap.reason.size(), now_ms);
  batch_.contents.gaps.push_back(std::move(gap));
}

void OpenBatch::AddPosition(Position position, std::int64_t now_ms) {
  const auto [it, is_new] = positions_.try_emplace(position.key, batch_.positions.size());
  Grow(is_new ? kRecordBytes + position.key.size() + position.value.value_or("").size() : 0,
       now_ms);
  if (is_new) {
    batch_.positions.push_back(std::move(position));
  } else {
    batch_.positions[it->second].value = std::move(position.value);
  }
}

void OpenBatch::AddCommit(CommitDone done, std::int64_t now_ms) {
  Grow(kRecordBytes, now_ms);
  if (!commit_ms_) commit_ms_ = now_ms;
  batch_.commits.push_back(std::move(done));
}

std::optional<std::int64_t> OpenBatch::due_ms() const {
  if (!opened_ms_) return std::nullopt;
  const std::int64_t by_age = *opened_ms_ + options_.age_ms_max;
  return commit_ms_ ? std::min(by_age, *commit_ms_ + options_.commit_delay_ms) : by_age;
}

void OpenBatch::Reset() {
  batch_ = {};
  opened_ms_.reset();
  commit_ms_.reset();
  positions_.clear();
  streams_.clear();
}

void OpenBatch::Thin(bool with_logs, std::array<std::uint64_t, 3>& dropped) {
  BatchContents& contents = batch_.contents;
  const BatchSummary summary = Summarize(contents);
  GapCollector gaps;
  for (const Gap& gap : contents.gaps) gaps.Add(gap);
  gaps.AddMetrics(contents.metrics, kNoMemory);
  gaps.AddHistograms(contents.histograms, kNoMemory);
  gaps.AddExemplars(contents.exemplars, kNoMemory);
  gaps.AddSpans(contents.spans, kNoMemory);
  dropped[static_cast<std::size_t>(Signal::kMetrics)] += summary.counts[0];
  dropped[static_cast<std::size_t>(Signal::kSpans)] += summary.counts[2];
  contents.metrics = {};
  contents.histograms = {};
  contents.exemplars = {};
  contents.spans = {};
  if (with_logs) {
    gaps.AddLogs(contents.logs, kNoMemory);
    dropped[static_cast<std::size_t>(Signal::kLogs)] += summary.counts[1];
    contents.logs = {};
    contents.metadata = {};
    contents.targets.reset();
    streams_.clear();
  }
  contents.gaps = gaps.gaps();
  batch_.raw_bytes = 0;
  for (const LogRows& rows : contents.logs) batch_.raw_bytes += BytesOf(rows);
  for (const MetricMetadata& one : contents.metadata) batch_.raw_bytes += BytesOf(one);
  if (contents.targets != nullptr) batch_.raw_bytes += BytesOf(*contents.targets);
  batch_.raw_bytes += contents.gaps.size() * sizeof(Gap);
}

}  // namespace opssight
