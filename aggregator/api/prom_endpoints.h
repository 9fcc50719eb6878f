// The endpoints of Prometheus' API, by the file they are in. Each answers one request on the
// caller's thread; what it reads is in the context.
#pragma once

#include "aggregator/api/prom_call.h"

namespace opssight {

// prom_query.cc
PromResult AnswerQuery(const PromContext& context, const PromCall& call);
PromResult AnswerQueryRange(const PromContext& context, const PromCall& call);
// prom_syntax.cc
PromResult AnswerFormatQuery(const PromContext& context, const PromCall& call);
PromResult AnswerParseQuery(const PromContext& context, const PromCall& call);
// prom_labels.cc
PromResult AnswerLabels(const PromContext& context, const PromCall& call);
PromResult AnswerLabelValues(const PromContext& context, const PromCall& call);
PromResult AnswerSeries(const PromContext& context, const PromCall& call);
// prom_exemplars.cc
PromResult AnswerExemplars(const PromContext& context, const PromCall& call);
// prom_metadata.cc
PromResult AnswerMetadata(const PromContext& context, const PromCall& call);
// prom_targets.cc
PromResult AnswerTargets(const PromContext& context, const PromCall& call);
PromResult AnswerScrapePools(const PromContext& context, const PromCall& call);
PromResult AnswerScrapePoolConfig(const PromContext& context, const PromCall& call);
// prom_targets_metadata.cc
PromResult AnswerTargetsMetadata(const PromContext& context, const PromCall& call);
// prom_relabel_steps.cc
PromResult AnswerRelabelSteps(const PromContext& context, const PromCall& call);
// prom_rules.cc
PromResult AnswerRules(const PromContext& context, const PromCall& call);
PromResult AnswerAlerts(const PromContext& context, const PromCall& call);
PromResult AnswerAlertmanagers(const PromContext& context, const PromCall& call);
// prom_status.cc
PromResult AnswerStatusConfig(const PromContext& context, const PromCall& call);
PromResult AnswerStatusFlags(const PromContext& context, const PromCall& call);
PromResult AnswerRuntimeInfo(const PromContext& context, const PromCall& call);
PromResult AnswerBuildInfo(const PromContext& context, const PromCall& call);
HttpResponse AnswerVersion(const PromContext& context);  // /version: buildinfo, bare.
PromResult AnswerWalReplay(const PromContext& context, const PromCall& call);
PromResult AnswerNotifications(const PromContext& context, const PromCall& call);
PromResult AnswerNotificationsLive(const PromContext& context, const PromCall& call);
// prom_self_metrics.cc
PromResult AnswerSelfMetrics(const PromContext& context, const PromCall& call);
// prom_tsdb.cc
PromResult AnswerStatusTsdb(const PromContext& context, const PromCall& call);
PromResult AnswerStatusTsdbBlocks(const PromContext& context, const PromCall& call);
// prom_features.cc
PromResult AnswerFeatures(const PromContext& context, const PromCall& call);
// prom_openapi.cc
PromResult AnswerOpenApi(const PromContext& context, const PromCall& call);
// prom_admin.cc
PromResult AnswerDeleteSeries(const PromContext& context, const PromCall& call);
PromResult AnswerCleanTombstones(const PromContext& context, const PromCall& call);
PromResult AnswerSnapshot(const PromContext& context, const PromCall& call);
// prom_federate.cc: plain text, errors too.
HttpResponse AnswerFederate(const PromContext& context, const PromCall& call);

}  // namespace opssight
