// MappedPages keeps small what a mapped file holds of this process's memory. A page that
// was touched stays mapped, with up to 15 neighbours that the kernel has in its cache, so
// that a queue that is written and trimmed all day becomes resident as a whole. Once
// about bytes_max may have been touched, all of them are unmapped: they stay in the page
// cache, and the next touch maps them again (about a microsecond).
//
// Any thread. Who reads from the mapping meanwhile notices nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace opssight {

class MappedPages {
 public:
  // Looks for where fd's file is mapped, shared and map_bytes long. Where it is not
  // found nothing is ever unmapped.
  MappedPages(int fd, std::size_t map_bytes, std::size_t bytes_max);

  void Touched(std::size_t bytes);
  bool found() const { return at_ != nullptr; }

 private:
  void* at_ = nullptr;
  std::size_t map_bytes_;
  std::size_t bytes_max_;
  std::atomic<std::size_t> touched_{0};
};

}  // namespace opssight
