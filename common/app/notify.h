// Tells the service manager what state we are in (sd_notify(3)'s protocol: one
// datagram to $NOTIFY_SOCKET). Does nothing without that variable, so it may always
// be called. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace opssight {

// "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=…", "STATUS=…". socket_path is
// the value of NOTIFY_SOCKET ("" : none; a leading '@' is the abstract namespace).
bool Notify(const std::string& socket_path, std::string_view state);

}  // namespace opssight
