// Socket is an owned TCP socket on a Loop: raw bytes in and out with a queue of
// writes. Stream is made of it. On the loop's thread; may be destroyed inside its
// own callbacks.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/net/loop.h"

namespace opssight {

struct StreamOptions;

class Socket {
 public:
  struct Events {
    std::function<void(int status)> on_connect;  // 0 or a libuv error.
    // status: 0 with bytes, UV_EOF or another libuv error without.
    std::function<void(int status, std::string_view bytes)> on_read;
    // The kernel took all that was pending; or status is a libuv error.
    std::function<void(int status)> on_written;
  };

  Socket(Loop& loop, Events events);
  ~Socket();  // Closes; no event comes after.
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int Connect(const sockaddr* address);  // 0, and on_connect comes; or a libuv error.
  int Adopt(int fd);                     // A connected one. Owned in either case.
  void SetOptions(const StreamOptions& options);
  void ReadStart();
  void ReadStop();
  // Hands over to the kernel now what it takes. 0 or a libuv error; on_written
  // comes only if pending_bytes() is not 0 after it.
  int Write(std::string bytes);
  void ShutdownWrites();  // FIN; once nothing is pending.
  std::size_t pending_bytes() const { return pending_bytes_; }
  std::string peer() const;

 private:
  struct State;
  struct WriteRequest;
  int Flush();
  void OnWritten(int status, std::size_t bytes);

  Loop& loop_;
  std::shared_ptr<const Events> events_;  // Shared: the running one survives ~Socket.
  State* state_;                          // Deletes itself once libuv has let go.
  std::deque<std::string> queue_;
  std::size_t pending_bytes_ = 0;
  bool writing_ = false;
  bool reading_ = false;
};

}  // namespace opssight
