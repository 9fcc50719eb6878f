#include "agent/collect/options.h"

namespace opssight {

std::vector<Label> WithOwn(const std::vector<Label>& labels, const std::vector<Label>& own) {
  std::vector<Label> all = labels;  // Labels keeps the last of a name.
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

}  // namespace opssight
