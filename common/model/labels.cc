#include "common/model/labels.h"

#include <algorithm>

#include <fmt/core.h>

#include "common/bytes/hash.h"

namespace opssight {

Labels::Labels(std::vector<Label> labels) : labels_(std::move(labels)) {
  bool tidy = true;  // As most come: what follows would change nothing and allocates.
  for (std::size_t i = 0; i < labels_.size() && tidy; ++i) {
    tidy = !labels_[i].value.empty() && (i == 0 || labels_[i - 1].name < labels_[i].name);
  }
  if (tidy) return;
  std::stable_sort(labels_.begin(), labels_.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const bool overridden = i + 1 < labels_.size() && labels_[i + 1].name == labels_[i].name;
    if (overridden || labels_[i].value.empty()) continue;
    if (kept != i) labels_[kept] = std::move(labels_[i]);
    ++kept;
  }
  labels_.resize(kept);
}

std::string_view Labels::Get(std::string_view name) const {
  const auto it =
      std::lower_bound(labels_.begin(), labels_.end(), name,
                       [](const Label& label, std::string_view want) { return label.name < want; });
  return it != labels_.end() && it->name == name ? std::string_view(it->value) : std::string_view();
}

void AppendLabelKey(std::string_view name, std::string_view value, std::string& key) {
  key.append(name).push_back('\xff');
  key.append(value).push_back('\xff');
}

std::uint64_t Labels::Hash() const {
  thread_local std::string key;
  key.clear();
  for (const Label& label : labels_) AppendLabelKey(label.name, label.value, key);
  return Hash64(key);
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out += '"';
}

std::string Labels::ToString() const {
  std::string out = "{";
  for (const Label& label : labels_) {
    if (out.size() > 1) out += ", ";
    out.append(label.name).append("=").append(Quoted(label.value));
  }
  return out += '}';
}

std::string Labels::PrometheusText() const {
  std::string out(Get(kMetricName));
  std::string inside;
  for (const Label& label : labels_) {
    if (label.name == kMetricName) continue;
    if (!inside.empty()) inside += ", ";
    inside.append(label.name).append("=").append(Quoted(label.value));
  }
  if (out.empty() || !inside.empty()) out.append("{").append(inside).append("}");
  return out;
}

}  // namespace opssight
