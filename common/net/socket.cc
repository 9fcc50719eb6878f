#include "common/net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/net/address.h"
#include "common/net/stream.h"

namespace opssight {
namespace {

// Of one uv_write: more buffers than this wait for the next.
constexpr std::size_t kBuffersMax = 64;

void SetInt(int fd, int level, int name, std::int64_t value) {
  const int number = static_cast<int>(value);
  // A kernel without the option serves without it.
  (void)setsockopt(fd, level, name, &number, sizeof(number));
}

uv_stream_t* AsStream(uv_tcp_t& tcp) {
  return reinterpret_cast<uv_stream_t*>(&tcp);
}

}  // namespace

struct Socket::State {
  uv_tcp_t tcp{};
  uv_connect_t connect{};
  uv_shutdown_t shutdown{};
  Loop* loop = nullptr;
  Socket* socket = nullptr;  // Null once that is destroyed.
};

struct Socket::WriteRequest {
  uv_write_t request{};
  State* state = nullptr;
  std::vector<std::string> strings;
  std::size_t bytes = 0;
};

Socket::Socket(Loop& loop, Events events)
    : loop_(loop), events_(std::make_shared<const Events>(std::move(events))), state_(new State) {
  loop_.AssertHere();
  const int made = uv_tcp_init(loop_.handle(), &state_->tcp);
  OPS_CHECK(made == 0, "socket: {}", uv_strerror(made));
  state_->tcp.data = state_;
  state_->loop = &loop_;
  state_->socket = this;
}

Socket::~Socket() {
  loop_.AssertHere();
  state_->socket = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->tcp),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

int Socket::Connect(const sockaddr* address) {
  loop_.AssertHere();
  state_->connect.data = state_;
  return uv_tcp_connect(&state_->connect, &state_->tcp, address,
                        [](uv_connect_t* request, int status) {
                          const Socket* self = static_cast<State*>(request->data)->socket;
                          if (self == nullptr) return;
                          const auto events = self->events_;
                          events->on_connect(status);
                        });
}

int Socket::Adopt(int fd) {
  loop_.AssertHere();
  const int opened = uv_tcp_open(&state_->tcp, fd);
  if (opened != 0) close(fd);
  return opened;
}

void Socket::SetOptions(const StreamOptions& options) {
  loop_.AssertHere();
  uv_tcp_nodelay(&state_->tcp, 1);
  uv_os_fd_t fd = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&state_->tcp), &fd) != 0) return;
  SetInt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetInt(fd, IPPROTO_TCP, TCP_KEEPIDLE, options.keepalive_s);
  SetInt(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  SetInt(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  SetInt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options.user_timeout_ms);
}

void Socket::ReadStart() {
  loop_.AssertHere();
  if (std::exchange(reading_, true)) return;
  uv_read_start(
      AsStream(state_->tcp),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        Loop& loop = *static_cast<State*>(handle->data)->loop;
        loop.AssertHere();
        *buffer = uv_buf_init(loop.read_buffer(), Loop::kReadBufferBytes);
      },
      [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
        Socket* self = static_cast<State*>(stream->data)->socket;
        if (self == nullptr || size == 0) return;  // 0: would block.
        const auto events = self->events_;
        if (size < 0) {
          self->ReadStop();
          events->on_read(static_cast<int>(size), {});
        } else {
          events->on_read(0, {buffer->base, static_cast<std::size_t>(size)});
        }
      });
}

void Socket::ReadStop() {
  loop_.AssertHere();
  if (std::exchange(reading_, false)) uv_read_stop(AsStream(state_->tcp));
}

int Socket::Write(std::string bytes) {
  loop_.AssertHere();
  if (bytes.empty()) return 0;
  pending_bytes_ += bytes.size();
  queue_.push_back(std::move(bytes));
  return writing_ ? 0 : Flush();
}

int Socket::Flush() {
  auto request = std::make_unique<WriteRequest>();
  std::vector<uv_buf_t> buffers;
  while (!queue_.empty() && request->strings.size() < kBuffersMax) {
    request->strings.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  for (std::string& bytes : request->strings) {
    request->bytes += bytes.size();
    uv_buf_t buffer{};  // Not uv_buf_init, which cuts the size to 32 bits.
    buffer.base = bytes.data();
    buffer.len = bytes.size();
    buffers.push_back(buffer);
  }
  const auto count = static_cast<unsigned int>(buffers.size());
  const int taken = uv_try_write(AsStream(state_->tcp), buffers.data(), count);
  if (taken < 0 && taken != UV_EAGAIN) return taken;
  auto left = static_cast<std::size_t>(taken < 0 ? 0 : taken);
  pending_bytes_ -= left;
  request->bytes -= left;
  if (request->bytes == 0) return queue_.empty() ? 0 : Flush();
  std::size_t first = 0;
  while (left >= buffers[first].len) left -= buffers[first++].len;
  buffers[first].base += left;
  buffers[first].len -= left;
  request->state = state_;
  request->request.data = request.get();
  const int queued = uv_write(
      &request->request, AsStream(state_->tcp), buffers.data() + first,
      count - static_cast<unsigned int>(first), [](uv_write_t* written, int status) {
        const std::unique_ptr<WriteRequest> done(static_cast<WriteRequest*>(written->data));
        if (done->state->socket != nullptr) done->state->socket->OnWritten(status, done->bytes);
      });
  if (queued != 0) return queued;
  (void)request.release();  // The callback above owns it.
  writing_ = true;
  return 0;
}

void Socket::OnWritten(int status, std::size_t bytes) {
  writing_ = false;
  pending_bytes_ -= bytes;
  if (status == 0 && !queue_.empty()) status = Flush();
  const auto events = events_;
  if (status != 0 || pending_bytes_ == 0) events->on_written(status);
}

void Socket::ShutdownWrites() {
  loop_.AssertHere();
  uv_shutdown(&state_->shutdown, AsStream(state_->tcp), [](uv_shutdown_t*, int) {});
}

std::string Socket::peer() const {
  sockaddr_storage storage{};
  int size = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (uv_tcp_getpeername(&state_->tcp, address, &size) != 0) return {};
  return ToString(address);
}

}  // namespace opssight
