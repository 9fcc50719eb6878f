#include "common/lmdb/guarded_read.h"

namespace opssight {
namespace {

void OnAssert(MDB_env*, const char*) {
  // Over frames of C only, and of the call itself.
  if (guarded_read_exit != nullptr) std::longjmp(*guarded_read_exit, 1);  // NOLINT
}

}  // namespace

int SetGuard(MDB_env* env) {
  return mdb_env_set_assert(env, OnAssert);
}

}  // namespace opssight
