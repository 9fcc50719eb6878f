#include "aggregator/store/logs/line_collector.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace opssight {

LineCollector::LineCollector(const LineQuery& query) : query_(query) {
  for (const LineFilter& filter : query.filters) {
    if (filter.want) wanted_keys_.emplace_back(filter.text);
  }
}

bool LineCollector::WantsTime(std::int64_t time_ns) const {
  if (time_ns < query_.from_ns || time_ns >= query_.to_ns) return false;
  return !full_ || (query_.backward ? time_ns >= bound_ns_ : time_ns <= bound_ns_);
}

bool LineCollector::Wants(std::int64_t time_ns, std::string_view line) const {
  return WantsTime(time_ns) &&
         std::all_of(query_.filters.begin(), query_.filters.end(), [&](const LineFilter& filter) {
           return (line.find(filter.text) != std::string_view::npos) == filter.want;
         });
}

bool LineCollector::WantsPiece(std::int64_t min_ns, std::int64_t max_ns) const {
  if (max_ns < query_.from_ns || min_ns >= query_.to_ns || query_.limit == 0) return false;
  return !full_ || (query_.backward ? max_ns >= bound_ns_ : min_ns <= bound_ns_);
}

bool LineCollector::Before(const Entry& a, const Entry& b) const {
  const auto key = [](const Entry& entry) {
    return std::tuple(entry.time_ns, entry.piece, entry.row);
  };
  return query_.backward ? key(b) < key(a) : key(a) < key(b);
}

void LineCollector::Add(const Labels& stream, std::uint64_t piece, std::uint64_t row,
                        LogLine line) {
  const auto [it, added] = stream_ids_.try_emplace(stream, streams_.size());
  if (added) streams_.push_back(stream);
  const std::int64_t time_ns = line.time_ns;
  entries_.push_back({.time_ns = time_ns,
                      .piece = piece,
                      .row = row,
                      .stream = it->second,
                      .line = std::move(line)});
  if (entries_.size() >= 2 * query_.limit + 64) Shrink();
}

void LineCollector::Shrink() {
  if (entries_.size() <= query_.limit) return;
  const auto last = entries_.begin() + static_cast<std::ptrdiff_t>(query_.limit);
  std::nth_element(entries_.begin(), last - 1, entries_.end(),
                   [this](const Entry& a, const Entry& b) { return Before(a, b); });
  entries_.erase(last, entries_.end());
  full_ = true;
  bound_ns_ = entries_.back().time_ns;
}

std::vector<LogStreamLines> LineCollector::Finish() {
  if (query_.limit == 0) return {};
  Shrink();
  std::sort(entries_.begin(), entries_.end(),
            [this](const Entry& a, const Entry& b) { return Before(a, b); });
  std::map<Labels, std::vector<LogLine>> by_stream;
  for (Entry& entry : entries_) {
    by_stream[streams_[entry.stream]].push_back(std::move(entry.line));
  }
  std::vector<LogStreamLines> out;
  for (auto& [labels, lines] : by_stream) {
    out.push_back({.stream = labels, .lines = std::move(lines)});
  }
  return out;
}

}  // namespace opssight
