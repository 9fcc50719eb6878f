// What the formats share. Internal to this folder.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/codec/expo/expo.h"

namespace opssight::expo {

// Texts made for one sample, with their memory kept for the next one. Views stay valid
// until Reset.
class Scratch {
 public:
  std::string& Next() {
    if (used_ == texts_.size()) texts_.emplace_back();
    std::string& text = texts_[used_++];
    text.clear();
    return text;
  }
  void Reset() { used_ = 0; }

 private:
  std::deque<std::string> texts_;
  std::size_t used_ = 0;
};

// As Go's ParseFloat, without hexadecimal and underscores; NaN is the ordinary one.
std::optional<double> ParseValue(std::string_view text);

// Gives le of a classic histogram and quantile of a summary their canonical form.
void Canonicalize(MetricType type, std::vector<LabelView>& labels, Scratch& scratch);

Status ParseText(std::string_view body, const ParseOptions& options, Visitor& visitor);
Status ParseProtobuf(std::string_view body, const ParseOptions& options, Visitor& visitor);

}  // namespace opssight::expo
