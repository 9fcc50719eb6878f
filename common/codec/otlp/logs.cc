#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>

#include "common/base/clock.h"
#include "common/codec/otlp/names.h"
#include "common/codec/otlp/otlp.h"
#include "common/codec/otlp/request.h"
#include "common/codec/otlp/values.h"
#include "common/model/record_bytes.h"
#include "common/text/base64.h"
#include "schemas/otlp.pb.h"

namespace opssight {
namespace otlp {
namespace {

using google::protobuf::Message;

// Resource attributes that become labels of the stream, as in Loki; the rest has
// too many values for that.
constexpr std::array<std::string_view, 18> kStreamAttributes = {
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "k8s.replicaset.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
    "container.name",
};
// Where service_name comes from, if the resource does not say; also Loki's list.
constexpr std::array<std::string_view, 13> kServiceNames = {"service",
                                                            "app",
                                                            "application",
                                                            "app_name",
                                                            "name",
                                                            "app_kubernetes_io_name",
                                                            "container",
                                                            "container_name",
                                                            "k8s_container_name",
                                                            "component",
                                                            "workload",
                                                            "job",
                                                            "k8s_job_name"};

bool IsStreamAttribute(std::string_view key) {
  return std::find(kStreamAttributes.begin(), kStreamAttributes.end(), key) !=
         kStreamAttributes.end();
}

bool HasLabel(const std::vector<Label>& labels, std::string_view name) {
  return std::any_of(labels.begin(), labels.end(),
                     [&](const Label& label) { return label.name == name; });
}

class LogVisitor final : public Visitor {
 public:
  LogVisitor(const OtlpLimits& limits, const std::vector<Label>& extra, std::int64_t now_ns,
             OtlpLogs& out)
      : limits_(limits),
        extra_(extra),
        now_ns_(now_ns),
        newest_ns_(now_ns + limits.future_ms * kNsPerMs),
        out_(out),
        values_(limits, out.outcome) {}

  void OnResource(const Message& message) override {
    const auto& from = static_cast<const wire::otlp::Resource&>(message);
    resource_metadata_.clear();
    std::vector<Label> stream;
    const int count = values_.Usable(from.attributes());
    for (int i = 0; i < count; ++i) {
      const auto& attribute = from.attributes(i);
      if (IsStreamAttribute(attribute.key())) {
        const auto name = LabelName(attribute.key());
        std::string value = values_.ToText(attribute.value(), limits_.label_value_bytes_max);
        if (name && !value.empty()) stream.push_back({.name = *name, .value = std::move(value)});
      } else {
        Flatten("", attribute, 0, resource_metadata_);
      }
    }
    UseStream(std::move(stream));
  }

  void OnScope(const Message& message) override {
    const auto& from = static_cast<const wire::otlp::InstrumentationScope&>(message);
    scope_metadata_.clear();
    FlattenAll(from.attributes(), scope_metadata_);
    Put("scope_name", from.name(), scope_metadata_);
    Put("scope_version", from.version(), scope_metadata_);
    PutNumber("scope_dropped_attributes_count", from.dropped_attributes_count(), scope_metadata_);
    // A scope's attribute of the name of a resource's stands in front of it.
    for (const Label& label : resource_metadata_) scope_metadata_.push_back(label);
  }

  void OnItem(Part /*part*/, const Message& message) override {
    const auto& from = static_cast<const wire::otlp::LogRecord&>(message);
    if (bytes_ > limits_.decoded_bytes_max) {
      return out_.outcome.Reject(OtlpReject::kTooMany, "the request is above decoded_bytes_max");
    }
    std::uint64_t time = from.time_unix_nano();
    if (time == 0) time = from.observed_time_unix_nano();
    if (time == 0) time = static_cast<std::uint64_t>(now_ns_);
    if (time > INT64_MAX) {
      return out_.outcome.Reject(OtlpReject::kBadTime,
                                 fmt::format("log record: time {} is out of range", time));
    }
    if (static_cast<std::int64_t>(time) > newest_ns_) {
      return out_.outcome.Reject(OtlpReject::kBadTime,
                                 fmt::format("log record: time {} is too far in the future", time));
    }
    LogRows& rows = RowsForOneMore();
    const auto row = static_cast<std::uint32_t>(rows.rows.size());
    const std::size_t text_before = rows.text.size();
    rows.Add(static_cast<std::int64_t>(time), values_.ToText(from.body(), limits_.line_bytes_max));
    std::vector<Label> metadata = MetadataOf(from);
    const std::size_t bytes =
        sizeof(LogRows::Row) + opssight::BytesOf(metadata) + rows.text.size() - text_before;
    bytes_ += bytes;
    streams_[stream_].bytes += bytes;
    for (Label& label : metadata) {
      rows.metadata.push_back({.row = row, .label = std::move(label)});
    }
    ++out_.outcome.accepted;
  }

 private:
  void UseStream(std::vector<Label> labels) {
    for (const Label& label : extra_) {
      if (!HasLabel(labels, label.name)) labels.push_back(label);
    }
    if (!HasLabel(labels, "service_name")) {
      Label service{.name = "service_name", .value = "unknown_service"};
      for (const std::string_view name : kServiceNames) {
        const auto found = std::find_if(labels.begin(), labels.end(),
                                        [&](const Label& label) { return label.name == name; });
        if (found == labels.end()) continue;
        service.value = found->value;
        break;
      }
      labels.push_back(std::move(service));
    }
    auto stream = std::make_shared<const Labels>(std::move(labels));
    const auto [at, fresh] = stream_by_labels_.emplace(stream->ToString(), streams_.size());
    stream_ = at->second;
    if (!fresh) return;
    bytes_ += sizeof(LogRows) + 2 * at->first.size();
    streams_.push_back({.rows = out_.rows.size(), .bytes = 0});
    out_.rows.emplace_back().stream = std::move(stream);
  }

  // What takes the stream's lines now; a new piece once the last is full.
  LogRows& RowsForOneMore() {
    Stream& stream = streams_[stream_];
    if (stream.bytes >= limits_.chunk_bytes_max) {
      auto labels = out_.rows[stream.rows].stream;
      stream = {.rows = out_.rows.size(), .bytes = 0};
      out_.rows.emplace_back().stream = std::move(labels);
    }
    return out_.rows[stream.rows];
  }

  // Of one name the record's own stays, then the scope's, then the resource's.
  std::vector<Label> MetadataOf(const wire::otlp::LogRecord& from) {
    std::vector<Label> metadata;
    if (from.trace_id().size() == 16) Put("trace_id", Hex(from.trace_id()), metadata);
    if (from.span_id().size() == 8) Put("span_id", Hex(from.span_id()), metadata);
    Put("severity_text", from.severity_text(), metadata);
    Put("event_name", from.event_name(), metadata);
    if (from.severity_number() > 0) {
      PutNumber("severity_number", static_cast<std::uint64_t>(from.severity_number()), metadata);
    }
    PutNumber("observed_timestamp", from.observed_time_unix_nano(), metadata);
    PutNumber("dropped_attributes_count", from.dropped_attributes_count(), metadata);
    PutNumber("flags", from.flags(), metadata);
    FlattenAll(from.attributes(), metadata);
    metadata.insert(metadata.end(), scope_metadata_.begin(), scope_metadata_.end());
    std::stable_sort(metadata.begin(), metadata.end(),
                     [](const Label& a, const Label& b) { return a.name < b.name; });
    metadata.erase(std::unique(metadata.begin(), metadata.end(),
                               [](const Label& a, const Label& b) { return a.name == b.name; }),
                   metadata.end());
    return metadata;
  }

  void Put(std::string_view name, std::string_view value, std::vector<Label>& out) {
    if (value.empty()) return;
    out.push_back({.name = std::string(name),
                   .value = CleanText(value, limits_.value_bytes_max, out_.outcome.values_cut)});
  }
  static void PutNumber(std::string_view name, std::uint64_t value, std::vector<Label>& out) {
    if (value != 0) out.push_back({.name = std::string(name), .value = std::to_string(value)});
  }

  void FlattenAll(const KeyValues& from, std::vector<Label>& out) {
    const int count = values_.Usable(from);
    for (int i = 0; i < count; ++i) Flatten("", from.Get(i), 0, out);
  }

  // {"a": {"b": 1}} is a_b="1".
  void Flatten(const std::string& prefix, const wire::otlp::KeyValue& from, std::size_t depth,
               std::vector<Label>& out) {
    if (out.size() >= limits_.attributes_max) {
      ++out_.outcome.attributes_dropped;
      return;
    }
    std::string path = prefix + values_.Key(from.key());
    if (from.value().has_kvlist_value() && depth < limits_.value_depth_max) {
      path.push_back('_');
      for (const auto& inner : from.value().kvlist_value().values()) {
        Flatten(path, inner, depth + 1, out);
      }
      return;
    }
    const auto name = LabelName(path);
    if (!name) {
      ++out_.outcome.attributes_dropped;
      return;
    }
    std::string value = values_.ToText(from.value(), limits_.value_bytes_max);
    if (!value.empty()) out.push_back({.name = *name, .value = std::move(value)});
  }

  const OtlpLimits& limits_;
  const std::vector<Label>& extra_;
  const std::int64_t now_ns_;
  const std::int64_t newest_ns_;
  OtlpLogs& out_;
  const ValueReader values_;
  std::size_t bytes_ = 0;
  struct Stream {
    std::size_t rows = 0;  // Its last piece in out_.rows.
    std::size_t bytes = 0;
  };
  std::vector<Stream> streams_;
  std::unordered_map<std::string, std::size_t> stream_by_labels_;
  std::size_t stream_ = 0;  // Of streams_.
  std::vector<Label> resource_metadata_;
  std::vector<Label> scope_metadata_;  // With the resource's.
};

}  // namespace
}  // namespace otlp

Result<OtlpLogs> DecodeOtlpLogs(std::string_view bytes, OtlpEncoding encoding,
                                const OtlpLimits& limits, const std::vector<Label>& extra,
                                std::int64_t now_ns) {
  OtlpLogs out;
  otlp::LogVisitor visitor(limits, extra, now_ns, out);
  OPS_RETURN_IF_ERROR(
      otlp::WalkRequest(Signal::kLogs, bytes, encoding, limits, out.outcome, visitor));
  const auto empty = [](const LogRows& rows) { return rows.rows.empty(); };
  out.rows.erase(std::remove_if(out.rows.begin(), out.rows.end(), empty), out.rows.end());
  return out;
}

}  // namespace opssight
