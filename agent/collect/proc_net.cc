#include "agent/collect/proc_net.h"

#include <algorithm>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "agent/collect/fields.h"
#include "agent/collect/proc_kernel.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

// In the order of net/dev: eight of what came in, eight of what went out.
constexpr std::array<std::string_view, 16> kNetDev = {
    "node_network_receive_bytes_total",      "node_network_receive_packets_total",
    "node_network_receive_errs_total",       "node_network_receive_drop_total",
    "node_network_receive_fifo_total",       "node_network_receive_frame_total",
    "node_network_receive_compressed_total", "node_network_receive_multicast_total",
    "node_network_transmit_bytes_total",     "node_network_transmit_packets_total",
    "node_network_transmit_errs_total",      "node_network_transmit_drop_total",
    "node_network_transmit_fifo_total",      "node_network_transmit_colls_total",
    "node_network_transmit_carrier_total",   "node_network_transmit_compressed_total"};
constexpr std::array<std::string_view, 16> kContainerNetDev = {
    "container_network_receive_bytes_total",
    "container_network_receive_packets_total",
    "container_network_receive_errors_total",
    "container_network_receive_packets_dropped_total",
    "",
    "",
    "",
    "",
    "container_network_transmit_bytes_total",
    "container_network_transmit_packets_total",
    "container_network_transmit_errors_total",
    "container_network_transmit_packets_dropped_total"};

// Calls add(device, fields) for each device of a net/dev.
template <class Add>
Status ForEachDevice(std::string_view text, Add&& add) {
  std::size_t lines = 0;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    const std::size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) continue;
    fields.Split(line.substr(colon + 1));
    if (fields.size() < kNetDev.size()) continue;
    ++lines;
    add(Trim(line.substr(0, colon)), fields);
  }
  return Understood(lines, "net/dev");
}

template <std::size_t N>
bool OneOf(std::string_view text, const std::array<std::string_view, N>& all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

// The fields node_exporter keeps unless told otherwise.
bool KeptNetstat(std::string_view protocol, std::string_view field) {
  if (field == "InErrors" || field == "InErrs") return true;
  if (protocol == "Ip") return field == "Forwarding";
  if (protocol == "Ip6" || protocol == "IpExt") return field == "InOctets" || field == "OutOctets";
  if (protocol == "Icmp" || protocol == "Icmp6") return field == "InMsgs" || field == "OutMsgs";
  if (protocol == "Tcp") {
    constexpr std::array<std::string_view, 7> kTcp = {
        "ActiveOpens", "InSegs", "OutSegs", "OutRsts", "PassiveOpens", "RetransSegs", "CurrEstab"};
    return OneOf(field, kTcp);
  }
  if (protocol == "TcpExt") {
    constexpr std::array<std::string_view, 4> kTcpExt = {"TCPSynRetrans", "TCPTimeouts",
                                                         "TCPOFOQueue", "TCPRcvQDrop"};
    return field.starts_with("Listen") || field.starts_with("Syncookies") || OneOf(field, kTcpExt);
  }
  if (protocol == "Udp" || protocol == "Udp6") {
    constexpr std::array<std::string_view, 5> kUdp = {"InDatagrams", "OutDatagrams", "NoPorts",
                                                      "RcvbufErrors", "SndbufErrors"};
    return OneOf(field, kUdp);
  }
  return false;
}

void AddNetstatField(std::string_view protocol, std::string_view field, std::string_view text,
                     std::string& name, FrameBuilder& out) {
  double value = 0;
  if (!KeptNetstat(protocol, field) || !Number(text, value)) return;
  name.assign("node_netstat_").append(protocol).append("_").append(field);
  out.Add(name, {}, MetricType::kUnknown, value);
}

}  // namespace

Status AddNetDev(std::string_view text, FrameBuilder& out) {
  return ForEachDevice(text, [&](std::string_view device, const Fields& fields) {
    for (std::size_t i = 0; i < kNetDev.size(); ++i) {
      double value = 0;
      if (!Number(fields[i], value)) continue;
      out.Add(kNetDev[i], {{"device", device}}, kCounter, value);
      if (i % 8 != 0) continue;
      out.Add("system_network_bytes_total",
              {{"direction", i == 0 ? "rx" : "tx"}, {"interface", device}}, kCounter, value);
    }
  });
}

Status AddContainerNetDev(std::string_view text, FrameBuilder& out) {
  return ForEachDevice(text, [&](std::string_view device, const Fields& fields) {
    if (device == "lo") return;
    for (std::size_t i = 0; i < kContainerNetDev.size(); ++i) {
      double value = 0;
      if (kContainerNetDev[i].empty() || !Number(fields[i], value)) continue;
      out.Add(kContainerNetDev[i], {{"interface", device}}, kCounter, value);
    }
  });
}

Status AddNetstat(std::string_view text, FrameBuilder& out) {
  std::size_t lines = 0;
  Fields names, values;
  std::string name;
  for (std::string_view head, line; NextLine(text, head) && NextLine(text, line);) {
    names.Split(head);
    values.Split(line);
    if (names.empty() || names.size() != values.size() || names[0] != values[0]) continue;
    const std::string_view protocol = names[0].substr(0, names[0].size() - 1);
    ++lines;
    for (std::size_t i = 1; i < names.size(); ++i) {
      AddNetstatField(protocol, names[i], values[i], name, out);
    }
  }
  return Understood(lines, "net/snmp");
}

Status AddSnmp6(std::string_view text, FrameBuilder& out) {
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    if (fields.size() != 2) continue;
    const std::size_t six = fields[0].find('6');  // "Udp6InErrors".
    if (six == std::string_view::npos) continue;
    ++lines;
    AddNetstatField(fields[0].substr(0, six + 1), fields[0].substr(six + 1), fields[1], name, out);
  }
  return Understood(lines, "net/snmp6");
}

Status AddSockstat(std::string_view text, FrameBuilder& out) {
  static const double page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    if (fields.size() < 3 || !fields[0].ends_with(':')) continue;
    ++lines;
    const std::string_view protocol = fields[0].substr(0, fields[0].size() - 1);
    for (std::size_t i = 1; i + 1 < fields.size(); i += 2) {
      double value = 0;
      if (!Number(fields[i + 1], value)) continue;
      name.assign("node_sockstat_").append(protocol).append("_").append(fields[i]);
      out.Add(name, {}, kGauge, value);
      if (fields[i] == "mem") out.Add(name += "_bytes", {}, kGauge, value * page_bytes);
    }
  }
  return Understood(lines, "net/sockstat");
}

Status AddSoftnet(std::string_view text, FrameBuilder& out) {
  struct Column {
    std::size_t at;
    std::string_view name;
    MetricType type;
  };
  static constexpr std::array<Column, 7> kColumns = {{
      {0, "node_softnet_processed_total", kCounter},
      {1, "node_softnet_dropped_total", kCounter},
      {2, "node_softnet_times_squeezed_total", kCounter},
      {8, "node_softnet_cpu_collision_total", kCounter},
      {9, "node_softnet_received_rps_total", kCounter},
      {10, "node_softnet_flow_limit_count_total", kCounter},
      {11, "node_softnet_backlog_len", kGauge},
  }};
  constexpr std::size_t kCpuColumn = 12;
  std::size_t lines = 0;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    double cpu = static_cast<double>(lines);  // Old kernels do not say which.
    if (fields.size() < 9 || (fields.size() > kCpuColumn && !HexNumber(fields[kCpuColumn], cpu)))
      continue;
    ++lines;
    std::array<char, 24> digits{};
    const char* end =
        std::to_chars(digits.begin(), digits.end(), static_cast<std::uint64_t>(cpu)).ptr;
    const std::string_view label(digits.data(), static_cast<std::size_t>(end - digits.data()));
    for (const Column& column : kColumns) {
      double value = 0;
      if (column.at >= fields.size() || !HexNumber(fields[column.at], value)) continue;
      out.Add(column.name, {{"cpu", label}}, column.type, value);
    }
  }
  return Understood(lines, "net/softnet_stat");
}

Status AddConntrackStat(std::string_view text, FrameBuilder& out) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kColumns = {{
      {"found", "node_nf_conntrack_stat_found"},
      {"invalid", "node_nf_conntrack_stat_invalid"},
      {"ignore", "node_nf_conntrack_stat_ignore"},
      {"insert", "node_nf_conntrack_stat_insert"},
      {"insert_failed", "node_nf_conntrack_stat_insert_failed"},
      {"drop", "node_nf_conntrack_stat_drop"},
      {"early_drop", "node_nf_conntrack_stat_early_drop"},
      {"search_restart", "node_nf_conntrack_stat_search_restart"},
  }};
  std::string_view head;
  (void)NextLine(text, head);
  const Fields names(head);
  std::array<double, kColumns.size()> sums{};
  std::size_t lines = 0;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {  // One for each processor.
    fields.Split(line);
    if (fields.size() != names.size()) continue;
    ++lines;
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      for (std::size_t at = 0; at < names.size(); ++at) {
        double value = 0;
        if (names[at] == kColumns[i].first && HexNumber(fields[at], value)) sums[i] += value;
      }
    }
  }
  OPS_RETURN_IF_ERROR(Understood(lines, "net/stat/nf_conntrack"));
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    out.Add(kColumns[i].second, {}, kGauge, sums[i]);
  }
  return {};
}

Status AddArp(std::string_view text, FrameBuilder& out) {
  std::vector<std::pair<std::string_view, double>> devices;  // Few.
  std::string_view head;
  if (!NextLine(text, head) || !head.starts_with("IP address")) {
    return Invalid("net/arp: no line understood");
  }
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    if (fields.size() < 6) continue;
    const std::string_view device = fields.back();
    auto it = std::find_if(devices.begin(), devices.end(),
                           [&](const auto& known) { return known.first == device; });
    if (it == devices.end()) it = devices.insert(devices.end(), {device, 0});
    ++it->second;
  }
  std::sort(devices.begin(), devices.end());  // The table's order changes all the time.
  for (const auto& [device, count] : devices) {
    out.Add("node_arp_entries", {{"device", device}}, kGauge, count);
  }
  return {};
}

void SocketTable::Feed(std::string_view line) {
  // "  sl: local remote st tx:rx …", all hexadecimal.
  std::array<std::string_view, 5> fields;
  std::size_t count = 0;
  for (std::size_t at = line.find_first_not_of(' ');
       at != std::string_view::npos && count < fields.size();) {
    const std::size_t end = line.find(' ', at);
    fields[count++] = line.substr(at, end == line.npos ? end : end - at);
    at = end == line.npos ? end : line.find_first_not_of(' ', end);
  }
  if (count < fields.size()) return;
  const auto state = ParseInt<std::size_t>(fields[3], 16);
  if (!state || *state < 1 || *state >= kStates) return;
  ++states_[*state];
  const std::size_t colon = fields[4].find(':');
  double bytes = 0;
  if (colon == std::string_view::npos) return;
  if (HexNumber(fields[4].substr(0, colon), bytes)) tx_bytes_ += bytes;
  if (HexNumber(fields[4].substr(colon + 1), bytes)) rx_bytes_ += bytes;
}

void SocketTable::AddTcpStates(FrameBuilder& out) const {
  constexpr std::array<std::string_view, kStates> kNames = {
      "",      "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",   "time_wait",
      "close", "close_wait",  "last_ack", "listen",   "closing",   "new_syn_recv"};
  const auto add = [&](std::string_view state, double value) {
    out.Add("node_tcp_connection_states", {{"state", state}}, kGauge, value);
  };
  for (std::size_t i = 1; i < kStates; ++i) add(kNames[i], states_[i]);
  add("rx_queued_bytes", rx_bytes_);
  add("tx_queued_bytes", tx_bytes_);
}

void SocketTable::AddUdpQueues(std::string_view ip, FrameBuilder& out) const {
  out.Add("node_udp_queues", {{"ip", ip}, {"queue", "tx"}}, kGauge, tx_bytes_);
  out.Add("node_udp_queues", {{"ip", ip}, {"queue", "rx"}}, kGauge, rx_bytes_);
}

}  // namespace opssight
