// histogram_quantile, histogram_quantiles, histogram_fraction, of classic and native
// histograms.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <string>
#include <utility>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/histogram_groups.h"
#include "aggregator/promql/functions/notes.h"
#include "aggregator/promql/functions/quantile.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "common/text/number.h"
#include "common/text/utf8.h"

namespace opssight::promql {

namespace {

std::string DateText(std::int64_t time_ms) {
  const std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  char text[40];
  if (gmtime_r(&seconds, &parts) == nullptr) return std::to_string(time_ms);
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text, size);
}

// What was mended of a metric's classic buckets, over all its series and steps.
struct Mended {
  Flattened flattened;
  std::size_t samples = 0;
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;

  void Add(const Flattened& more, std::int64_t time_ms) {
    const bool first = samples++ == 0;
    flattened.from = first ? more.from : std::min(flattened.from, more.from);
    flattened.to = first ? more.to : std::max(flattened.to, more.to);
    flattened.difference = std::max(flattened.difference, more.difference);
    first_ms = first ? time_ms : std::min(first_ms, time_ms);
    last_ms = first ? time_ms : std::max(last_ms, time_ms);
  }
};
using MendedByName = std::map<std::string, Mended, std::less<>>;

void NoteMended(const MendedByName& all, PosRange pos, Annotations& annotations) {
  for (const auto& [name, mended] : all) {
    annotations.Info(
        fmt::format("input to histogram_quantile needed to be fixed for monotonicity (see "
                    "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                    "#histogram_quantile) for metric name \"{}\", from buckets {} to {}, with a "
                    "max diff of {:.2g}, over {} samples from {} to {}",
                    name, FormatGoG(mended.flattened.from), FormatGoG(mended.flattened.to),
                    mended.flattened.difference, mended.samples, DateText(mended.first_ms),
                    DateText(mended.last_ms)),
        pos);
  }
}

void NoteNan(std::string_view text, const HistogramGroup& group, PosRange pos,
             Annotations& annotations) {
  annotations.Info(fmt::format("{} for metric name \"{}\"", text, group.labels.Get(kMetricName)),
                   pos);
}

// As OpenMetrics writes a float: 1 is "1.0".
std::string QuantileText(double q) {
  std::string text = FormatGoG(q);
  if (std::isfinite(q) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

Column ColumnOf(const HistogramGroup& group, const VectorArgs& args) {
  Column column;
  column.labels = group.labels;
  column.drop_name = group.drop_name;
  column.values.assign(args.steps.count, Absent());
  return column;
}

// One quantile a step of every group, into columns of these.
class Quantiles {
 public:
  Quantiles(VectorArgs& args, std::size_t vector_arg)
      : args_(args),
        pos_(args.call.args[vector_arg]->pos),
        groups_(args.args[vector_arg].columns, pos_, args.annotations) {}

  // label: "", or the name of a label that says the quantile.
  Status Add(std::size_t q_arg, const std::string& label, Columns& columns) {
    const std::vector<double>& q = args_.args[q_arg].scalars;
    WarnOfQuantiles(q, args_.call.args[q_arg]->pos, args_.annotations);
    for (const HistogramGroup& group : groups_.all()) {
      OPS_RETURN_IF_ERROR(args_.Grow(args_.steps.count));
      Column column = ColumnOf(group, args_);
      Fill(group, q, column);
      if (label.empty()) {
        columns.push_back(std::move(column));
      } else {
        OPS_RETURN_IF_ERROR(Spread(column, label, q, columns));
      }
    }
    return {};
  }
  void Finish() { NoteMended(mended_, pos_, args_.annotations); }

 private:
  void Fill(const HistogramGroup& group, const std::vector<double>& q, Column& column) {
    for (std::size_t step = 0; step < args_.steps.count; ++step) {
      groups_.Get(group, step, at_);
      if (at_.native != nullptr) {
        NanNotes notes;
        column.values[step] = Quantile(q[step], *at_.native, &notes);
        Note(notes, group);
      } else if (!at_.classic.empty()) {
        Flattened flattened;
        column.values[step] = ClassicQuantile(q[step], at_.classic, flattened);
        if (flattened.any) {
          mended_[std::string(group.labels.Get(kMetricName))].Add(flattened, args_.steps.At(step));
        }
      }
    }
  }

  void Note(const NanNotes& notes, const HistogramGroup& group) {
    if (notes.result_nan) {
      NoteNan("input to histogram_quantile has NaN observations, result is NaN", group, pos_,
              args_.annotations);
    }
    if (notes.result_skewed) {
      NoteNan("input to histogram_quantile has NaN observations, result is skewed higher", group,
              pos_, args_.annotations);
    }
  }

  // The quantile may differ from step to step: a column for each.
  Status Spread(const Column& from, const std::string& label, const std::vector<double>& q,
                Columns& columns) {
    std::map<std::string, std::size_t> known;
    for (std::size_t step = 0; step < from.values.size(); ++step) {
      if (!from.HasFloat(step)) continue;
      const auto [it, is_new] = known.try_emplace(QuantileText(q[step]), columns.size());
      if (is_new) {
        OPS_RETURN_IF_ERROR(args_.Grow(from.values.size()));
        Column column = {.labels = {}, .drop_name = from.drop_name};
        column.values.assign(from.values.size(), Absent());
        std::vector<Label> labels(from.labels.begin(), from.labels.end());
        std::erase_if(labels, [&](const Label& known_label) { return known_label.name == label; });
        labels.push_back({.name = label, .value = it->first});
        column.labels = Labels(std::move(labels));
        columns.push_back(std::move(column));
      }
      columns[it->second].values[step] = from.values[step];
    }
    return {};
  }

  VectorArgs& args_;
  const PosRange pos_;
  const HistogramGroups groups_;
  HistogramGroups::AtStep at_;
  MendedByName mended_;
};

}  // namespace

Result<Columns> HistogramQuantile(VectorArgs& args) {
  Quantiles quantiles(args, 1);
  Columns columns;
  OPS_RETURN_IF_ERROR(quantiles.Add(0, "", columns));
  quantiles.Finish();
  return Nameless(std::move(columns), args.options);
}

Result<Columns> HistogramQuantiles(VectorArgs& args) {
  const std::string& label = args.args[1].text;
  if (label.empty() || !IsUtf8(label)) {
    return Invalid(fmt::format("invalid label name in histogram_quantiles(): {}", label));
  }
  Quantiles quantiles(args, 0);
  Columns columns;
  for (std::size_t i = 2; i < args.args.size(); ++i) {
    OPS_RETURN_IF_ERROR(quantiles.Add(i, label, columns));
  }
  quantiles.Finish();
  return Nameless(std::move(columns), args.options);
}

Result<Columns> HistogramFraction(VectorArgs& args) {
  const PosRange pos = args.call.args[2]->pos;
  const std::vector<double>& lower = args.args[0].scalars;
  const std::vector<double>& upper = args.args[1].scalars;
  const HistogramGroups groups(args.args[2].columns, pos, args.annotations);
  HistogramGroups::AtStep at;
  Columns columns;
  for (const HistogramGroup& group : groups.all()) {
    Column column = ColumnOf(group, args);
    for (std::size_t step = 0; step < args.steps.count; ++step) {
      groups.Get(group, step, at);
      if (at.native != nullptr) {
        NanNotes notes;
        column.values[step] = Fraction(lower[step], upper[step], *at.native, &notes);
        if (notes.result_skewed) {
          NoteNan(
              "input to histogram_fraction has NaN observations, which are excluded from all "
              "fractions",
              group, pos, args.annotations);
        }
      } else if (!at.classic.empty()) {
        column.values[step] = ClassicFraction(lower[step], upper[step], at.classic);
      }
    }
    columns.push_back(std::move(column));
  }
  return Nameless(std::move(columns), args.options);
}

}  // namespace opssight::promql
