// Reading what may be damaged. Where a page is not of the kind that it should be, LMDB (0.9.24)
// returns an error in some places and asserts in others (mdb_cursor_next to the page beside,
// say), which would end the process for one damaged page. A guarded read leaves LMDB at such a
// place with MDB_CORRUPTED: reading has nothing that must be taken back. Writes cannot leave
// (cursors on LMDB's stack stay in its lists), so for these an assertion stays one.
//
// Any thread. Cost: some ns a call.
#pragma once

#include <csetjmp>

#include <lmdb.h>

namespace opssight {

// Of this thread's guarded read, where it is in one.
inline thread_local std::jmp_buf* guarded_read_exit = nullptr;

// Of an environment: assertions come to the guarded read. MDB_SUCCESS or an error.
int SetGuard(MDB_env* env);

// read calls LMDB to read, once, and holds nothing that a destructor must free.
template <typename Read>
int GuardedRead(const Read& read) {
  std::jmp_buf here;
  if (setjmp(here) != 0) {  // NOLINT
    guarded_read_exit = nullptr;
    return MDB_CORRUPTED;
  }
  guarded_read_exit = &here;
  const int code = read();
  guarded_read_exit = nullptr;
  return code;
}

}  // namespace opssight
