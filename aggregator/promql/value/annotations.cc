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
  std::string full = std::string(prefix) + std::string(text);
  std::string key = fmt::format("{} {} {}", pos.begin, pos.end, full);
  AddNew(notes, std::move(key), {.text = std::move(full), .pos = pos});
}

void Annotations::AddNew(Notes& notes, std::string key, Note note) {
  if (notes.list.size() >= kDistinctMax) {
    if (!notes.seen.contains(key)) ++notes.beyond;
  } else if (notes.seen.insert(std::move(key)).second) {
    notes.list.push_back(std::move(note));
  }
}

void Annotations::WarnPlain(std::string text) {
  AddNew(warnings_, text, {.text = text, .pos = {}, .has_pos = false});
}

void Annotations::Merge(const Annotations& other) {
  const auto join = [](Notes& to, const Notes& from) {
    for (const Note& note : from.list) {
      if (!note.has_pos) {
        AddNew(to, note.text, note);
      } else {
        Add(to, "", note.text, note.pos);
      }
    }
    to.beyond += from.beyond;
  };
  join(warnings_, other.warnings_);
  join(infos_, other.infos_);
}

std::vector<std::string> Annotations::Texts(const Notes& notes, std::string_view kind,
                                            std::string_view query, std::size_t max) {
  std::vector<std::string> texts;
  for (const Note& note : notes.list) {
    if (max != 0 && texts.size() == max) break;
    texts.push_back(note.has_pos ? note.text + Place(query, note.pos) : note.text);
  }
  const std::size_t omitted = notes.list.size() - texts.size() + notes.beyond;
  if (omitted > 0) texts.push_back(fmt::format("{} more {} annotations omitted", omitted, kind));
  return texts;
}

std::vector<std::string> Annotations::Warnings(std::string_view query, std::size_t max) const {
  return Texts(warnings_, "warning", query, max);
}

std::vector<std::string> Annotations::Infos(std::string_view query, std::size_t max) const {
  return Texts(infos_, "info", query, max);
}

}  // namespace opssight::promql
