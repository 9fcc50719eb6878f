#include "agent/tail/gz_reader.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace opssight {
namespace {

constexpr std::size_t kSkipBytes = 4UL << 20;

}  // namespace

std::unique_ptr<GzReader> GzReader::Open(int fd) {
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return nullptr;
  gzFile file = gzdopen(own, "rb");
  if (file == nullptr) {
    close(own);
    return nullptr;
  }
  return std::unique_ptr<GzReader>(new GzReader(file));
}

GzReader::~GzReader() {
  gzclose(file_);
}

GzReader::Read GzReader::ReadAt(std::uint64_t offset, char* to, std::size_t size,
                                std::size_t* got) {
  *got = 0;
  if (offset < at_ - kept_.size()) {
    if (gzrewind(file_) != 0) return Read::kError;
    at_ = 0;
    kept_.clear();
  }
  char skipped[16'384];
  for (std::size_t done = 0; at_ < offset; done += sizeof skipped) {
    if (done >= kSkipBytes) return Read::kMore;
    const int read =
        gzread(file_, skipped,
               static_cast<unsigned>(std::min<std::uint64_t>(sizeof skipped, offset - at_)));
    failed_ = read < 0;
    if (failed_) return Read::kError;
    if (read == 0) return Read::kEnd;
    at_ += static_cast<std::uint64_t>(read);
    kept_.clear();
  }
  std::size_t filled = 0;
  if (offset < at_) {
    const std::size_t from = kept_.size() - static_cast<std::size_t>(at_ - offset);
    filled = std::min(size, kept_.size() - from);
    kept_.copy(to, filled, from);
  }
  if (filled < size) {
    const int read = gzread(file_, to + filled, static_cast<unsigned>(size - filled));
    failed_ = read < 0;
    if (read > 0) {
      filled += static_cast<std::size_t>(read);
      at_ += static_cast<std::uint64_t>(read);
      kept_.assign(to, filled);
    }
  }
  *got = filled;
  if (filled != 0) return Read::kBytes;
  return failed_ ? Read::kError : Read::kEnd;
}

}  // namespace opssight
