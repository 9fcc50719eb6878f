// Warnings and infos of one query: each text once, in the order in which they came, with
// the position they speak of. Texts are Prometheus' (util/annotations), without prefix.
// kDistinctMax of each kind are kept; what comes beyond is counted only, and again when it
// comes again. One thread; Merge joins those of others.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "aggregator/promql/syntax/ast.h"

namespace opssight::promql {

class Annotations {
 public:
  static constexpr std::size_t kDistinctMax = 1000;

  void Warn(std::string_view text, PosRange pos) { Add(warnings_, "PromQL warning: ", text, pos); }
  void Info(std::string_view text, PosRange pos) { Add(infos_, "PromQL info: ", text, pos); }
  // A warning that is not the language's, as it is ("results truncated due to limit").
  void WarnPlain(std::string text);
  void Merge(const Annotations& other);

  // "PromQL warning: … (1:5)"; positions are of `query`. max: of each kind, more are
  // summed up as "N more warning annotations omitted"; 0: all.
  std::vector<std::string> Warnings(std::string_view query, std::size_t max) const;
  std::vector<std::string> Infos(std::string_view query, std::size_t max) const;

 private:
  struct Note {
    std::string text;
    PosRange pos;
    bool has_pos = true;
  };
  struct Notes {
    std::vector<Note> list;
    std::unordered_set<std::string> seen;
    std::size_t beyond = 0;  // Of kDistinctMax.
  };
  // An annotation is known by its full text and place.
  static void Add(Notes& notes, std::string_view prefix, std::string_view text, PosRange pos);
  static void AddNew(Notes& notes, std::string key, Note note);
  static std::vector<std::string> Texts(const Notes& notes, std::string_view kind,
                                        std::string_view query, std::size_t max);
  Notes warnings_;
  Notes infos_;
};

}  // namespace opssight::promql
