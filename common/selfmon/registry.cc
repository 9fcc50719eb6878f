#include "common/selfmon/registry.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/text/number.h"

namespace opssight {
namespace {

bool IsName(std::string_view name, bool colon_allowed) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [colon_allowed](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colon_allowed && c == ':');
  });
}

// The text format has no other.
std::string_view TypeWord(MetricType type) {
  return type == MetricType::kUnknown || type == MetricType::kInfo ? "untyped" : ToString(type);
}

// HELP escapes \ and line breaks; a label's value also ".
void AppendEscaped(std::string_view text, bool quotes, std::string& out) {
  for (const char c : text) {
    if (c == '\\' || (c == '"' && quotes)) {
      out.append(1, '\\').push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
}

void AppendSample(std::string_view name, const std::vector<LabelView>& labels, double value,
                  std::string& out) {
  out += name;
  char before = '{';
  for (const auto& [label, text] : labels) {
    out.append(1, std::exchange(before, ',')).append(label).append("=\"");
    AppendEscaped(text, true, out);
    out += '"';
  }
  if (!labels.empty()) out += '}';
  out += ' ';
  AppendDouble(value, out);
  out += '\n';
}

}  // namespace

void Registry::AddEntry(std::string name, std::string help, MetricType type, Entry entry) {
  OPS_CHECK(IsName(name, true), "metric name \"{}\"", name);
  OPS_CHECK(type != MetricType::kCounter || name.ends_with("_total"),
            "counter {} must end in _total", name);
  for (const Label& label : entry.labels) {
    OPS_CHECK(IsName(label.name, false) && !label.name.starts_with("__") && label.name != "le",
              "label \"{}\" of {}", label.name, name);
  }
  const MutexLock lock(mutex_);
  const auto [it, added] = by_name_.emplace(name, families_.size());
  if (added) {
    families_.push_back({.name = std::move(name), .help = std::move(help), .type = type});
  }
  Family& family = families_[it->second];
  OPS_CHECK(family.type == type, "{} has two types", family.name);
  for (const Entry& other : family.entries) {
    OPS_CHECK(other.labels != entry.labels, "{} is registered twice", family.name);
  }
  family.entries.push_back(std::move(entry));
}

void Registry::Add(std::string name, std::string help, const Counter& counter, Labels labels) {
  AddEntry(std::move(name), std::move(help), MetricType::kCounter,
           {.labels = std::move(labels),
            .value = [&counter] { return static_cast<double>(counter.value()); }});
}

void Registry::Add(std::string name, std::string help, const Gauge& gauge, Labels labels) {
  AddEntry(std::move(name), std::move(help), MetricType::kGauge,
           {.labels = std::move(labels), .value = [&gauge] { return gauge.value(); }});
}

void Registry::Add(std::string name, std::string help, const ClassicHistogram& histogram,
                   Labels labels) {
  AddEntry(std::move(name), std::move(help), MetricType::kHistogram,
           {.labels = std::move(labels), .value = nullptr, .histogram = &histogram});
}

void Registry::AddCallback(std::string name, std::string help, MetricType type,
                           std::function<double()> value, Labels labels) {
  OPS_CHECK(type == MetricType::kCounter || type == MetricType::kGauge,
            "{}: a callback is a counter or a gauge", name);
  AddEntry(std::move(name), std::move(help), type,
           {.labels = std::move(labels), .value = std::move(value)});
}

void Registry::AddRefresh(std::function<void()> refresh) {
  const MutexLock lock(mutex_);
  refreshes_.push_back(std::move(refresh));
}

void Registry::EmitEntry(const Family& family, const Entry& entry, const Emit& emit) const {
  std::vector<LabelView> labels;
  for (const Label& label : entry.labels) labels.emplace_back(label.name, label.value);
  if (entry.histogram == nullptr) return emit(family, family.name, labels, entry.value());
  const ClassicHistogram& histogram = *entry.histogram;
  const std::string bucket_name = family.name + "_bucket";
  std::uint64_t count = 0;  // From the buckets read, so that +Inf and _count agree.
  std::string bound;
  labels.emplace_back("le", "");
  for (std::size_t i = 0; i <= histogram.bounds().size(); ++i) {
    count += histogram.bucket(i);
    bound = i == histogram.bounds().size() ? "+Inf" : FormatDouble(histogram.bounds()[i]);
    labels.back().second = bound;
    emit(family, bucket_name, labels, static_cast<double>(count));
  }
  labels.pop_back();
  emit(family, family.name + "_sum", labels, histogram.sum());
  emit(family, family.name + "_count", labels, static_cast<double>(count));
}

std::string Registry::PrometheusText() const {
  std::string out;
  const Emit emit = [&out](const Family& /*family*/, std::string_view name,
                           const std::vector<LabelView>& labels,
                           double value) { AppendSample(name, labels, value, out); };
  const MutexLock lock(mutex_);
  for (const auto& refresh : refreshes_) refresh();
  for (const Family& family : families_) {
    out.append("# HELP ").append(family.name).append(" ");
    AppendEscaped(family.help, false, out);
    out.append("\n# TYPE ").append(family.name).append(" ").append(TypeWord(family.type));
    out += '\n';
    for (const Entry& entry : family.entries) EmitEntry(family, entry, emit);
  }
  return out;
}

void Registry::Fill(FrameBuilder& frame) const {
  const Emit emit = [&frame](const Family& family, std::string_view name,
                             const std::vector<LabelView>& labels,
                             double value) { frame.Add(name, labels, family.type, value); };
  const MutexLock lock(mutex_);
  for (const auto& refresh : refreshes_) refresh();
  for (const Family& family : families_) {
    for (const Entry& entry : family.entries) EmitEntry(family, entry, emit);
  }
}

}  // namespace opssight
