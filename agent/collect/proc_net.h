// Kernel texts to samples: the network. As proc_kernel.h. Files are those of
// /proc/1/net, the host's own network whatever namespace the agent is in.
#pragma once

#include <array>
#include <string_view>

#include "common/base/result.h"
#include "common/model/frame.h"

namespace opssight {

Status AddNetDev(std::string_view text, FrameBuilder& out);  // net/dev
// A container's net/dev under cAdvisor's names; lo is left out.
Status AddContainerNetDev(std::string_view text, FrameBuilder& out);
Status AddNetstat(std::string_view text, FrameBuilder& out);        // net/snmp and net/netstat
Status AddSnmp6(std::string_view text, FrameBuilder& out);          // net/snmp6
Status AddSockstat(std::string_view text, FrameBuilder& out);       // and sockstat6
Status AddSoftnet(std::string_view text, FrameBuilder& out);        // net/softnet_stat
Status AddConntrackStat(std::string_view text, FrameBuilder& out);  // net/stat/nf_conntrack
Status AddArp(std::string_view text, FrameBuilder& out);            // net/arp

// Sums over the lines of net/tcp, tcp6, udp or udp6, which may be many.
class SocketTable {
 public:
  void Feed(std::string_view line);  // The head line counts for nothing.
  // node_tcp_connection_states{state}.
  void AddTcpStates(FrameBuilder& out) const;
  // node_udp_queues{ip,queue}.
  void AddUdpQueues(std::string_view ip, FrameBuilder& out) const;

 private:
  static constexpr std::size_t kStates = 13;  // include/net/tcp_states.h; 0 is none.
  std::array<double, kStates> states_{};
  double tx_bytes_ = 0;
  double rx_bytes_ = 0;
};

}  // namespace opssight
