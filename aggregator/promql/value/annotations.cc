#include "aggregator/promql/value/annotations.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace opssight::promql {

namespace {

std::string Place(std::string_view query, PosRange pos) {
  const std::string_view before = query.substr(0, std::min<std::size_t>(pos.begin, query.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column =
      newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return fmt::format(" ({}:{})", line, column);
}

}  // namespace

void Annotations::Add(Notes& notes, std::string_view prefix, std::string_view text, PosRange pos) {
  const std::string full = std::string(prefix) + std::string(text);
  const std::string key = fmt::format("{} {} {}", pos.begin, pos.end, full);
  if (!notes.seen.insert(key).second) return;
  notes.list.push_back({.text = full, .pos = pos});
}

void Annotations::WarnPlain(std::string text) {
  if (!warnings_.seen.insert(text).second) return;
  warnings_.list.push_back({.text = std::move(text), .pos = {}, .has_pos = false});
}

void Annotations::Merge(const Annotations& other) {
  const auto join = [](Notes& to, const Notes& from) {
    for (const Note& note : from.list) {
      if (!note.has_pos) {
        if (to.seen.insert(note.text).second) to.list.push_back(note);
      } else {
        Add(to, "", note.text, note.pos);
      }
    }
  };
  join(warnings_, other.warnings_);
  join(infos_, other.infos_);
}

std::vector<std::string> Annotations::Texts(const Notes& notes, std::string_view kind,
                                            std::string_view query, std::size_t max) {
  std::vector<std::string> texts;
  for (const Note& note : notes.list) {
    if (max != 0 && texts.size() == max) {
      texts.push_back(fmt::format("{} more {} annotations omitted", notes.list.size() - max, kind));
      break;
    }
    texts.push_back(note.has_pos ? note.text + Place(query, note.pos) : note.text);
  }
  return texts;
}

std::vector<std::string> Annotations::Warnings(std::string_view query, std::size_t max) const {
  return Texts(warnings_, "warning", query, max);
}

std::vector<std::string> Annotations::Infos(std::string_view query, std::size_t max) const {
  return Texts(infos_, "info", query, max);
}

}  // namespace opssight::promql
