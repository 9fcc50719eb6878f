// A store that answers as it is told, and a client that waits for its answer.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "aggregator/store/acceptor.h"
#include "common/base/mutex.h"
#include "common/http/responder.h"

namespace opssight {

// Keeps what it is given and answers as it is told.
class FakeStore final : public BatchAcceptor {
 public:
  void Submit(IncomingBatch batch, Done done) override {
    SubmitResult result;
    {
      MutexLock lock(mutex_);
      if (error_) {
        result.kind = SubmitResult::Kind::kError;
        result.error = *error_;
      } else {
        batches_.push_back(std::move(batch));
      }
    }
    done(std::move(result));
  }
  Result<AgentProgress> Progress(const std::string&, std::uint64_t) override {
    return AgentProgress();
  }
  void Fail(std::optional<Error> error) {
    MutexLock lock(mutex_);
    error_ = std::move(error);
  }
  std::size_t count() {
    MutexLock lock(mutex_);
    return batches_.size();
  }
  IncomingBatch Last() {
    MutexLock lock(mutex_);
    return batches_.back();
  }

 private:
  Mutex mutex_;
  std::deque<IncomingBatch> batches_ OPS_GUARDED_BY(mutex_);
  std::optional<Error> error_ OPS_GUARDED_BY(mutex_);
};

class Waiter final : public Responder {
 public:
  void Send(HttpResponse response) override {
    MutexLock lock(mutex_);
    response_ = std::move(response);
    changed_.NotifyAll();
  }
  bool cancelled() const override { return false; }
  HttpResponse Wait() {
    MutexLock lock(mutex_);
    while (!response_) changed_.Wait(mutex_);
    return *response_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::optional<HttpResponse> response_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
