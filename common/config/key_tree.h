// The dotted keys of a table as a tree, in the table's order: what a file is
// walked against and what is printed. Points into the OptionSpecs it was built from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/table.h"

namespace opssight {

struct KeyTree {
  std::string key;                     // Last part; "" of the root.
  std::string help;                    // Of a section.
  const OptionSpec* option = nullptr;  // Of a setting; then children is empty.
  std::vector<KeyTree> children;

  explicit KeyTree(std::string_view last_part) : key(last_part) {}
  // A key that is both a setting and a section is a broken invariant.
  explicit KeyTree(const OptionSpecs& specs);

  const KeyTree* Find(std::string_view child) const;
  std::vector<std::string> ChildKeys() const;

 private:
  KeyTree& Reach(std::string_view dotted);
};

}  // namespace opssight
