#include "bits/cgroup.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <string>

namespace randprop {
namespace {

constexpr std::size_t longest_line = 4096;

// The next line, at most so much of it as a sound one holds; false at the end.
bool next_line(std::istream& stream, std::string* line) {
  char text[longest_line];
  if (!stream.getline(text, sizeof text)) {
    return false;
  }
  line->assign(text);
  return true;
}

std::string first_line(const std::string& path) {
  std::ifstream stream(path);
  std::string line;
  return next_line(stream, &line) ? line : std::string();
}

// A number of decimal digits alone; 0 for anything else ("max", "-1", nothing, too many digits).
std::uint64_t count_of(const std::string& text) {
  const bool digits =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || text.size() > 18 || !digits) {
    return 0;
  }
  std::uint64_t number = 0;
  for (const char c : text) {
    number = 10 * number + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

// Quota over period, rounded up; 0 where one of them is not there.
int cpus_of(const std::string& quota, const std::string& period) {
  const std::uint64_t share = count_of(quota);
  const std::uint64_t whole = count_of(period);
  if (share == 0 || whole == 0) {
    return 0;
  }
  const std::uint64_t cpus = (share - 1) / whole + 1;
  return static_cast<int>(
      std::min<std::uint64_t>(cpus, static_cast<std::uint64_t>(std::numeric_limits<int>::max())));
}

int quota_of(const std::string& folder) {
  // Version 2: "quota period" or "max period". Version 1: a file each, -1 for none.
  const std::string both = first_line(folder + "/cpu.max");
  const std::size_t space = both.find(' ');
  if (space != std::string::npos) {
    return cpus_of(both.substr(0, space), both.substr(space + 1));
  }
  return cpus_of(first_line(folder + "/cpu.cfs_quota_us"),
                 first_line(folder + "/cpu.cfs_period_us"));
}

void take_least(int cpus, int* least) {
  if (cpus > 0 && (*least == 0 || cpus < *least)) {
    *least = cpus;
  }
}

// A group and all above it, up to where the hierarchy is mounted. In a container the path may be
// the host's, which does not exist here: the mounted folder itself is then the container's group.
void take_least_of_path(const std::string& mount, std::string path, int* least) {
  if (path.find("/..") != std::string::npos) {
    path.clear();  // outside what is mounted here
  }
  while (!path.empty()) {
    take_least(quota_of(mount + path), least);
    path.erase(path.find_last_of('/'));
  }
  take_least(quota_of(mount), least);
}

bool names_cpu(const std::string& controllers) {
  return ("," + controllers + ",").find(",cpu,") != std::string::npos;
}

}  // namespace

int cgroup_cpus(const std::string& self, const std::string& mounts) {
  int least = 0;
  std::ifstream groups(self);
  std::string line;
  while (next_line(groups, &line)) {
    // "number:controllers:/path"; version 2 names no controllers.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      take_least_of_path(mounts, path, &least);
      take_least_of_path(mounts + "/unified", path, &least);
    } else if (names_cpu(controllers)) {
      for (const char* name : {"/cpu", "/cpu,cpuacct", "/cpuacct,cpu"}) {
        take_least_of_path(mounts + name, path, &least);
      }
    }
  }
  return least;
}

}  // namespace randprop
