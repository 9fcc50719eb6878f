#include "tests/support/process.h"

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/random.h"

namespace opssight {
namespace {

bool CanBind(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool ok = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return ok;
}

int StatusOf(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

[[noreturn]] void Become(const std::vector<std::string>& argv, const Process::Options& options,
                         int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (output >= 0) {
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
  }
  for (const auto& [resource, value] : options.limits) {
    const rlimit limit{value, value};
    setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
  }
  for (const std::string& variable : options.environment) {
    putenv(const_cast<char*>(variable.c_str()));
  }
  std::vector<char*> args;
  for (const std::string& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  execvp(args[0], args.data());
  std::perror(args[0]);
  _exit(127);
}

}  // namespace

Result<Process> Process::Start(const std::vector<std::string>& argv, const Options& options) {
  int output = -1;
  if (!options.output.empty()) {
    output = open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (output < 0) return IoError("open " + options.output, errno);
  }
  const pid_t pid = fork();
  if (pid == 0) Become(argv, options, output);
  const int fork_error = errno;
  if (output >= 0) close(output);
  if (pid < 0) return IoError("fork", fork_error);
  return Process(pid);
}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    KillAndWait();
    pid_ = std::exchange(other.pid_, 0);
    status_ = other.status_;
  }
  return *this;
}

bool Process::running() {
  if (pid_ == 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = StatusOf(status);
  pid_ = 0;
  return false;
}

void Process::Signal(int number) {
  if (running()) kill(pid_, number);
}

int Process::Wait() {
  if (pid_ == 0) return status_;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  status_ = StatusOf(status);
  return status_;
}

void Process::KillAndWait() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  Wait();
}

Result<std::string> Run(const std::vector<std::string>& argv) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return IoError("pipe", errno);
  const pid_t pid = fork();
  if (pid == 0) Become(argv, {}, ends[1]);
  close(ends[1]);
  std::string out;
  char buffer[4096];
  ssize_t n = 0;
  while ((n = read(ends[0], buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
    if (n > 0) out.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (StatusOf(status) != 0) {
    return Error{ErrorCode::kIo,
                 argv[0] + ": status " + std::to_string(StatusOf(status)) + ": " + out};
  }
  return out;
}

int FreePort() {
  // Below the kernel's range for outgoing connections, so that nobody takes the port while
  // a program is down; locked, so that no other test takes it either.
  static const std::string folder = std::filesystem::temp_directory_path() / "opssight-test-ports";
  std::filesystem::create_directories(folder);
  static Random random(static_cast<std::uint64_t>(getpid()) * 1'000'003);
  while (true) {
    const int port = 15'000 + static_cast<int>(random.Below(17'000));
    const int lock =
        open((folder + "/" + std::to_string(port)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && CanBind(port)) return port;
    if (lock >= 0) close(lock);
  }
}

}  // namespace opssight
