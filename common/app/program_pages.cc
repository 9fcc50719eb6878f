#include "common/app/program_pages.h"

#include <algorithm>
#include <cstdint>
#include <link.h>
#include <span>
#include <sys/mman.h>
#include <unistd.h>

namespace opssight {
namespace {

// Whether relocations were written into segments that are read-only now.
bool HasTextRelocations(const dl_phdr_info& object, const ElfW(Phdr) & dynamic) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + dynamic.p_vaddr);
  for (; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_TEXTREL) return true;
    if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
  }
  return false;
}

// Called with the loader's lock held: nothing is unloaded meanwhile.
int UnmapObject(dl_phdr_info* object, std::size_t, void*) {
  const std::span segments(object->dlpi_phdr, object->dlpi_phnum);
  const bool relocated = std::any_of(segments.begin(), segments.end(), [&](const auto& segment) {
    return segment.p_type == PT_DYNAMIC && HasTextRelocations(*object, segment);
  });
  if (relocated) return 0;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (const auto& segment : segments) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t from = (object->dlpi_addr + segment.p_vaddr) / page * page;
    const std::uintptr_t to = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    (void)madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void UnmapProgramPages() {
  dl_iterate_phdr(&UnmapObject, nullptr);
}

}  // namespace opssight
