// CPUs that a control group's quota of time amounts to (Linux).
#pragma once

#include <string>

namespace randprop {

// The least quota of the process's own groups and all above them, in CPUs rounded up; 0 where none
// is set. `self` is the process's list of groups (/proc/self/cgroup), `mounts` the folder that the
// hierarchies are mounted in (/sys/fs/cgroup). What is absent or makes no sense counts as no quota.
int cgroup_cpus(const std::string& self, const std::string& mounts);

}  // namespace randprop
