#include "tests/promql/forms.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "aggregator/promql/syntax/printer.h"

namespace opssight::promqltest {

namespace {

using namespace promql;  // NOLINT(google-build-using-namespace): the tree's nodes.

constexpr std::array<std::string_view, 15> kTimeDependent = {
    "days_in_month", "day_of_month", "day_of_week", "day_of_year", "end",
    "hour",          "minute",       "month",       "year",        "predict_linear",
    "range",         "start",        "step",        "time",        "timestamp"};

class Pinner {
 public:
  explicit Pinner(std::int64_t time_ms) : time_ms_(time_ms) {}

  bool depends_on_time() const { return depends_on_time_; }

  void Pin(Expr& expr) {
    if (auto* selector = As<VectorSelector>(expr)) return PinAt(selector->at);
    if (auto* range = As<MatrixSelector>(expr)) return PinAt(range->selector->at);
    // What is inside is pinned with it, its functions of time as well.
    if (auto* subquery = As<SubqueryExpr>(expr)) return PinAt(subquery->at);
    if (auto* unary = As<UnaryExpr>(expr)) return Pin(*unary->expr);
    if (auto* paren = As<ParenExpr>(expr)) return Pin(*paren->expr);
    if (auto* binary = As<BinaryExpr>(expr)) {
      Pin(*binary->left);
      Pin(*binary->right);
    } else if (auto* aggregate = As<AggregateExpr>(expr)) {
      Pin(*aggregate->expr);
      if (aggregate->param) Pin(*aggregate->param);
    } else if (auto* call = As<Call>(expr)) {
      const std::string_view name = call->function->name;
      depends_on_time_ = depends_on_time_ || std::find(kTimeDependent.begin(), kTimeDependent.end(),
                                                       name) != kTimeDependent.end();
      for (ExprPtr& arg : call->args) Pin(*arg);
    }
  }

 private:
  void PinAt(At& at) const {
    if (at.kind != AtKind::kTime) at = {.kind = AtKind::kTime, .ms = time_ms_};
  }

  std::int64_t time_ms_;
  bool depends_on_time_ = false;
};

}  // namespace

std::vector<Form> PinnedForms(const std::string& query, std::int64_t time_ms,
                              const ParseOptions& options) {
  auto expr = ParseExpr(query, options);
  if (!expr) return {};
  Pinner pinner(time_ms);
  pinner.Pin(**expr);
  if (pinner.depends_on_time()) return {};
  const std::string pinned = Print(**expr);
  std::vector<std::int64_t> times = {-10 * time_ms, 0, time_ms / 5, time_ms, 10 * time_ms};
  if (time_ms == 0) times = {-1000, -time_ms, 1000};
  std::vector<Form> forms;
  for (const std::int64_t time : times) forms.push_back({.query = pinned, .time_ms = time});
  return forms;
}

}  // namespace opssight::promqltest
