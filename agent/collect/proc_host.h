// Samples of what a host is and how its clock does. As proc_kernel.h.
#pragma once

#include <string_view>
#include <sys/timex.h>
#include <sys/utsname.h>

#include "common/base/result.h"
#include "common/model/frame.h"

namespace opssight {

// state: what adjtimex(2) returned.
void AddTimex(const timex& clock, int state, FrameBuilder& out);
void AddUname(const utsname& name, std::string_view nodename, FrameBuilder& out);
Status AddOsRelease(std::string_view text, FrameBuilder& out);  // /etc/os-release

}  // namespace opssight
