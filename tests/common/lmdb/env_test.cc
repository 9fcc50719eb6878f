#include "common/lmdb/env.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace opssight {
namespace {

class EnvTest : public ::testing::Test {
 protected:
  EnvTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-env-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~EnvTest() override { std::filesystem::remove_all(dir_); }

  // Tests run under sanitizers too, which leave less address space.
  std::unique_ptr<Env> Open(EnvOptions options = {.map_bytes = 8 << 20}) {
    auto env = Env::Open(dir_ + "/test.mdb", options);
    EXPECT_TRUE(env.has_value()) << env.error().message;
    return *std::move(env);
  }
  static Status PutOne(Env& env, std::string_view key, std::string_view value) {
    OPS_TRY(WriteTxn txn, env.BeginWrite());
    OPS_TRY(const Table table, txn.OpenTable("t"));
    OPS_RETURN_IF_ERROR(txn.Put(table, key, value));
    return txn.Commit();
  }
  // "key=value " of the whole table.
  static std::string All(Env& env) {
    auto txn = env.BeginRead();
    auto table = txn->OpenTable("t");
    if (!table) return "no table";
    auto cursor = txn->OpenCursor(*table);
    std::string out;
    for (auto at = cursor->First(); at.has_value() && at->has_value(); at = cursor->Next()) {
      out.append((*at)->first).append("=").append((*at)->second).append(" ");
    }
    return out;
  }

  std::string dir_;
};

TEST_F(EnvTest, WhatWasCommittedIsThereAfterReopening) {
  ASSERT_TRUE(PutOne(*Open(), "k", "v").has_value());
  EXPECT_EQ(All(*Open()), "k=v ");
  EXPECT_EQ(All(*Open({.map_bytes = 8 << 20, .read_only = true})), "k=v ");
}

TEST_F(EnvTest, ATransactionWithoutCommitDidNothing) {
  auto env = Open();
  ASSERT_TRUE(PutOne(*env, "k", "v").has_value());
  {
    auto txn = env->BeginWrite();
    const auto table = txn->OpenTable("t");
    ASSERT_TRUE(txn->Put(*table, "k", "other").has_value());
  }
  EXPECT_EQ(All(*env), "k=v ");
}

TEST_F(EnvTest, AReaderKeepsItsSnapshotAndTheSameThreadMayWrite) {
  auto env = Open();
  ASSERT_TRUE(PutOne(*env, "k", "old").has_value());
  auto reader = env->BeginRead();
  const auto table = reader->OpenTable("t");
  ASSERT_TRUE(PutOne(*env, "k", "new").has_value());
  EXPECT_EQ(**reader->Get(*table, "k"), "old");
  EXPECT_EQ(All(*env), "k=new ");
}

TEST_F(EnvTest, CursorsSeekAndDelete) {
  auto env = Open();
  for (const char* key : {"a", "c", "e"}) ASSERT_TRUE(PutOne(*env, key, key).has_value());
  {
    auto txn = env->BeginWrite();
    const auto table = txn->OpenTable("t");
    {
      auto cursor = txn->OpenCursor(*table);
      EXPECT_EQ((*cursor->Seek("b"))->first, "c");
      ASSERT_TRUE(cursor->Delete().has_value());
      EXPECT_EQ((*cursor->Next())->first, "e");
      EXPECT_FALSE(cursor->Seek("f")->has_value());
    }
    EXPECT_EQ(*txn->Count(*table), 2U);
    EXPECT_FALSE(*txn->Delete(*table, "c"));
    EXPECT_TRUE(*txn->Delete(*table, "a"));
    EXPECT_EQ(txn->Append(*table, "d", "").error().code, ErrorCode::kInvalid);
    ASSERT_TRUE(txn->Append(*table, "f", "f").has_value());
    ASSERT_TRUE(txn->Commit().has_value());
  }
  EXPECT_EQ(All(*env), "e=e f=f ");
}

TEST_F(EnvTest, AFullMapIsExhaustedAndWhatWasCommittedStays) {
  auto env = Open({.map_bytes = 256 << 10});
  ASSERT_TRUE(PutOne(*env, "k", "v").has_value());
  const Status status = PutOne(*env, "big", std::string(1 << 20, 'x'));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kExhausted);
  EXPECT_NE(status.error().message.find("test.mdb: put: "), std::string::npos);
  EXPECT_EQ(All(*env), "k=v ");
  EXPECT_TRUE(PutOne(*env, "l", "w").has_value()) << "the next transaction may be tried";
}

TEST_F(EnvTest, TheLockFileHasItsBlocksSoThatAFullDiskIsNoCrash) {
  const auto env = Open();
  struct stat info {};
  ASSERT_EQ(stat((dir_ + "/test.mdb-lock").c_str(), &info), 0);
  EXPECT_GE(info.st_size, 512 * 64);
  EXPECT_GE(info.st_blocks * 512, info.st_size);
}

// Cut anywhere, also while it opens its tables: an error or fewer values, never a SIGBUS.
TEST_F(EnvTest, ACutFileIsDamageAndNoCrash) {
  {
    const auto env = Open();
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(PutOne(*env, std::to_string(i), std::string(3'000, 'v')));
    }
  }
  const std::string path = dir_ + "/test.mdb";
  const auto whole = std::filesystem::file_size(path);
  int opened = 0;
  for (auto size = whole; size >= 8'192; size -= 4'096) {
    std::filesystem::resize_file(path, size);
    auto env = Env::Open(path, {.map_bytes = 8 << 20});
    if (!env) {
      EXPECT_EQ(env.error().code, ErrorCode::kCorrupt) << env.error().message;
      continue;
    }
    ++opened;
    (void)All(**env);
    EXPECT_GE(std::filesystem::file_size(path), (*env)->used_bytes());
  }
  EXPECT_GT(opened, 0);
}

TEST_F(EnvTest, ADamagedPageIsAnErrorWhereverItIs) {
  {
    const auto env = Open();
    auto txn = env->BeginWrite();
    const Table table = *txn->OpenTable("t");
    for (int i = 1000; i < 1400; ++i) {
      ASSERT_TRUE(txn->Put(table, std::to_string(i), std::string(100, 'v')).has_value());
    }
    ASSERT_TRUE(txn->Commit().has_value());
  }
  const std::string path = dir_ + "/test.mdb";
  std::ifstream in(path, std::ios::binary);
  const std::string whole(std::istreambuf_iterator<char>(in), {});
  int broken = 0;
  for (std::size_t page = 2; page * 4096 < whole.size(); ++page) {
    SCOPED_TRACE(page);
    std::string damaged = whole;
    damaged.replace(page * 4096, 4096, 4096, '\0');
    std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
    const auto env = Env::Open(path, {.map_bytes = 8 << 20});
    if (!env) {
      EXPECT_EQ(env.error().code, ErrorCode::kCorrupt) << env.error().message;
      ++broken;
      continue;
    }
    const std::string copy = dir_ + "/copy.mdb";
    std::filesystem::remove(copy);
    const Status copied = (*env)->CopyTo(copy);
    auto txn = (*env)->BeginRead();
    const auto table = txn->OpenTable("t");
    ASSERT_TRUE(table.has_value()) << table.error().message;
    auto cursor = txn->OpenCursor(*table);
    int read = 0;
    auto at = cursor->First();
    for (; at.has_value() && at->has_value(); at = cursor->Next()) ++read;
    if (at.has_value()) {
      EXPECT_EQ(read, 400) << "a page that nothing is on";
      EXPECT_TRUE(copied.has_value()) << copied.error().message;
      continue;
    }
    EXPECT_EQ(at.error().code, ErrorCode::kCorrupt) << at.error().message;
    EXPECT_LT(read, 400);
    ASSERT_FALSE(copied.has_value());
    EXPECT_EQ(copied.error().code, ErrorCode::kCorrupt) << copied.error().message;
    ++broken;
    // The parts that are whole are read on.
    int found = 0;
    for (int i = 1000; i < 1400; ++i) {
      const auto again = (*env)->BeginRead();
      const auto got = again->Get(*table, std::to_string(i));
      found += got.has_value() && got->has_value() ? 1 : 0;
    }
    EXPECT_LT(found, 400);
    EXPECT_TRUE(found > 300 || found == 0) << "a leaf or a branch: " << found;
  }
  EXPECT_GT(broken, 10);
}

TEST_F(EnvTest, ErrorsNameThePath) {
  const auto env = Env::Open("/nowhere/x.mdb", {});
  ASSERT_FALSE(env.has_value());
  EXPECT_EQ(env.error().message, "/nowhere/x.mdb: open: No such file or directory");
  EXPECT_EQ(All(*Open()), "no table");
}

// Tables that two read transactions opened at once broke each other (MDB_BAD_DBI).
TEST_F(EnvTest, ReadersOpenATableAtTheSameTime) {
  ASSERT_TRUE(PutOne(*Open(), "k", "v").has_value());
  const auto env = Open();
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&env] {
      for (int round = 0; round < 500; ++round) ASSERT_EQ(All(*env), "k=v ");
    });
  }
  for (int round = 0; round < 20; ++round) EXPECT_TRUE(PutOne(*env, "k", "v").has_value());
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace opssight
