#include "common/app/notify.h"

#include <csignal>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "common/app/signals.h"
#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

TEST(NotifyTest, SendsOneDatagram) {
  const TempDir dir;
  const std::string path = dir / "notify";
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_TRUE(Notify(path, "READY=1\nSTATUS=well"));
  char buffer[64];
  const ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(n)), "READY=1\nSTATUS=well");
  close(fd);
  EXPECT_FALSE(Notify("", "READY=1"));
  EXPECT_FALSE(Notify(dir / "nobody", "READY=1"));
}

TEST(SignalsTest, AreWaitedForAndRunNothing) {
  BlockSignals();
  ASSERT_EQ(raise(SIGHUP), 0);
  EXPECT_EQ(NextSignal(), ProgramSignal::kReload);
  ASSERT_EQ(raise(SIGTERM), 0);
  EXPECT_EQ(NextSignal(), ProgramSignal::kStop);
}

}  // namespace
}  // namespace opssight
